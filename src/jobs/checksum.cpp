#include "jobs/checksum.h"

#include <isa-l/crc.h>

#include <bit>
#include <cmath>

namespace einfer::jobs {

void Checksum::append(const void* data, std::size_t size) {
    // The same as zlib's crc32_z(), an order of magnitude faster: requests are megabytes.
    if (size != 0) value_ = crc32_gzip_refl(value_, static_cast<const unsigned char*>(data), size);
}

Checksum& Checksum::add(std::int64_t number) {
    std::uint8_t bytes[8];
    for (int i = 0; i < 8; ++i) bytes[i] = static_cast<std::uint8_t>(static_cast<std::uint64_t>(number) >> 8 * i);
    append(bytes, sizeof bytes);
    return *this;
}

Checksum& Checksum::add(std::string_view text) {
    add(static_cast<std::int64_t>(text.size()));
    append(text.data(), text.size());
    return *this;
}

Checksum& Checksum::add(std::span<const std::uint8_t> bytes) {
    add(static_cast<std::int64_t>(bytes.size()));
    append(bytes.data(), bytes.size());
    return *this;
}

std::uint32_t request_checksum(const Submission& submission, UnixMillis created_at) {
    Checksum checksum;
    checksum.add(submission.id)
        .add(submission.tenant)
        .add(submission.model_id)
        .add(submission.model_version)
        .add(submission.encoding)
        .add(submission.request_digest)
        .add(std::int64_t{submission.batch_size})
        .add(std::int64_t{submission.seal_minor})
        .add(submission.idempotency_key)
        .add(created_at);
    // Rows that were written before there were such members have the same checksum as those that do without them.
    if (!submission.evaluation_key_id.empty() || submission.result_format != Submission().result_format)
        checksum.add(submission.evaluation_key_id).add(submission.result_format);
    return checksum.value();
}

std::uint32_t input_checksum(std::string_view job_id, std::span<const std::uint8_t> inputs) {
    return Checksum().add(job_id).add(inputs).value();
}

std::uint32_t outcome_checksum(std::string_view job_id, const StoredOutcome& outcome) {
    // What SQLite gives back may have another NaN, or zero's other sign.
    const double bound = outcome.error_bound;
    const auto bits = std::isnan(bound) ? std::int64_t{-1} : std::bit_cast<std::int64_t>(bound == 0 ? 0.0 : bound);
    return Checksum()
        .add(job_id)
        .add(std::int64_t{static_cast<int>(outcome.state)})
        .add(std::int64_t{outcome.attempt})
        .add(outcome.started_at)
        .add(outcome.finished_at)
        .add(bits)
        .add(outcome.error_code)
        .add(outcome.error_message)
        .add(outcome.error_details)
        .add(outcome.result)
        .value();
}

}  // namespace einfer::jobs
