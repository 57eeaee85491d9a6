#include "base/error.h"

#include <array>

namespace einfer {
namespace {

using enum ErrorCode;

constexpr std::array table{
    ErrorTraits{MalformedJson, "MALFORMED_JSON", 400, false},
    ErrorTraits{SchemaViolation, "SCHEMA_VIOLATION", 400, false},
    ErrorTraits{InvalidEncoding, "INVALID_ENCODING", 400, false},
    ErrorTraits{InvalidCiphertext, "INVALID_CIPHERTEXT", 400, false},
    ErrorTraits{BatchTooLarge, "BATCH_TOO_LARGE", 400, false},
    ErrorTraits{WrongInputCount, "WRONG_INPUT_COUNT", 400, false},
    ErrorTraits{UnsupportedApiVersion, "UNSUPPORTED_API_VERSION", 400, false},
    ErrorTraits{Unauthenticated, "UNAUTHENTICATED", 401, false},
    ErrorTraits{Forbidden, "FORBIDDEN", 403, false},
    ErrorTraits{UnknownModel, "UNKNOWN_MODEL", 404, false},
    ErrorTraits{UnknownJob, "UNKNOWN_JOB", 404, false},
    ErrorTraits{UnknownKey, "UNKNOWN_KEY", 404, false},
    ErrorTraits{NotFound, "NOT_FOUND", 404, false},
    ErrorTraits{MethodNotAllowed, "METHOD_NOT_ALLOWED", 405, false},
    ErrorTraits{RequestTimeout, "REQUEST_TIMEOUT", 408, true},
    ErrorTraits{LengthRequired, "LENGTH_REQUIRED", 411, false},
    ErrorTraits{PayloadTooLarge, "PAYLOAD_TOO_LARGE", 413, false},
    ErrorTraits{UnsupportedMediaType, "UNSUPPORTED_MEDIA_TYPE", 415, false},
    ErrorTraits{HeadersTooLarge, "HEADERS_TOO_LARGE", 431, false},
    ErrorTraits{IncompatibleCiphertext, "INCOMPATIBLE_CIPHERTEXT", 409, false},
    ErrorTraits{EvaluationKeyRequired, "EVALUATION_KEY_REQUIRED", 409, false},
    ErrorTraits{IdempotencyConflict, "IDEMPOTENCY_CONFLICT", 409, false},
    ErrorTraits{JobExpired, "JOB_EXPIRED", 410, false},
    ErrorTraits{KeyExpired, "KEY_EXPIRED", 410, false},
    ErrorTraits{RateLimited, "RATE_LIMITED", 429, true},
    ErrorTraits{Internal, "INTERNAL", 500, false},
    ErrorTraits{Overloaded, "OVERLOADED", 503, true},
    ErrorTraits{ShuttingDown, "SHUTTING_DOWN", 503, true},
    ErrorTraits{CryptoContextUnavailable, "CRYPTO_CONTEXT_UNAVAILABLE", 503, true},
};

constexpr bool rows_follow_enum() {
    for (std::size_t i = 0; i < table.size(); ++i)
        if (static_cast<std::size_t>(table[i].code) != i) return false;
    return true;
}
static_assert(rows_follow_enum());
static_assert(table.size() == static_cast<std::size_t>(CryptoContextUnavailable) + 1, "a code without a row");

}  // namespace

const ErrorTraits& traits(ErrorCode code) { return table[static_cast<std::size_t>(code)]; }

std::span<const ErrorTraits> all_error_codes() { return table; }

const ErrorTraits* find_error_code(std::string_view name) {
    for (const auto& row : table)
        if (row.name == name) return &row;
    return nullptr;
}

}  // namespace einfer
