// The server's replies about a job, held against what was asked before anything is decrypted.
#pragma once

#include "client/failure.h"
#include "einfer/types.h"
#include "he/context.h"
#include "protocol/payload.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace einfer::client {

/// What a result must be to be the answer to one request.
struct Expectation {
    const he::Context& context;
    std::string_view model_id;
    std::string_view version;
    std::uint32_t batch_size = 0;
    std::string_view request_digest;  ///< 64 hex digits
    protocol::Encoding encoding = protocol::Encoding::Hex;
    std::size_t max_size = 2;  ///< polynomials: 3 for a model with a quadratic coefficient
};

/// A result that passed every check that is possible without the key.
struct CheckedResult {
    he::Ciphertext ciphertext;
    double error_bound = 0;  ///< in (0, 1]
};

/// Largest body of a job object with a result of that kind.
[[nodiscard]] std::size_t max_job_bytes(const Expectation& expected);
/// The same for any model that v1.0 can have.
[[nodiscard]] std::size_t max_job_bytes();

struct JobReply {
    JobStatus status;                     ///< texts made printable
    std::optional<CheckedResult> result;  ///< if completed and something was expected
};

/// Reads a job object, and its result when `expected` is given; otherwise the result's payload is passed over.
/// BadReply: no job object, one for another job than `job_id` (when not empty), or a result that fails a check.
[[nodiscard]] Outcome<JobReply> read_job(std::string_view body, std::string_view job_id, const Expectation* expected);

/// Reads a reply to POST /infer: the job's id with state Queued if the job was only accepted, else as read_job().
[[nodiscard]] Outcome<JobReply> read_submission(std::string_view body, const Expectation& expected);

}  // namespace einfer::client
