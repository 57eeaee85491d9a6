// CRC-32 of what is stored, so that damage on disk is noticed before it is read as an answer. Private to src/jobs.
#pragma once

#include "jobs/job.h"

#include <cstdint>
#include <span>
#include <string_view>

namespace einfer::jobs {

/// Over values, each with its length, so that what one value loses another cannot gain.
class Checksum {
public:
    Checksum& add(std::span<const std::uint8_t> bytes);
    Checksum& add(std::string_view text);
    Checksum& add(std::int64_t number);
    [[nodiscard]] std::uint32_t value() const { return value_; }

private:
    void append(const void* data, std::size_t size);
    std::uint32_t value_ = 0;
};

/// Of what never changes in a job, but its inputs.
[[nodiscard]] std::uint32_t request_checksum(const Submission& submission, UnixMillis created_at);

[[nodiscard]] std::uint32_t input_checksum(std::string_view job_id, std::span<const std::uint8_t> inputs);

/// What a finished job's row and result hold.
struct StoredOutcome {
    State state;
    int attempt;
    UnixMillis started_at, finished_at;
    double error_bound;  ///< NaN is NULL
    std::string_view error_code, error_message;
    std::span<const std::uint8_t> error_details, result;
};
[[nodiscard]] std::uint32_t outcome_checksum(std::string_view job_id, const StoredOutcome& outcome);

}  // namespace einfer::jobs
