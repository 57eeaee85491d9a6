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
#include <vector>

namespace einfer::client {

/// What the payload of a result must be.
struct ResultShape {
    std::size_t max_size = 2;                    ///< polynomials of a SEAL ciphertext: 3 for a quadratic coefficient
    std::optional<std::size_t> compact_bytes{};  ///< of a compact answer, which it must be then
};

/// A reply's body: JSON, or with header_bytes of JSON and raw bytes behind them.
struct ReplyBody {
    std::string_view text;
    std::optional<std::size_t> header_bytes{};

    ReplyBody(std::string_view whole) : text(whole) {}    // NOLINT(google-explicit-constructor)
    ReplyBody(const char* whole) : text(whole) {}         // NOLINT(google-explicit-constructor)
    ReplyBody(const std::string& whole) : text(whole) {}  // NOLINT(google-explicit-constructor)
    ReplyBody(std::string_view whole, std::optional<std::size_t> header) : text(whole), header_bytes(header) {}
};

/// What a result must be to be the answer to one request.
struct Expectation {
    const he::Context& context;
    std::string_view model_id;
    std::string_view version;
    std::uint32_t batch_size = 0;
    std::string_view request_digest;  ///< 64 hex digits
    protocol::Encoding encoding = protocol::Encoding::Hex;
    ResultShape shape{};
    double max_error_bound = 1;
};

/// A result that passed every check that is possible without the key.
struct CheckedResult {
    he::Ciphertext ciphertext;          ///< of a SEAL payload
    double error_bound = 0;             ///< in (0, max_error_bound]
    std::vector<std::uint8_t> bytes{};  ///< of a compact one, of the size asked for, to be judged
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
[[nodiscard]] Outcome<JobReply> read_job(const ReplyBody& body, std::string_view job_id, const Expectation* expected);

/// Reads a reply to POST /infer: the job's id with state Queued if the job was only accepted, else as read_job().
[[nodiscard]] Outcome<JobReply> read_submission(const ReplyBody& body, const Expectation& expected);

}  // namespace einfer::client
