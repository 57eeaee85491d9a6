// A job as a row of the table `jobs`, and back. Private to src/jobs.
#pragma once

#include "jobs/checksum.h"
#include "jobs/job.h"
#include "jobs/sqlite_connection.h"

#include <span>

namespace einfer::jobs {

/// The columns that read_job() expects, in its order.
inline constexpr std::string_view job_columns =
    "id, tenant, model_id, model_version, encoding, request_digest, batch_size, seal_minor, state, attempt, "
    "created_at, started_at, finished_at, error_code, error_message, error_details, error_bound, idempotency_key, "
    "request_checksum, outcome_checksum, evaluation_key_id, result_format";
/// The number of the column after job_columns.
inline constexpr int column_after_job = 22;

/// The job in the current row of `query`, without its result bytes. Throws SqliteFailure with SQLITE_CORRUPT when it is
/// not the job `id`, or cannot be what was written. Rows of schema version 1 have no checksums to be held against.
[[nodiscard]] Job read_job(Query& query, std::string_view id);
/// The same with the result, which is the column after job_columns, and held against its checksum.
[[nodiscard]] Job read_job_with_result(Query& query, std::string_view id);
/// `stored` as a state; throws as read_job().
[[nodiscard]] State read_state(std::int64_t stored);

/// Completed, or failed.
[[nodiscard]] State final_state(const Outcome& outcome);

/// What a finished job's row holds of `outcome`, which outlives it, and its checksum.
struct FinishedColumns {
    FinishedColumns(std::string_view id, const Outcome& outcome, int attempt, UnixMillis started_at,
                    UnixMillis finished_at);
    FinishedColumns(const FinishedColumns&) = delete;
    FinishedColumns& operator=(const FinishedColumns&) = delete;

    Bytes details;
    StoredOutcome row;  ///< its spans lead to `details` and the outcome
    std::uint32_t checksum = 0;
};

using Details = std::vector<std::pair<std::string, std::string>>;
/// Names and values in order, each as a 32-bit little-endian length and its bytes.
[[nodiscard]] Bytes encode_details(const Details& details);
/// Inverse of encode_details; stops where the bytes make no sense.
[[nodiscard]] Details decode_details(std::span<const std::uint8_t> bytes);

}  // namespace einfer::jobs
