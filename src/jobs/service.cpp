#include "jobs/service.h"

#include "jobs/ready_queue.h"
#include "jobs/store_thread.h"
#include "jobs/unfinished_jobs.h"

#include <algorithm>
#include <new>
#include <system_error>
#include <thread>
#include <utility>

namespace einfer::jobs {
namespace {

using Fate = StoreThread::Fate;
using Done = std::function<void(Result<Accepted>)>;
using Written = SqliteStore::Written;
using std::chrono::steady_clock;

Error internal(const char* message) { return {ErrorCode::Internal, message}; }
Error shutting_down() { return {ErrorCode::ShuttingDown, "the server is shutting down"}; }

Outcome failure(const char* message) {
    Outcome outcome;
    outcome.error = internal(message);
    return outcome;
}

/// What the sender of `own` is told: never nothing, even when there is no memory for the error.
Result<Accepted> accepted(Accepted own, Result<Written> written) {
    try {
        if (!written) return written.error();
    } catch (const std::bad_alloc&) {
        return Error{ErrorCode::Overloaded, "out of memory"};
    }
    if (!written->repeats.empty()) return Accepted{std::move(written->repeats), true};
    return own;
}

}  // namespace

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
    Impl(std::unique_ptr<SqliteStore> store, Evaluate evaluate, ServiceOptions options, Clock clock)
        : store_(std::move(store)),
          evaluate_(std::move(evaluate)),
          options_(std::move(options)),
          clock_(clock),
          unfinished_(options_.max_queued_jobs, options_.max_queued_bytes),
          writer_(*store_, {options_.result_ttl, options_.tombstone_ttl, options_.expiry_interval}, std::move(clock)) {}
    ~Impl() { stop(); }

    Result<void> start();
    Result<void> submit(Submission submission, Done done);
    std::shared_ptr<Wait> when_final(std::string_view id, std::function<void()> wake);
    void stop();
    SqliteStore& store() { return *store_; }
    const UnfinishedJobs& unfinished() const { return unfinished_; }
    std::size_t idle_workers() const { return ready_.idle(); }

private:
    void look_up(SqliteStore::Insert insert, Done done);
    void inserted(Submission submission, ReadyQueue::Node& node, steady_clock::time_point submitted,
                  Result<Accepted> result, const Done& done);
    void work();
    void run(Ready& job);
    void evaluate_first(Ready& ready);
    void finished_at_once(Job& job, Event event, Result<Accepted> result, const Done& done);
    bool claim(Ready& job);
    std::optional<Outcome> evaluate(Ready& job);
    [[nodiscard]] Outcome call_evaluate(const Job& job, const Bytes& inputs) const;
    void conclude(Ready& job, Outcome outcome);
    template <class Read>
    auto read_patiently(Read read) -> decltype(read());
    void stop_threads();
    void observe(Event event, const Job& job) const;
    void observe_stored(Event event, const std::string& id, const Durations& durations = {}) const;

    const std::unique_ptr<SqliteStore> store_;
    const Evaluate evaluate_;
    const ServiceOptions options_;
    const Clock clock_;
    UnfinishedJobs unfinished_;
    ReadyQueue ready_;
    StoreThread writer_;

    std::mutex lifecycle_;  ///< start() and stop(), and what follows
    bool started_ = false;
    bool stopped_ = false;
    std::vector<std::thread> workers_;
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
        observe_stored(Event::Recovered, job.id);
    }
    try {
        writer_.start();
        for (std::size_t i = 0; i < options_.workers; ++i) workers_.emplace_back([this] { work(); });
    } catch (const std::system_error&) {
        stop_threads();
        return internal("the job service cannot start its threads");
    }
    ready_.open();
    return {};
}

Result<void> JobService::Impl::submit(Submission submission, Done done) {
    if (submission.inputs == nullptr) return internal("the job has no inputs");
    const std::string id = submission.id;
    const std::string tenant = submission.tenant;
    const std::size_t bytes = submission.inputs->size();
    const Quota quota = submission.quota;
    const std::optional<Error> refusal = submission.refusal;
    ReadyQueue::Node node;
    node.push_back({.id = id, .tenant = tenant, .inputs = submission.inputs, .received_at = submission.received_at});
    Submission observed = submission;
    observed.inputs = nullptr;
    SqliteStore::Insert insert{std::move(submission), false, options_.max_stored_bytes};

    const auto place = ready_.announce();
    if (place == ReadyQueue::Place::Closed) return shutting_down();
    // The claim is part of the insert, and costs no commit of its own, when a worker is there already.
    insert.claimed = node.front().claimed = place == ReadyQueue::Place::Claimed;
    node.front().attempt = insert.claimed ? 1 : 0;
    bool admitted = false;
    try {
        const auto admit = [&]() -> Result<void> {
            if (refusal) return *refusal;
            return unfinished_.admit(id, tenant, bytes, quota.max_queued_jobs);
        };
        if (auto admission = admit(); !admission) {
            if (!insert.submission.idempotency_key.empty()) {
                insert.refusal = std::move(admission).error();
                look_up(std::move(insert), std::move(done));
                return {};
            }
            ready_.arrive({});
            return admission;
        }
        admitted = true;
        if (insert.claimed && insert.submission.evaluate_first) {
            node.front().unstored = std::make_shared<Unstored>(std::move(insert), std::move(done), steady_clock::now());
            ready_.arrive(std::move(node));
            return {};
        }
        writer_.insert(std::move(insert),
                       [this, observed = std::move(observed), node = std::move(node), own = Accepted{id},
                        submitted = steady_clock::now(), done = std::move(done)](Result<Written> written) mutable {
                           auto result = accepted(std::move(own), std::move(written));
                           inserted(std::move(observed), node, submitted, std::move(result), done);
                       });
    } catch (const std::bad_alloc&) {
        if (admitted) unfinished_.forget(id);
        ready_.arrive({});
        throw;
    }
    return {};
}

// There is no room for the job, but its idempotency key may name one that was accepted. The announcement lasts until it
// is answered: stop() waits for that.
void JobService::Impl::look_up(SqliteStore::Insert insert, Done done) {
    insert.submission.inputs = nullptr;
    writer_.insert(std::move(insert), [this, done = std::move(done)](Result<Written> written) {
        try {
            done(accepted({}, std::move(written)));
        } catch (...) {
            // Nothing was accepted here.
        }
        ready_.arrive({});
    });
}

// On the store thread.
void JobService::Impl::inserted(Submission submission, ReadyQueue::Node& node, steady_clock::time_point submitted,
                                Result<Accepted> result, const Done& done) {
    const auto now = steady_clock::now();
    node.front().accepted_at = now;
    node.front().durations.store = now - submitted;
    const bool added = result && !result->repeated;
    if (added && options_.observe) {
        Job job;
        job.submission = std::move(submission);
        job.created_at = clock_();
        job.durations = node.front().durations;
        if (node.front().claimed) {
            job.state = State::Running;
            job.attempt = 1;
            job.started_at = job.created_at;
        }
        observe(Event::Accepted, job);
    }
    if (!added) {
        unfinished_.forget(node.front().id);  // before `done`, which may submit again
        node.clear();
    }
    try {
        done(std::move(result));
    } catch (...) {
        // The job is accepted whether or not its sender could be told.
    }
    ready_.arrive(std::move(node));
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
    for (std::thread& worker : workers_) worker.join();
    workers_.clear();
    writer_.finish();
}

void JobService::Impl::work() {
    for (;;) {
        auto node = ready_.take();
        if (node.empty()) return;
        bool failed = false;
        try {
            run(node.front());
        } catch (...) {
            failed = true;
        }
        // No memory, most likely. The job is as it was, or claimed for nothing: another attempt, but not at once.
        if (failed && ready_.pause(std::chrono::milliseconds(100))) {
            ready_.put_back(std::move(node));
        } else {
            ready_.release(node);
        }
    }
}

void JobService::Impl::run(Ready& job) {
    if (job.unstored != nullptr) return evaluate_first(job);
    if (!job.claimed && static_cast<std::size_t>(job.attempt) >= options_.max_attempts) {
        conclude(job, failure("the job was given up after repeated failures of the server"));
        return;
    }
    if (!job.claimed && !claim(job)) return;
    if (auto outcome = evaluate(job)) conclude(job, std::move(*outcome));
}

bool JobService::Impl::claim(Ready& job) {
    // On disk before the evaluation begins, for it is what counts the attempts of a job that kills the process.
    const Fate fate = writer_.settle(SqliteStore::Claim{job.id, job.attempt + 1});
    if (fate == Fate::Refused) unfinished_.forget(job.id);
    if (fate != Fate::Written) return false;
    ++job.attempt;
    job.claimed = true;
    return true;
}

// Nothing when the job has to stay as it is because the service is stopping.
std::optional<Outcome> JobService::Impl::evaluate(Ready& job) {
    const auto stored = read_patiently([&] { return store_->load(job.id); });
    const auto inputs = job.inputs != nullptr ? Result<std::shared_ptr<const Bytes>>(std::move(job.inputs))
                                              : read_patiently([&] { return store_->inputs(job.id); });
    if (!stored || !inputs) {
        const ErrorCode code = stored ? inputs.error().code : stored.error().code;
        if (code == ErrorCode::ShuttingDown) return std::nullopt;
        return failure("the job could not be read");
    }
    observe(Event::Started, *stored);
    if (job.accepted_at) job.durations.queue = steady_clock::now() - *job.accepted_at;
    return call_evaluate(*stored, **inputs);
}

Outcome JobService::Impl::call_evaluate(const Job& job, const Bytes& inputs) const {
    try {
        return evaluate_(job, inputs);
    } catch (const std::bad_alloc&) {
        throw;  // another attempt, a little later
    } catch (...) {
        return failure("the evaluation failed");
    }
}

// Nothing is on disk and nobody was told anything: a process that dies here has accepted nothing, and no attempt needs
// counting.
void JobService::Impl::evaluate_first(Ready& ready) {
    const std::shared_ptr<Unstored> unstored = std::move(ready.unstored);
    Job job;
    job.submission.id = std::move(ready.id);
    try {
        Accepted own{job.submission.id};  // nothing that is told after the commit may need memory
        job.submission = unstored->insert.submission;
        job.submission.inputs = nullptr;
        job.state = State::Running;
        job.attempt = 1;
        job.created_at = clock_();
        job.started_at = job.created_at;
        job.durations.queue = steady_clock::now() - unstored->submitted;
        Outcome outcome = call_evaluate(job, *ready.inputs);
        job.durations.evaluate = outcome.evaluate;
        job.durations.serialise = outcome.serialise;
        const bool failed = outcome.error.has_value();
        unstored->insert.outcome = std::move(outcome);
        writer_.insert(std::move(unstored->insert), [this, job, failed, own = std::move(own), done = unstored->done,
                                                     evaluated = steady_clock::now()](Result<Written> written) mutable {
            job.durations.store = steady_clock::now() - evaluated;
            auto result = accepted(std::move(own), std::move(written));
            finished_at_once(job, failed ? Event::Failed : Event::Completed, std::move(result), done);
        });
    } catch (const std::bad_alloc&) {
        finished_at_once(job, Event::Failed, Error{ErrorCode::Overloaded, "out of memory"}, unstored->done);
    }
}

// On the store thread, or where there was no memory to get there.
void JobService::Impl::finished_at_once(Job& job, Event event, Result<Accepted> result, const Done& done) {
    if (result && !result->repeated) {
        Durations spent = std::exchange(job.durations, Durations{.store = job.durations.store});
        observe(Event::Accepted, job);
        job.durations = {};
        observe(Event::Started, job);
        if (job.submission.received_at) spent.total = steady_clock::now() - *job.submission.received_at;
        job.durations = spent;
        job.state = event == Event::Completed ? State::Completed : State::Failed;
        observe(event, job);
    }
    unfinished_.forget(job.submission.id);
    try {
        done(std::move(result));
    } catch (...) {
        // The job is accepted, or not, whether or not its sender could be told.
    }
}

void JobService::Impl::conclude(Ready& job, Outcome outcome) {
    job.durations.evaluate = outcome.evaluate;
    job.durations.serialise = outcome.serialise;
    Event event = outcome.error ? Event::Failed : Event::Completed;
    Fate fate = writer_.settle(SqliteStore::Finish{job.id, job.attempt, std::move(outcome)});
    if (fate == Fate::Refused && event == Event::Completed) {
        // A result that cannot be stored. Had the job moved on instead, this would be refused as well.
        event = Event::Failed;
        fate = writer_.settle(SqliteStore::Finish{job.id, job.attempt, failure("the result could not be stored")});
    }
    if (fate == Fate::Abandoned) return;
    if (job.received_at) job.durations.total = steady_clock::now() - *job.received_at;
    if (fate == Fate::Written) observe_stored(event, job.id, job.durations);
    unfinished_.forget(job.id);
}

/// A store that is overloaded is asked again for some ten seconds; SHUTTING_DOWN when stop() was called meanwhile.
template <class Read>
auto JobService::Impl::read_patiently(Read read) -> decltype(read()) {
    std::chrono::milliseconds backoff{100};
    for (int tries = 1;; ++tries) {
        auto result = read();
        if (result || result.error().code != ErrorCode::Overloaded || tries == 9) return result;
        if (!ready_.pause(backoff)) return shutting_down();
        backoff = std::min(2 * backoff, std::chrono::milliseconds(2000));
    }
}

void JobService::Impl::observe(Event event, const Job& job) const {
    if (!options_.observe) return;
    try {
        options_.observe(event, job);
    } catch (...) {
        // A log that fails must not fail jobs.
    }
}

void JobService::Impl::observe_stored(Event event, const std::string& id, const Durations& durations) const {
    if (!options_.observe) return;
    auto job = store_->load(id);
    if (!job) return;
    job->durations = durations;
    observe(event, *job);
}

JobService::JobService(std::unique_ptr<SqliteStore> store, Evaluate evaluate, ServiceOptions options, Clock clock)
    : impl_(std::make_unique<Impl>(std::move(store), std::move(evaluate), std::move(options), std::move(clock))) {}

JobService::~JobService() = default;

Result<void> JobService::start() { return impl_->start(); }

Result<void> JobService::submit(Submission submission, Done done) {
    try {
        return impl_->submit(std::move(submission), std::move(done));
    } catch (const std::bad_alloc&) {
        return Error{ErrorCode::Overloaded, "out of memory"};
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
