#include "jobs/service.h"

#include "jobs/admission.h"
#include "jobs/answers.h"
#include "jobs/workers.h"

#include <mutex>
#include <new>
#include <system_error>
#include <utility>

namespace einfer::jobs {

class JobService::Wait {
public:
    explicit Wait(std::shared_ptr<Waiter> waiter) : waiter_(std::move(waiter)) {}
    ~Wait() { waiter_->cancel(); }
    Wait(const Wait&) = delete;
    Wait& operator=(const Wait&) = delete;

private:
    const std::shared_ptr<Waiter> waiter_;
};

class JobService::Impl {
public:
    Impl(std::unique_ptr<SqliteStore> store, Evaluate evaluate, ServiceOptions options, const Clock& clock)
        : store_(std::move(store)),
          worker_count_(options.workers),
          observer_(std::move(options.observe), *store_),
          unfinished_(options.max_queued_jobs, options.max_queued_bytes),
          writer_(*store_, {options.result_ttl, options.tombstone_ttl, options.expiry_interval}, clock),
          admission_(options.max_stored_bytes, clock, unfinished_, ready_, writer_, observer_),
          workers_(std::move(evaluate), options.max_attempts, clock, *store_, unfinished_, ready_, writer_, observer_) {
    }
    ~Impl() { stop(); }

    Result<void> start();
    std::shared_ptr<Wait> when_final(std::string_view id, std::function<void()> wake);
    void stop();
    Admission& admission() { return admission_; }
    SqliteStore& store() { return *store_; }
    const UnfinishedJobs& unfinished() const { return unfinished_; }
    std::size_t idle_workers() const { return ready_.idle(); }

private:
    void stop_threads();

    const std::unique_ptr<SqliteStore> store_;
    const std::size_t worker_count_;
    const Observer observer_;
    UnfinishedJobs unfinished_;
    ReadyQueue ready_;
    StoreThread writer_;
    Admission admission_;

    std::mutex lifecycle_;  ///< start() and stop(), and what follows
    bool started_ = false;
    bool stopped_ = false;
    Workers workers_;
};

Result<void> JobService::Impl::start() {
    const std::scoped_lock lock(lifecycle_);
    if (stopped_) return shutting_down();
    if (started_) return internal("the job service has been started already");
    const auto found = store_->unfinished();
    if (!found && found.error().code == ErrorCode::Internal)
        return internal(
            "the job database is damaged: restore the data directory from a backup, or move it away to "
            "start without the jobs in it");
    if (!found) return found.error();
    started_ = true;
    for (const auto& job : *found) {
        unfinished_.readmit(job.id, job.tenant, job.input_bytes);
        ready_.recover({.id = job.id, .tenant = job.tenant, .attempt = job.attempt, .suspect = job.attempt > 0});
        observer_.tell_stored(Event::Recovered, job.id);
    }
    try {
        writer_.start();
        workers_.start(worker_count_);
    } catch (const std::system_error&) {
        stop_threads();
        return internal("the job service cannot start its threads");
    }
    ready_.open();
    return {};
}

std::shared_ptr<JobService::Wait> JobService::Impl::when_final(std::string_view id, std::function<void()> wake) {
    auto waiter = std::make_shared<Waiter>(std::move(wake));
    auto handle = std::make_shared<Wait>(waiter);
    if (!unfinished_.add_waiter(id, waiter)) waiter->fire();
    return handle;
}

void JobService::Impl::stop() {
    const std::scoped_lock lock(lifecycle_);
    stop_threads();
}

void JobService::Impl::stop_threads() {
    stopped_ = true;
    writer_.abandon();
    ready_.stop();
    workers_.join();
    writer_.finish();
}

JobService::JobService(std::unique_ptr<SqliteStore> store, Evaluate evaluate, ServiceOptions options, Clock clock)
    : impl_(std::make_unique<Impl>(std::move(store), std::move(evaluate), std::move(options), clock)) {}

JobService::~JobService() = default;

Result<void> JobService::start() { return impl_->start(); }

Result<void> JobService::submit(Submission submission, std::function<void(Result<Accepted>)> done) {
    try {
        return impl_->admission().submit(std::move(submission), std::move(done));
    } catch (const std::bad_alloc&) {
        return no_memory();
    }
}

Result<void> JobService::erase(std::string id, std::string tenant, std::function<void(Result<void>)> done) {
    try {
        return impl_->admission().erase(std::move(id), std::move(tenant), std::move(done));
    } catch (const std::bad_alloc&) {
        return no_memory();
    }
}

Result<Job> JobService::find(std::string_view id, std::string_view tenant) { return impl_->store().find(id, tenant); }

std::shared_ptr<JobService::Wait> JobService::when_final(std::string_view id, std::function<void()> wake) {
    return impl_->when_final(id, std::move(wake));
}

JobService::Load JobService::load() const {
    return {impl_->unfinished().count(), impl_->unfinished().bytes(), impl_->idle_workers()};
}

std::string JobService::store_diagnostic() const { return impl_->store().last_diagnostic(); }
std::uint64_t JobService::store_failures() const { return impl_->store().failures(); }

void JobService::stop() { impl_->stop(); }

}  // namespace einfer::jobs
