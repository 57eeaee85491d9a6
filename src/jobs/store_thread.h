// The one thread that writes to the store: it gathers waiting writes into one transaction, and expires old jobs.
// Private to src/jobs.
#pragma once

#include "jobs/expiry_clock.h"
#include "jobs/sqlite_store.h"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <thread>

namespace einfer::jobs {

class StoreThread {
public:
    struct Expiry {
        std::chrono::milliseconds result_ttl;
        std::chrono::milliseconds tombstone_ttl;
        std::chrono::milliseconds interval;
    };
    using Done = std::function<void(Result<SqliteStore::Written>)>;

    StoreThread(SqliteStore& store, Expiry expiry, Clock clock);
    ~StoreThread();  ///< as finish()
    StoreThread(const StoreThread&) = delete;
    StoreThread& operator=(const StoreThread&) = delete;

    void start();

    /// Hands over a new job or an erasure; `done` gets what came of it, on the store thread. What the disk has no room
    /// for is not tried for long. Throws, with nothing handed over, when there is no memory.
    void hand_over(SqliteStore::Write write, Done done);

    enum class Fate {
        Written,
        Refused,   ///< the store holds something else: no such job, or it has moved on, or it is damaged
        Abandoned  ///< could not be written before abandon()
    };
    /// Waits until a claim or finish of an accepted job is on disk; a store that is overloaded is tried again and
    /// again.
    [[nodiscard]] Fate settle(SqliteStore::Write write);

    /// From now on nothing is tried again: the disk may be full for ever, and the next start takes the jobs up.
    void abandon();

    /// Writes what has been handed over, and ends the thread. Implies abandon(). Idempotent, but not thread-safe.
    void finish();

private:
    struct Pending {
        SqliteStore::Write write;
        Done done;
    };
    using Time = std::chrono::steady_clock::time_point;

    void run();
    void wait_for_work(std::list<Pending>& batch);
    void commit(std::list<Pending>& batch);
    void retry();
    void expire();
    void fold();
    void refuse(std::list<Pending>& batch, const Error& error);
    static void call(const Done& done, Result<SqliteStore::Written> result);

    SqliteStore& store_;
    const Expiry expiry_;
    const Clock clock_;
    std::thread thread_;

    std::mutex mutex_;
    std::condition_variable wake_;
    std::list<Pending> waiting_;  // lists, so that the store thread moves writes about without taking memory
    bool abandoning_ = false;
    bool finishing_ = false;

    // Of the store thread alone.
    std::vector<SqliteStore::Write> writes_;
    std::list<Pending> retries_;
    std::chrono::milliseconds backoff_;
    Time retry_at_;
    Time expire_at_;
    Time fold_at_ = Time::max();  ///< the store's log is to be folded, unless a write comes before
    ExpiryClock result_clock_;
    ExpiryClock tombstone_clock_;
};

}  // namespace einfer::jobs
