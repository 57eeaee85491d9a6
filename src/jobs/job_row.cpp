#include "jobs/job_row.h"

#include <limits>

namespace einfer::jobs {
namespace {

std::optional<UnixMillis> time(const Query& query, int column) {
    if (query.is_null(column)) return std::nullopt;
    return query.integer(column);
}

constexpr int request_checksum_column = 18;
constexpr int outcome_checksum_column = 19;

void require(bool sound) {
    if (!sound) throw SqliteFailure{SQLITE_CORRUPT, "a stored job is not what was written"};
}

// SQLite has no NaN: it stores NULL. A failed job has none.
double stored_bound(const Query& query) {
    return query.is_null(16) ? std::numeric_limits<double>::quiet_NaN() : query.real(16);
}

void append_string(Bytes& bytes, std::string_view text) {
    for (int shift = 0; shift < 32; shift += 8) bytes.push_back(static_cast<std::uint8_t>(text.size() >> shift));
    bytes.insert(bytes.end(), text.begin(), text.end());
}

std::optional<std::string> take_string(std::span<const std::uint8_t>& bytes) {
    if (bytes.size() < 4) return std::nullopt;
    std::size_t size = 0;
    for (int i = 3; i >= 0; --i) size = size << 8 | bytes[static_cast<std::size_t>(i)];
    bytes = bytes.subspan(4);
    if (size > bytes.size()) return std::nullopt;
    std::string text(bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size));
    bytes = bytes.subspan(size);
    return text;
}

}  // namespace

Bytes encode_details(const Details& details) {
    Bytes bytes;
    for (const auto& [key, value] : details) {
        append_string(bytes, key);
        append_string(bytes, value);
    }
    return bytes;
}

Details decode_details(std::span<const std::uint8_t> bytes) {
    Details details;
    while (!bytes.empty()) {
        auto key = take_string(bytes);
        auto value = key ? take_string(bytes) : std::nullopt;
        if (!value) break;
        details.emplace_back(std::move(*key), std::move(*value));
    }
    return details;
}

State final_state(const Outcome& outcome) { return outcome.error ? State::Failed : State::Completed; }

FinishedColumns::FinishedColumns(std::string_view id, const Outcome& outcome, int attempt, UnixMillis started_at,
                                 UnixMillis finished_at)
    : row{final_state(outcome), attempt, started_at, finished_at, outcome.error_bound, {}, {}, {}, {}} {
    if (outcome.error) {
        details = encode_details(outcome.error->details);
        row.error_bound = std::numeric_limits<double>::quiet_NaN();
        row.error_code = traits(outcome.error->code).name;
        row.error_message = outcome.error->message;
        row.error_details = details;
    } else {
        row.result = outcome.result;
    }
    checksum = outcome_checksum(id, row);
}

State read_state(std::int64_t stored) {
    require(stored >= 0 && stored <= static_cast<int>(State::Expired));
    return static_cast<State>(stored);
}

Job read_job(Query& query, std::string_view id) {
    Job job;
    job.submission.id = query.text(0);
    job.submission.tenant = query.text(1);
    job.submission.model_id = query.text(2);
    job.submission.model_version = query.text(3);
    job.submission.encoding = query.text(4);
    job.submission.request_digest = query.text(5);
    job.submission.batch_size = static_cast<std::uint32_t>(query.integer(6));
    job.submission.seal_minor = static_cast<std::uint8_t>(query.integer(7));
    job.submission.idempotency_key = query.text(17);
    job.submission.evaluation_key_id = query.text(20);
    job.submission.result_format = query.text(21);
    job.state = read_state(query.integer(8));
    job.attempt = static_cast<int>(query.integer(9));
    job.created_at = query.integer(10);
    job.started_at = time(query, 11);
    job.finished_at = time(query, 12);
    require(job.submission.id == id);

    const bool has_outcome = job.state == State::Completed || job.state == State::Failed;
    require(job.started_at.value_or(job.created_at) >= job.created_at);
    require(!has_outcome || job.started_at);
    require(!is_final(job.state) || job.finished_at);
    if (!query.is_null(request_checksum_column)) {
        require(query.integer(request_checksum_column) == request_checksum(job.submission, job.created_at));
        require(query.is_null(outcome_checksum_column) != has_outcome);
    }
    if (job.state == State::Failed) {
        const ErrorTraits* known = find_error_code(query.text(13));
        job.outcome.emplace().error = Error{known != nullptr ? known->code : ErrorCode::Internal,
                                            std::string(query.text(14)), decode_details(query.blob(15))};
    } else if (job.state == State::Completed) {
        job.outcome.emplace().error_bound = stored_bound(query);
    }
    return job;
}

Job read_job_with_result(Query& query, std::string_view id) {
    Job job = read_job(query, id);
    if (!job.outcome) return job;
    const auto result = query.blob(column_after_job);
    require(job.state == State::Failed || !query.is_null(column_after_job));
    if (!query.is_null(outcome_checksum_column)) {
        const StoredOutcome outcome{job.state,        job.attempt,         *job.started_at,
                                    *job.finished_at, stored_bound(query), query.text(13),
                                    query.text(14),   query.blob(15),      result};
        require(query.integer(outcome_checksum_column) == outcome_checksum(id, outcome));
    }
    job.outcome->result.assign(result.begin(), result.end());
    return job;
}

}  // namespace einfer::jobs
