#include "jobs/sqlite_store.h"

#include "jobs/checksum.h"
#include "jobs/data_directory.h"
#include "jobs/job_row.h"
#include "jobs/sqlite_connection.h"
#include "jobs/sqlite_schema.h"
#include "jobs/store_statements.h"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <new>

namespace einfer::jobs {
namespace {

const Error unknown_job{ErrorCode::UnknownJob, "no such job"};

Error over_quota(std::uint64_t limit) {
    return {ErrorCode::RateLimited,
            "the quota of stored bytes is used up; wait until earlier results expire",
            {{"quota", "stored_bytes"}, {"limit", std::to_string(limit)}}};
}

/// Whether `bytes` more would exceed `limit`, of which 0 is none.
bool exceeds(std::uint64_t limit, std::int64_t stored, std::size_t bytes) {
    return limit != 0 && static_cast<std::uint64_t>(std::max<std::int64_t>(stored, 0)) + bytes > limit;
}

bool same_body(const Submission& a, const Submission& b) {
    return a.model_id == b.model_id && a.model_version == b.model_version && a.encoding == b.encoding &&
           a.request_digest == b.request_digest && a.batch_size == b.batch_size &&
           a.evaluation_key_id == b.evaluation_key_id && a.result_format == b.result_format;
}

bool means_overload(int code) {
    switch (code & 0xff) {
        case SQLITE_FULL:
        case SQLITE_IOERR:
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_NOMEM:
        case SQLITE_CANTOPEN: return true;  // the last: no file descriptor left
        default: return false;
    }
}

Error to_error(int code) {
    if (means_overload(code)) return {ErrorCode::Overloaded, "the server cannot store jobs at the moment"};
    return {ErrorCode::Internal, "the job store failed"};
}

/// For the operator, when the store cannot be opened.
Error to_opening_error(int code) {
    const std::string number = " (SQLite result code " + std::to_string(code) + ")";
    if (means_overload(code)) return {ErrorCode::Internal, "the job database cannot be opened" + number};
    return {ErrorCode::Internal, "the job database is damaged" + number +
                                     ": restore the data directory from a backup, or move it away to start without "
                                     "the jobs in it"};
}

int number(State state) { return static_cast<int>(state); }

}  // namespace

class SqliteStore::Impl {
public:
    Impl(DataDirectory directory, const std::filesystem::path& file, Clock clock)
        : directory_(std::move(directory)), clock_(std::move(clock)), writer_(file), reader_(file) {
        sqlite3_wal_hook(writer_.handle(), note_log_size, &log_pages_);
    }

    SqliteConnection& writer_connection() { return writer_; }
    SqliteConnection& reader_connection() { return reader_; }

    /// The statements need the tables, which do not exist when the connections are made.
    void prepare() {
        write_.emplace(writer_);
        read_.emplace(reader_);
    }

    Result<std::vector<Result<Written>>> apply(std::span<const Write> writes) {
        return guarded(write_lock(), [&]() -> Result<std::vector<Result<Written>>> {
            std::vector<Result<Written>> results;
            results.reserve(writes.size());
            transact([&] {
                for (const Write& write : writes)
                    results.push_back(std::visit([this](const auto& one) { return apply_one(one); }, write));
            });
            return results;
        });
    }

    Result<Job> find(std::string_view id, std::string_view tenant) {
        return guarded(read_lock(), [&]() -> Result<Job> {
            Query query(read_->find, id, tenant);
            if (!query.row()) return unknown_job;
            Job job = read_job_with_result(query, id);
            if (job.state == State::Expired) return Error{ErrorCode::JobExpired, "the job's result has been deleted"};
            return job;
        });
    }

    Result<Job> load(std::string_view id) {
        return guarded(read_lock(), [&]() -> Result<Job> {
            Query query(read_->load, id);
            if (!query.row()) return unknown_job;
            return read_job(query, id);
        });
    }

    Result<std::shared_ptr<const Bytes>> inputs(std::string_view id) {
        return guarded(read_lock(), [&]() -> Result<std::shared_ptr<const Bytes>> {
            Query query(read_->inputs, id);
            if (!query.row()) return unknown_job;
            const auto bytes = query.blob(1);
            if (!query.is_null(0) && query.integer(0) != input_checksum(id, bytes))
                throw SqliteFailure{SQLITE_CORRUPT, "stored inputs are not what was written"};
            return std::make_shared<const Bytes>(bytes.begin(), bytes.end());
        });
    }

    Result<std::vector<Unfinished>> unfinished() {
        return guarded(read_lock(), [&]() -> Result<std::vector<Unfinished>> {
            std::vector<Unfinished> jobs;
            Query query(read_->unfinished);
            while (query.row())
                jobs.push_back({std::string(query.text(0)), std::string(query.text(1)),
                                static_cast<int>(query.integer(2)), static_cast<std::size_t>(query.integer(3))});
            return jobs;
        });
    }

    Result<StoredBytes> stored_bytes(std::string_view tenant) {
        return guarded(write_lock(), [&]() -> Result<StoredBytes> {
            return StoredBytes{static_cast<std::uint64_t>(number_of(write_->stored_bytes, tenant)),
                               static_cast<std::uint64_t>(number_of(write_->all_stored_bytes))};
        });
    }

    Result<std::size_t> expire(UnixMillis finished_before, UnixMillis forget_before, std::size_t max_jobs) {
        return guarded(write_lock(), [&]() -> Result<std::size_t> {
            std::size_t touched = 0;
            transact([&] {
                Query(write_->drop_results, finished_before, max_jobs).run();
                Query(write_->bury, finished_before, max_jobs).run();
                touched += static_cast<std::size_t>(writer_.changes());
                Query(write_->forget, forget_before, max_jobs).run();
                touched += static_cast<std::size_t>(writer_.changes());
            });
            give_back_space();
            return touched;
        });
    }

    bool wants_folding() {
        const auto lock = write_lock();
        return log_pages_ >= log_pages_to_fold;
    }

    void fold() {
        const auto lock = write_lock();
        if (log_pages_ >= log_pages_to_fold) fold_log();
    }

    std::string last_diagnostic() const {
        const std::scoped_lock lock(diagnostic_mutex_);
        return diagnostic_;
    }

    std::uint64_t failures() const { return failures_; }

private:
    std::unique_lock<std::mutex> write_lock() { return std::unique_lock(write_mutex_); }

    std::unique_lock<std::mutex> read_lock() {
        std::unique_lock lock(read_mutex_);
        folded_.wait(lock, [this] { return !folding_; });
        return lock;
    }

    /// Runs `action` under `lock`; what it throws becomes an Error.
    template <class Action>
    auto guarded([[maybe_unused]] std::unique_lock<std::mutex> lock, Action action) -> decltype(action()) {
        try {
            try {
                return action();
            } catch (const SqliteFailure& failure) {
                note(failure);
                return to_error(failure.code);
            }
        } catch (const std::bad_alloc&) {
            return Error{ErrorCode::Overloaded, "out of memory"};  // short enough for std::string to take none
        }
    }

    void note(const SqliteFailure& failure) {
        const std::scoped_lock lock(diagnostic_mutex_);
        ++failures_;
        diagnostic_ = failure.text + " (SQLite result code " + std::to_string(failure.code) + ")";
    }

    template <class... Arguments>
    static std::int64_t number_of(SqliteStatement& statement, const Arguments&... arguments) {
        Query query(statement, arguments...);
        return query.row() ? query.integer(0) : 0;
    }

    struct Position {
        std::int64_t seq;
        UnixMillis started_at;  ///< 0 when it has not
    };
    /// Where `id` stands, if it may move to `to` and is at `attempt`. Nothing changes it before the transaction ends,
    /// so that reading here and writing afterwards is a compare-and-set.
    Result<Position> ready_to_move(std::string_view id, int attempt, State to) {
        Query query(write_->position, id);
        if (!query.row()) return unknown_job;
        if (query.text(1) != id) throw SqliteFailure{SQLITE_CORRUPT, "the index of jobs names another job"};
        if (!may_move(read_state(query.integer(2)), to) || query.integer(3) != attempt)
            return Error{ErrorCode::Internal, "the job has moved on"};
        return Position{query.integer(0), query.integer(4)};
    }

    /// The job that the tenant has under the idempotency key, if any and with the same body.
    Result<std::optional<std::string>> repeated(const Submission& job) {
        if (job.idempotency_key.empty()) return std::nullopt;
        Query query(write_->by_key, job.tenant, job.idempotency_key);
        if (!query.row()) return std::nullopt;
        const Submission first = read_job(query, query.text(0)).submission;
        if (first.tenant != job.tenant || first.idempotency_key != job.idempotency_key)
            throw SqliteFailure{SQLITE_CORRUPT, "the index of idempotency keys names another job"};
        if (!same_body(first, job))
            return Error{ErrorCode::IdempotencyConflict,
                         "the idempotency key was used with another body; use a new key for a new request"};
        return first.id;
    }

    Result<Written> apply_one(const Insert& insert) {
        const Submission& job = insert.submission;
        auto earlier = repeated(job);
        if (!earlier) return earlier.error();
        if (*earlier) return Written{**std::move(earlier)};
        if (insert.refusal) return *insert.refusal;
        if (job.inputs == nullptr) return Error{ErrorCode::Internal, "the job has no inputs"};
        const Bytes& inputs = *job.inputs;
        if (!fits(inputs)) return Error{ErrorCode::PayloadTooLarge, "the inputs are too large to be stored"};
        if (Query(write_->position, job.id).row()) return Error{ErrorCode::Internal, "the job's id is taken"};
        if (insert.outcome && !fits(insert.outcome->result))
            return Error{ErrorCode::Internal, "the result is too large to be stored"};
        const std::size_t bytes =
            std::max(insert.outcome ? insert.outcome->result.size() : inputs.size(), job.result_bytes);
        if (exceeds(job.quota.max_stored_bytes, number_of(write_->stored_bytes, job.tenant), bytes))
            return over_quota(job.quota.max_stored_bytes);
        if (exceeds(insert.max_stored_bytes, number_of(write_->all_stored_bytes), bytes))
            return Error{ErrorCode::Overloaded, "the server's space for jobs is used up; try again later"};

        const UnixMillis now = clock_();
        const std::uint32_t checksum = request_checksum(job, now);
        if (insert.outcome) {
            const FinishedColumns finished(job.id, *insert.outcome, 1, now, std::max(now, clock_()));
            Query(write_->insert_finished, job.id, job.tenant, job.model_id, job.model_version, job.encoding,
                  job.request_digest, job.batch_size, job.seal_minor, number(finished.row.state), now,
                  finished.row.finished_at, finished.row.error_bound, finished.row.error_code,
                  finished.row.error_message, finished.row.error_details, job.idempotency_key,
                  finished.row.result.size(), checksum, finished.checksum, job.evaluation_key_id, job.result_format)
                .run();
            insert_result(writer_.last_insert_rowid(), finished);
            return Written{};
        }
        const State state = insert.claimed ? State::Running : State::Queued;
        Query(write_->insert_job, job.id, job.tenant, job.model_id, job.model_version, job.encoding, job.request_digest,
              job.batch_size, job.seal_minor, number(state), insert.claimed ? 1 : 0, now, job.idempotency_key, bytes,
              checksum, input_checksum(job.id, inputs), job.evaluation_key_id, job.result_format)
            .run();
        Query(write_->insert_inputs, writer_.last_insert_rowid(), std::span(inputs)).run();
        return Written{};
    }

    Result<Written> apply_one(const Claim& claim) {
        const auto position = ready_to_move(claim.id, claim.attempt - 1, State::Running);
        if (!position) return position.error();
        Query(write_->claim, position->seq, claim.attempt, clock_()).run();
        return Written{};
    }

    Result<Written> apply_one(const Erase& write) {
        std::int64_t seq = 0;
        {
            Query query(write_->owned, write.id, write.tenant);
            if (!query.row()) return unknown_job;
            if (query.text(1) != write.id || query.text(2) != write.tenant)
                throw SqliteFailure{SQLITE_CORRUPT, "the index of jobs names another job"};
            seq = query.integer(0);
            if (read_state(query.integer(3)) == State::Expired) return Written{.was_tombstone = true};
        }
        Query(write_->delete_result, seq).run();
        Query(write_->delete_inputs, seq).run();
        Query(write_->erase, seq, clock_()).run();
        return Written{};
    }

    Result<Written> apply_one(const Finish& write) {
        const Outcome& outcome = write.outcome;
        const auto position = ready_to_move(write.id, write.attempt, final_state(outcome));
        if (!position) return position.error();
        if (!fits(outcome.result)) return Error{ErrorCode::Internal, "the result is too large to be stored"};

        const FinishedColumns finished(write.id, outcome, write.attempt, position->started_at,
                                       std::max(position->started_at, clock_()));
        Query(write_->finish, position->seq, number(finished.row.state), finished.row.finished_at,
              finished.row.error_bound, finished.row.error_code, finished.row.error_message, finished.row.error_details,
              finished.row.result.size(), finished.checksum)
            .run();
        insert_result(position->seq, finished);
        Query(write_->delete_inputs, position->seq).run();
        return Written{};
    }

    void insert_result(std::int64_t seq, const FinishedColumns& finished) {
        if (finished.row.state == State::Completed) Query(write_->insert_result, seq, finished.row.result).run();
    }

    /// Checked before anything is bound: a value that SQLite refuses would take its whole batch with it.
    bool fits(const Bytes& bytes) const { return bytes.size() <= writer_.max_value_bytes() / 2; }

    /// All of `action`, or nothing.
    template <class Action>
    void transact(Action action) {
        try {
            Transaction transaction(writer_);
            action();
            transaction.commit();
        } catch (const SqliteFailure& failure) {
            // On a full disk the log cannot grow, but what it holds can move to the database file, and the log be
            // written from its start again: the next try may find room to store a result and to delete inputs.
            if ((failure.code & 0xff) == SQLITE_FULL) (void)writer_.checkpoint(SQLITE_CHECKPOINT_PASSIVE);
            throw;
        }
        if (log_pages_ >= most_log_pages) fold_log();
    }

    static int note_log_size(void* pages, sqlite3*, const char*, int count) {
        *static_cast<int*>(pages) = count;
        return SQLITE_OK;
    }

    /// Moves the log's pages to the database file, so that it is written from its start again. SQLite's automatic
    /// checkpoints find a reader in the way nearly every time when many clients poll, and the log grows without bound;
    /// here readers are held off for the moment that it takes once the pages have been moved. It may fail without harm:
    /// what has been committed is in the log, and the next commit tries again.
    void fold_log() {
        if (writer_.checkpoint(SQLITE_CHECKPOINT_PASSIVE) != SQLITE_OK) return;
        // Readers that come now step back: a mutex alone is not fair, and they could keep a commit waiting for long.
        folding_ = true;
        const std::scoped_lock no_reader(read_mutex_);
        folding_ = false;
        folded_.notify_all();
        // Another process may be reading as well, a backup for one: it is not waited for.
        sqlite3_busy_timeout(writer_.handle(), 0);
        if (writer_.checkpoint(SQLITE_CHECKPOINT_RESTART) == SQLITE_OK) log_pages_ = 0;
        sqlite3_busy_timeout(writer_.handle(), busy_timeout_ms);
    }

    /// A bounded step, for it moves pages; some stay free, since the next inputs need them.
    void give_back_space() {
        constexpr std::int64_t step = 512;
        const std::int64_t surplus = writer_.integer("PRAGMA freelist_count") - kept_free_pages;
        if (surplus <= 0) return;
        writer_.execute(("PRAGMA incremental_vacuum(" + std::to_string(std::min(surplus, step)) + ")").c_str());
    }

    const DataDirectory directory_;
    const Clock clock_;

    std::mutex write_mutex_;  ///< taken before read_mutex_ where both are
    int log_pages_ = 0;
    SqliteConnection writer_;
    std::optional<WriteStatements> write_;

    std::mutex read_mutex_;
    std::atomic<bool> folding_ = false;
    std::condition_variable folded_;
    SqliteConnection reader_;
    std::optional<ReadStatements> read_;

    mutable std::mutex diagnostic_mutex_;
    std::string diagnostic_;
    std::atomic<std::uint64_t> failures_{0};
};

SqliteStore::SqliteStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
SqliteStore::~SqliteStore() = default;

Result<std::unique_ptr<SqliteStore>> SqliteStore::open(const std::filesystem::path& directory, Clock clock) {
    auto locked = DataDirectory::open(directory);
    if (!locked) return locked.error();
    const auto file = locked->file("jobs.sqlite3");
    if (!file) return file.error();
    try {
        auto impl = std::make_unique<Impl>(std::move(*locked), *file, std::move(clock));
        if (auto prepared = prepare_writer(impl->writer_connection()); !prepared) return prepared.error();
        prepare_reader(impl->reader_connection());
        impl->prepare();
        return std::unique_ptr<SqliteStore>(new SqliteStore(std::move(impl)));
    } catch (const SqliteFailure& failure) {
        return to_opening_error(failure.code);
    }
}

Result<std::vector<Result<SqliteStore::Written>>> SqliteStore::apply(std::span<const Write> writes) {
    return impl_->apply(writes);
}

Result<Job> SqliteStore::find(std::string_view id, std::string_view tenant) { return impl_->find(id, tenant); }

Result<Job> SqliteStore::load(std::string_view id) { return impl_->load(id); }

Result<std::shared_ptr<const Bytes>> SqliteStore::inputs(std::string_view id) { return impl_->inputs(id); }

Result<std::vector<SqliteStore::Unfinished>> SqliteStore::unfinished() { return impl_->unfinished(); }

Result<std::size_t> SqliteStore::expire(UnixMillis finished_before, UnixMillis forget_before, std::size_t max_jobs) {
    return impl_->expire(finished_before, forget_before, max_jobs);
}

Result<SqliteStore::StoredBytes> SqliteStore::stored_bytes(std::string_view tenant) {
    return impl_->stored_bytes(tenant);
}

bool SqliteStore::wants_folding() const { return impl_->wants_folding(); }

void SqliteStore::fold() { impl_->fold(); }

std::string SqliteStore::last_diagnostic() const { return impl_->last_diagnostic(); }
std::uint64_t SqliteStore::failures() const { return impl_->failures(); }

}  // namespace einfer::jobs
