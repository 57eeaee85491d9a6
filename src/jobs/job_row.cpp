#include "jobs/job_row.h"

#include <limits>

namespace einfer::jobs {
namespace {

std::optional<UnixMillis> time(const Query& query, int column) {
    if (query.is_null(column)) return std::nullopt;
    return query.integer(column);
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

Job read_job(Query& query) {
    Job job;
    job.submission.id = query.text(0);
    job.submission.tenant = query.text(1);
    job.submission.model_id = query.text(2);
    job.submission.model_version = query.text(3);
    job.submission.encoding = query.text(4);
    job.submission.request_digest = query.text(5);
    job.submission.batch_size = static_cast<std::uint32_t>(query.integer(6));
    job.submission.seal_minor = static_cast<std::uint8_t>(query.integer(7));
    job.state = static_cast<State>(query.integer(8));
    job.attempt = static_cast<int>(query.integer(9));
    job.created_at = query.integer(10);
    job.started_at = time(query, 11);
    job.finished_at = time(query, 12);
    if (job.state == State::Failed) {
        const ErrorTraits* known = find_error_code(query.text(13));
        job.outcome.emplace().error = Error{known != nullptr ? known->code : ErrorCode::Internal,
                                            std::string(query.text(14)), decode_details(query.blob(15))};
    } else if (job.state == State::Completed) {
        // SQLite has no NaN: it stores NULL.
        job.outcome.emplace().error_bound =
            query.is_null(16) ? std::numeric_limits<double>::quiet_NaN() : query.real(16);
    }
    return job;
}

}  // namespace einfer::jobs
