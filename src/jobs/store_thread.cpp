#include "jobs/store_thread.h"

#include <algorithm>
#include <future>
#include <new>

namespace einfer::jobs {
namespace {

using std::chrono::steady_clock;

// What one transaction takes: enough for group commit to pay, not so much that the first of them waits for long.
constexpr std::size_t batch_writes = 64;
constexpr std::size_t batch_bytes = 32u << 20;

constexpr std::chrono::milliseconds first_backoff{100};
constexpr std::chrono::milliseconds last_backoff{2000};

// Results are megabytes: a step must not hold up the writes that wait.
constexpr std::size_t expiry_step = 16;

struct SizeOf {
    std::size_t operator()(const SqliteStore::Insert& insert) const {
        return insert.submission.inputs == nullptr ? 0 : insert.submission.inputs->size();
    }
    std::size_t operator()(const SqliteStore::Claim&) const { return 0; }
    std::size_t operator()(const SqliteStore::Finish& finish) const { return finish.outcome.result.size(); }
};

/// The error of `results`, in few words if there is no memory for more: whoever waits has to be told something.
Error error_of(const Result<std::vector<Result<void>>>& results) {
    try {
        return results.error();
    } catch (const std::bad_alloc&) {
        return {ErrorCode::Overloaded, "out of memory"};
    }
}

bool is_insert(const SqliteStore::Write& write) { return std::holds_alternative<SqliteStore::Insert>(write); }

}  // namespace

StoreThread::StoreThread(SqliteStore& store, Expiry expiry, Clock clock)
    : store_(store), expiry_(expiry), clock_(std::move(clock)), backoff_(first_backoff) {
    writes_.reserve(batch_writes);
}

StoreThread::~StoreThread() { finish(); }

void StoreThread::start() {
    expire_at_ = steady_clock::now() + expiry_.interval;
    thread_ = std::thread([this] { run(); });
}

void StoreThread::insert(SqliteStore::Insert insert, Done done) {
    std::list<Pending> one;
    one.push_back({std::move(insert), std::move(done)});
    const std::scoped_lock lock(mutex_);
    waiting_.splice(waiting_.end(), one);
    wake_.notify_one();
}

StoreThread::Fate StoreThread::settle(SqliteStore::Write write) {
    // Shared: the waiting thread may be gone before set_value() has returned.
    auto fate = std::make_shared<std::promise<Fate>>();
    auto written = fate->get_future();
    std::list<Pending> one;
    one.push_back({std::move(write), [fate](const Result<void>& result) {
                       if (result) {
                           fate->set_value(Fate::Written);
                       } else {
                           const bool abandoned = result.error().code == ErrorCode::ShuttingDown;
                           fate->set_value(abandoned ? Fate::Abandoned : Fate::Refused);
                       }
                   }});
    {
        const std::scoped_lock lock(mutex_);
        waiting_.splice(waiting_.end(), one);
        wake_.notify_one();
    }
    return written.get();
}

void StoreThread::abandon() {
    const std::scoped_lock lock(mutex_);
    abandoning_ = true;
    wake_.notify_one();
}

void StoreThread::finish() {
    {
        const std::scoped_lock lock(mutex_);
        abandoning_ = finishing_ = true;
        wake_.notify_one();
    }
    if (thread_.joinable()) thread_.join();
}

void StoreThread::run() {
    for (;;) {
        std::list<Pending> batch;
        wait_for_work(batch);
        if (!batch.empty()) commit(batch);
        if (!retries_.empty()) retry();
        if (steady_clock::now() >= expire_at_) expire();

        const std::scoped_lock lock(mutex_);
        if (finishing_ && waiting_.empty() && retries_.empty()) return;
    }
}

void StoreThread::wait_for_work(std::list<Pending>& batch) {
    std::unique_lock lock(mutex_);
    const Time until = retries_.empty() ? expire_at_ : std::min(expire_at_, retry_at_);
    wake_.wait_until(lock, until,
                     [this] { return !waiting_.empty() || finishing_ || (abandoning_ && !retries_.empty()); });
    std::size_t bytes = 0;
    while (!waiting_.empty() && batch.size() < batch_writes) {
        bytes += std::visit(SizeOf{}, waiting_.front().write);
        if (bytes > batch_bytes && !batch.empty()) break;
        batch.splice(batch.end(), waiting_, waiting_.begin());
    }
}

void StoreThread::commit(std::list<Pending>& batch) {
    writes_.clear();
    for (Pending& pending : batch) writes_.push_back(std::move(pending.write));
    auto results = store_.apply(writes_);
    if (results) {
        writes_.clear();  // inputs and results are released before anybody is told
        auto result = results->begin();
        for (const Pending& pending : batch) call(pending.done, std::move(*result++));
        return;
    }

    // Nothing was written. New jobs are refused; what concerns accepted ones is tried again, alone, because a new job
    // may have been what the disk had no room for.
    auto write = writes_.begin();
    for (auto next = batch.begin(); next != batch.end();) {
        const auto pending = next++;
        pending->write = std::move(*write++);
        if (is_insert(pending->write)) {
            call(pending->done, error_of(results));
        } else {
            if (retries_.empty()) {
                backoff_ = first_backoff;
                retry_at_ = steady_clock::now();
            }
            retries_.splice(retries_.end(), batch, pending);
        }
    }
    writes_.clear();
}

void StoreThread::retry() {
    bool abandoning = false;
    {
        const std::scoped_lock lock(mutex_);
        abandoning = abandoning_;
    }
    if (!abandoning && steady_clock::now() < retry_at_) return;

    // One by one: a write that the store can never take does not keep the others from the disk.
    for (auto next = retries_.begin(); next != retries_.end();) {
        const auto pending = next++;
        auto results = store_.apply(std::span(&pending->write, 1));
        if (!results && !abandoning) continue;
        if (results) {
            call(pending->done, std::move(results->front()));
        } else {
            call(pending->done, Error{ErrorCode::ShuttingDown, "shutting down"});
        }
        retries_.erase(pending);
    }
    retry_at_ = steady_clock::now() + backoff_;
    backoff_ = std::min(2 * backoff_, last_backoff);
}

void StoreThread::expire() {
    const UnixMillis finished_before = clock_() - expiry_.result_ttl.count();
    const auto touched = store_.expire(finished_before, finished_before - expiry_.tombstone_ttl.count(), expiry_step);
    // More of the same goes on at once, but after the writes that wait. A store that fails has until the next time.
    const bool more = touched && *touched >= expiry_step;
    expire_at_ = steady_clock::now() + (more ? std::chrono::milliseconds(0) : expiry_.interval);
}

void StoreThread::call(const Done& done, Result<void> result) {
    try {
        done(std::move(result));
    } catch (...) {
        // A caller's failure is not the store's: the writes of the others have to go on.
    }
}

}  // namespace einfer::jobs
