// Jobs on disk: SQLite, WAL, synchronous FULL. What apply() has committed survives kill -9 and power loss.
#pragma once

#include "jobs/job.h"

#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace einfer::jobs {

/// One store, one process. Thread-safe: writes are serialised on one connection, reads use another and never wait for a
/// commit. Every failure of SQLite is OVERLOADED where it means that the disk is full, failing or busy, or that there
/// is no memory; else INTERNAL. Its texts are in last_diagnostic() only.
///
/// A damaged file: what SQLite or a checksum finds damaged is INTERNAL, each time that it is read, and what is sound
/// stays readable. Checksums cover a request, its inputs and its outcome, so that no damaged byte is evaluated or
/// answered. The file as a whole is not checked when it is opened, for that would read all of it; damage that is met
/// then refuses the start. Not noticed: a file cut to nothing, the lost end of a torn log, an index's lost entry.
///
/// Times are the clock's. One that is set back makes no job start before it came or end before it started.
class SqliteStore {
public:
    /// Opens or creates `directory`/jobs.sqlite3 (mode 0600; the directory 0700) and its schema, and takes an exclusive
    /// lock on the directory: a second server on the same data fails here with a message that says so, as does one that
    /// is older than the data.
    static Result<std::unique_ptr<SqliteStore>> open(const std::filesystem::path& directory, Clock clock);
    ~SqliteStore();

    /// One write of a batch. When the tenant has a job under the submission's idempotency key, nothing is inserted: the
    /// same body is a repetition, another one an IDEMPOTENCY_CONFLICT. Bodies are the same when model, version,
    /// encoding, digest, batch size, evaluation keys and the result's format are. RATE_LIMITED over the tenant's quota
    /// of stored bytes, OVERLOADED over that of all.
    struct Insert {
        Submission submission;
        bool claimed = false;                ///< stored as running, attempt 1, for a worker that is waiting for it
        std::uint64_t max_stored_bytes = 0;  ///< over all tenants; 0: no limit
        std::optional<Outcome> outcome{};    ///< of a job that was evaluated first: stored as final, without its inputs
        std::optional<Error> refusal{};      ///< why there is no room: only the idempotency key is looked up. The
                                             ///< submission needs no inputs then.
    };
    /// Starts an attempt of a queued job, or of a running one whose process died: that one stays `running`, since the
    /// time when it was first.
    struct Claim {
        std::string id;
        int attempt = 0;  ///< the attempt this claim starts: compare-and-set on attempt − 1
    };
    /// Makes a running job `failed` if the outcome has an error, else `completed`; its inputs are deleted.
    struct Finish {
        std::string id;
        int attempt = 0;  ///< a late result of an earlier attempt changes nothing
        Outcome outcome;
    };
    /// Makes a job of the tenant a tombstone, whatever its state: inputs and result are deleted, and what an attempt
    /// still finishes changes nothing. UNKNOWN_JOB when there is none, or it is another tenant's.
    struct Erase {
        std::string id;
        std::string tenant;
    };
    using Write = std::variant<Insert, Claim, Finish, Erase>;

    struct Written {
        std::string repeats{};       ///< of an Insert: the job that its idempotency key names already, else empty
        bool was_tombstone = false;  ///< of an Erase: there was nothing left to erase
    };

    /// Applies `writes` in order, in one transaction with one fsync. The result has one entry a write: an error there
    /// means that this write alone did nothing (illegal move, stale attempt, unknown id, quota, conflict); an error of
    /// the whole means that nothing was written.
    Result<std::vector<Result<Written>>> apply(std::span<const Write> writes);

    /// The job, or UNKNOWN_JOB: also when it belongs to another tenant. JOB_EXPIRED when its result is gone.
    Result<Job> find(std::string_view id, std::string_view tenant);

    /// The job whoever's it is, without its result bytes: for the server itself, never for a reply.
    Result<Job> load(std::string_view id);

    /// The input bytes of an unfinished job.
    Result<std::shared_ptr<const Bytes>> inputs(std::string_view id);

    struct Unfinished {
        std::string id;
        std::string tenant;
        int attempt = 0;
        std::size_t input_bytes = 0;
    };
    /// Jobs that were accepted and have no final state, oldest first: what a restart has to take up.
    Result<std::vector<Unfinished>> unfinished();

    /// Turns jobs that finished before `finished_before` into tombstones (result deleted, JOB_EXPIRED), and forgets
    /// tombstones of jobs that finished before `forget_before` (UNKNOWN_JOB). At most `max_jobs` of each a call;
    /// returns how many were touched. Then gives some of the file's free space back.
    Result<std::size_t> expire(UnixMillis finished_before, UnixMillis forget_before, std::size_t max_jobs);

    /// Whether the write-ahead log has grown enough for its pages to be moved to the database file, and to do that:
    /// tens of milliseconds of work, for a moment when no write waits. A log that is never folded like this is folded
    /// within apply() when it is twice as long.
    [[nodiscard]] bool wants_folding() const;
    void fold();

    struct StoredBytes {
        std::uint64_t of_tenant = 0;
        std::uint64_t of_all = 0;
    };
    /// Inputs and results on disk, as the quotas see them.
    Result<StoredBytes> stored_bytes(std::string_view tenant);

    /// What SQLite said about the latest failure: for the operator's log, never for a reply.
    std::string last_diagnostic() const;
    /// Failures so far.
    std::uint64_t failures() const;

private:
    class Impl;
    explicit SqliteStore(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace einfer::jobs
