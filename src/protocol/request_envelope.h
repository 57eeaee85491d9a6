// What both forms of POST /infer have in common: the JSON around the ciphertexts. Private to src/protocol.
#pragma once

#include "protocol/infer_request.h"
#include "protocol/json_reader.h"
#include "protocol/schema.h"

#include <boost/json/value.hpp>

namespace einfer::protocol {

// What 4096 inputs need, with room for long names: a connection that sends an
// envelope and nothing else costs two megabytes at most.
inline constexpr JsonLimits envelope_limits{
    .max_depth = 16, .max_values = 16 * 1024, .max_string_bytes = 4096, .max_text_bytes = 256 * 1024};

/// The request in `document` (or why there is none) but for its payloads: what the reader said, SCHEMA_VIOLATION, or
/// UNSUPPORTED_API_VERSION. An envelope whose inputs name no `encoding` is that of a binary body.
[[nodiscard]] Result<InferRequest> read_envelope(const Result<boost::json::value>& document, Schema schema);

}  // namespace einfer::protocol
