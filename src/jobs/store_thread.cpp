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

// So long without a write, and the log is folded. Writes that come meanwhile wait for it; those of a job that is being
// evaluated should not.
constexpr std::chrono::milliseconds quiet_time{5};

// Results are megabytes: a step must not hold up the writes that wait.
constexpr std::size_t expiry_step = 16;

struct SizeOf {
    std::size_t operator()(const SqliteStore::Insert& insert) const {
        if (insert.outcome) return insert.outcome->result.size();
        return insert.submission.inputs == nullptr ? 0 : insert.submission.inputs->size();
    }
    std::size_t operator()(const SqliteStore::Claim&) const { return 0; }
    std::size_t operator()(const SqliteStore::Erase&) const { return 0; }
    std::size_t operator()(const SqliteStore::Finish& finish) const { return finish.outcome.result.size(); }
};

/// A copy of `error`, in few words if there is no memory for more: whoever waits has to be told something.
Error copy_of(const Error& error) {
    try {
        return error;
    } catch (const std::bad_alloc&) {
        return {ErrorCode::Overloaded, "out of memory"};
    }
}

/// The error of `results`, which Boost.System copies.
Error error_of(const Result<std::vector<Result<SqliteStore::Written>>>& results) {
    try {
        return results.error();
    } catch (const std::bad_alloc&) {
        return {ErrorCode::Overloaded, "out of memory"};
    }
}

/// How a settled write went. The error of a service that stops is short, so that copying it takes no memory.
StoreThread::Fate fate_of(const Result<SqliteStore::Written>& result) {
    if (result) return StoreThread::Fate::Written;
    try {
        if (result.error().code == ErrorCode::ShuttingDown) return StoreThread::Fate::Abandoned;
    } catch (const std::bad_alloc&) {
        // A longer one.
    }
    return StoreThread::Fate::Refused;
}

}  // namespace

StoreThread::StoreThread(SqliteStore& store, Expiry expiry, Clock clock)
    : store_(store),
      expiry_(expiry),
      clock_(std::move(clock)),
      backoff_(first_backoff),
      result_clock_(expiry.result_ttl),
      tombstone_clock_(expiry.result_ttl + expiry.tombstone_ttl) {
    writes_.reserve(batch_writes);
}

StoreThread::~StoreThread() { finish(); }

void StoreThread::start() {
    (void)result_clock_.now(clock_(), steady_clock::now());
    (void)tombstone_clock_.now(clock_(), steady_clock::now());
    expire_at_ = steady_clock::now() + expiry_.interval;
    thread_ = std::thread([this] { run(); });
}

void StoreThread::hand_over(SqliteStore::Write write, Done done) {
    std::list<Pending> one;
    one.push_back({std::move(write), std::move(done)});
    const std::scoped_lock lock(mutex_);
    waiting_.splice(waiting_.end(), one);
    wake_.notify_one();
}

StoreThread::Fate StoreThread::settle(SqliteStore::Write write) {
    // Shared: the waiting thread may be gone before set_value() has returned.
    auto fate = std::make_shared<std::promise<Fate>>();
    auto written = fate->get_future();
    std::list<Pending> one;
    one.push_back(
        {std::move(write), [fate](const Result<SqliteStore::Written>& result) { fate->set_value(fate_of(result)); }});
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
        if (!batch.empty() && store_.wants_folding()) fold_at_ = steady_clock::now() + quiet_time;
        if (steady_clock::now() >= fold_at_) fold();

        const std::scoped_lock lock(mutex_);
        if (finishing_ && waiting_.empty() && retries_.empty()) return;
    }
}

void StoreThread::wait_for_work(std::list<Pending>& batch) {
    std::unique_lock lock(mutex_);
    const Time until = std::min({expire_at_, fold_at_, retries_.empty() ? Time::max() : retry_at_});
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

    // Nothing was written.
    auto write = writes_.begin();
    for (Pending& pending : batch) pending.write = std::move(*write++);
    writes_.clear();
    refuse(batch, error_of(results));
}

/// New jobs are refused, erasures are tried once more, and what else concerns accepted jobs is tried again and again:
/// alone, because a new job may have been what the disk had no room for.
void StoreThread::refuse(std::list<Pending>& batch, const Error& error) {
    const bool damaged = error.code != ErrorCode::Overloaded;
    for (auto next = batch.begin(); next != batch.end();) {
        const auto pending = next++;
        auto* insert = std::get_if<SqliteStore::Insert>(&pending->write);
        const bool erases = std::holds_alternative<SqliteStore::Erase>(pending->write);
        if (insert == nullptr && !erases) {
            if (retries_.empty()) {
                backoff_ = first_backoff;
                retry_at_ = steady_clock::now();
            }
            retries_.splice(retries_.end(), batch, pending);
            continue;
        }
        // Damage that one write met does not concern the others. A repetition needs no room, and an erasure makes some.
        const bool repeats = insert != nullptr && !insert->submission.idempotency_key.empty();
        if (!damaged && repeats) insert->refusal = copy_of(error);
        if (damaged || repeats || erases) {
            auto alone = store_.apply(std::span(&pending->write, 1));
            call(pending->done, alone ? std::move(alone->front()) : error_of(alone));
        } else {
            call(pending->done, copy_of(error));
        }
    }
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
        if (results) {
            call(pending->done, std::move(results->front()));
        } else {
            // A damaged database does not get better. Unlike a full disk, it must not hold a worker up for ever.
            Error error = error_of(results);
            if (error.code == ErrorCode::Overloaded && !abandoning) continue;
            if (error.code == ErrorCode::Overloaded) error = Error{ErrorCode::ShuttingDown, "shutting down"};
            call(pending->done, std::move(error));
        }
        retries_.erase(pending);
    }
    retry_at_ = steady_clock::now() + backoff_;
    backoff_ = std::min(2 * backoff_, last_backoff);
}

void StoreThread::expire() {
    const UnixMillis wall = clock_();
    const Time now = steady_clock::now();
    const UnixMillis finished_before = result_clock_.now(wall, now) - expiry_.result_ttl.count();
    const UnixMillis forget_before =
        tombstone_clock_.now(wall, now) - (expiry_.result_ttl + expiry_.tombstone_ttl).count();
    const auto touched = store_.expire(finished_before, forget_before, expiry_step);
    // More of the same goes on at once, but after the writes that wait. A store that fails has until the next time.
    const bool more = touched && *touched >= expiry_step;
    expire_at_ = steady_clock::now() + (more ? std::chrono::milliseconds(0) : expiry_.interval);
}

void StoreThread::fold() {
    fold_at_ = Time::max();
    store_.fold();
}

void StoreThread::call(const Done& done, Result<SqliteStore::Written> result) {
    try {
        done(std::move(result));
    } catch (...) {
        // A caller's failure is not the store's: the writes of the others have to go on.
    }
}

}  // namespace einfer::jobs
