// Errors of the v1 contract: one closed set of codes, one table, one Result type.
#pragma once

#include <boost/system/result.hpp>

#include <span>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace einfer {

/// Every code the contract knows (schemas/error.schema.json holds the same set; a test compares them).
/// A code, once released, never changes meaning.
enum class ErrorCode {
    MalformedJson,
    SchemaViolation,
    InvalidEncoding,
    InvalidCiphertext,
    BatchTooLarge,
    WrongInputCount,
    UnsupportedApiVersion,
    Unauthenticated,
    Forbidden,
    UnknownModel,
    UnknownJob,
    UnknownKey,
    NotFound,
    MethodNotAllowed,
    RequestTimeout,
    LengthRequired,
    PayloadTooLarge,
    UnsupportedMediaType,
    HeadersTooLarge,
    IncompatibleCiphertext,
    EvaluationKeyRequired,
    IdempotencyConflict,
    JobExpired,
    KeyExpired,
    RateLimited,
    Internal,
    Overloaded,
    ShuttingDown,
    CryptoContextUnavailable,
};

struct ErrorTraits {
    ErrorCode code;
    std::string_view name;  ///< as on the wire, e.g. "MALFORMED_JSON"
    int http_status;
    bool retryable;  ///< a reply with this code carries Retry-After
};

/// The row of `code` in the table.
[[nodiscard]] const ErrorTraits& traits(ErrorCode code);

/// Every row, in the order of the enum.
[[nodiscard]] std::span<const ErrorTraits> all_error_codes();

/// The row whose name is `name`, or nullptr.
[[nodiscard]] const ErrorTraits* find_error_code(std::string_view name);

/// What went wrong, fit to be shown to a stranger: no secrets, no library texts, no paths.
struct Error {
    ErrorCode code;
    std::string message;
    /// Extra members of `error.details`, in order.
    std::vector<std::pair<std::string, std::string>> details{};
};

template <class T>
using Result = boost::system::result<T, Error>;

/// Found by Boost.System when `.value()` is called on a failed Result.
[[noreturn]] inline void throw_exception_from_error(const Error& error, const boost::source_location&) {
    throw std::runtime_error(error.message);
}

}  // namespace einfer
