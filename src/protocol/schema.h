// The normative schemas, embedded at build, enforced on every document from outside.
#pragma once

#include "base/error.h"

#include <boost/json/value.hpp>

#include <string_view>

namespace einfer::protocol {

/// One a file of schemas/.
enum class Schema {
    Accepted,
    Error,
    Health,
    InferPlainRequest,
    InferPlainResponse,
    InferPlainResponse11,
    InferRequest,
    InferRequestBinary,
    Job,
    JobBinary,
    Key,
    Keys,
    Keys11,
    KeysUpload,
    KeysUploadBinary,
    Models,
    Models11,
    RegistryEntry,
    RegistryEntry11,
    Result,
};

/// SCHEMA_VIOLATION with details `pointer` (RFC 6901) and `rule` (the keyword) of the deepest violation found.
/// A string of more than 8192 bytes, the longest that a schema has a pattern and a length for, fits no pattern: the
/// price of a bounded stack (under 3 MB).
/// Thread-safe; throws only when an embedded schema itself is broken, which a test rules out.
[[nodiscard]] einfer::Result<void> check_schema(Schema schema, const boost::json::value& document);

/// The schema file as it is in the repository.
[[nodiscard]] std::string_view schema_text(Schema schema);

/// openapi.yaml as one self-contained JSON document.
[[nodiscard]] std::string_view openapi_json();

}  // namespace einfer::protocol
