// The life of jobs in a running server: admission, the store thread, the workers, waiting, expiry.
#pragma once

#include "jobs/job.h"
#include "jobs/sqlite_store.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace einfer::jobs {

/// What happens to a job, for the server's log.
enum class Event { Accepted, Recovered, Started, Completed, Failed, Erased };
/// Is told of an event after it is on disk, with the job as it is then, without bytes, and how long it took to there.
/// Called from any thread; quick.
using Observe = std::function<void(Event event, const Job& job)>;

struct ServiceOptions {
    std::size_t workers = 1;
    std::size_t max_queued_jobs = 256;          ///< accepted and not yet final
    std::size_t max_queued_bytes = 512u << 20;  ///< their input bytes
    std::uint64_t max_stored_bytes = 0;         ///< inputs and results on disk of all tenants; 0: no limit
    std::size_t max_attempts = 3;  ///< at least 1; a job that kills the process this often is failed (INTERNAL)
    /// Since the job finished; then it is JOB_EXPIRED. By the wall clock, of which ExpiryClock says what jumps do.
    std::chrono::milliseconds result_ttl{3600'000};
    std::chrono::milliseconds tombstone_ttl{24 * 3600'000};  ///< since it expired; then it is UNKNOWN_JOB
    std::chrono::milliseconds expiry_interval{1000};
    Observe observe{};
};

/// Evaluates one job. Runs on a worker; must not throw for bad data (return an Outcome with an error), and whatever it
/// does throw fails the job with INTERNAL, but for std::bad_alloc, which costs it one of its attempts, or refuses
/// it when it is evaluated first.
using Evaluate = std::function<Outcome(const Job& job, const Bytes& inputs)>;

/// Threads: `workers` workers that evaluate, and one store thread that gathers waiting writes into one transaction
/// (group commit). No call blocks on the disk but start(), find() and stop().
///
/// An accepted job is never lost: when the disk is full, its writes are tried again until they succeed or stop() is
/// called, and what is unfinished then is taken up at the next start. A job that was running when the process died is
/// evaluated alone the next time, so that one which kills the process uses up its own attempts and nobody else's. A job
/// whose row the disk has damaged is left as it is until the next start, and holds no worker up.
///
/// Workers serve the tenants in turn, and a tenant's jobs in order.
class JobService {
public:
    JobService(std::unique_ptr<SqliteStore> store, Evaluate evaluate, ServiceOptions options, Clock clock);
    ~JobService();  ///< as stop()

    /// Takes up unfinished jobs, each tenant's oldest first, and starts the threads. They count for load(), but are
    /// taken up even when they exceed the bounds. Before start(), submit() is refused with SHUTTING_DOWN.
    Result<void> start();

    /// Asks for admission. RATE_LIMITED at once when the tenant's quota of queued jobs is used up, OVERLOADED when a
    /// bound is reached, SHUTTING_DOWN after stop(). Otherwise `done` is called once, on the store thread, after the
    /// commit is on disk, or with the error: RATE_LIMITED for the quota of stored bytes, OVERLOADED for that of all
    /// tenants or a disk that fails. Only after success is the job handed to a worker.
    ///
    /// A submission that asks to be evaluated first is, when a worker is idle, and its inputs never go to the disk:
    /// `done` is called after the commit of the job with its result, or, when there is no memory, by the worker. A
    /// process that dies before has not accepted it, and no attempt is counted. Its key and its quota of stored bytes
    /// are looked at with the commit.
    ///
    /// With an idempotency key that names a job of the tenant, whatever has become of that one, nothing is added:
    /// `done` gets that job's id, or IDEMPOTENCY_CONFLICT if its body was another. That holds when there is no room as
    /// well: with a key, refusals but SHUTTING_DOWN come through `done`.
    ///
    /// `done` must be quick, not throw, and not call stop().
    Result<void> submit(Submission submission, std::function<void(Result<Accepted>)> done);

    /// Erases a job of the tenant, as SqliteStore::Erase has it. SHUTTING_DOWN at once before start() and after stop().
    /// Otherwise `done` is called once, on the store thread, after the commit is on disk, or with UNKNOWN_JOB or the
    /// error of the disk. Then nobody evaluates the job who has not begun to, it no longer counts for load() and
    /// quotas, and who waited for it has been woken. A tombstone stays one. `done` as for submit().
    Result<void> erase(std::string id, std::string tenant, std::function<void(Result<void>)> done);

    /// As SqliteStore::find.
    Result<Job> find(std::string_view id, std::string_view tenant);

    /// Calls `wake` once, from any thread, when the job `id` has become final, or at once if it is final or unknown.
    /// The returned handle forgets the wish when destroyed. At most one call of `wake`, none after the handle is gone:
    /// destroying it waits for a call that is under way, so not under a lock that `wake` takes. It may outlive the
    /// service. A job that stop() leaves unfinished wakes nobody.
    class Wait;
    std::shared_ptr<Wait> when_final(std::string_view id, std::function<void()> wake);

    struct Load {
        std::size_t unfinished_jobs = 0;
        std::size_t unfinished_bytes = 0;
        std::size_t idle_workers = 0;
    };
    Load load() const;

    /// As SqliteStore::last_diagnostic.
    std::string store_diagnostic() const;
    /// As SqliteStore::failures.
    std::uint64_t store_failures() const;

    /// Refuses new jobs, writes those already admitted, lets running evaluations end and be written, leaves queued ones
    /// on disk, joins the threads. Idempotent; not from a callback. find() goes on working.
    void stop();

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace einfer::jobs
