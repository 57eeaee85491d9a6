// The contract's schemas by their names, and limits wide enough for every example of them.
#pragma once

#include "protocol/json_reader.h"
#include "protocol/schema.h"

#include <map>
#include <string_view>

namespace einfer::test {

inline const std::map<std::string_view, protocol::Schema> schemas{
    {"accepted", protocol::Schema::Accepted},
    {"error", protocol::Schema::Error},
    {"health", protocol::Schema::Health},
    {"infer_plain_request", protocol::Schema::InferPlainRequest},
    {"infer_plain_response", protocol::Schema::InferPlainResponse},
    {"infer_request", protocol::Schema::InferRequest},
    {"job", protocol::Schema::Job},
    {"keys", protocol::Schema::Keys},
    {"models", protocol::Schema::Models},
    {"registry_entry", protocol::Schema::RegistryEntry},
    {"result", protocol::Schema::Result},
};

inline constexpr protocol::JsonLimits wide_limits{
    .max_depth = 32, .max_values = 1u << 20, .max_string_bytes = 1u << 24, .max_text_bytes = 1u << 24};

}  // namespace einfer::test
