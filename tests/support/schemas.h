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
    {"infer_plain_response_1_1", protocol::Schema::InferPlainResponse11},
    {"infer_request", protocol::Schema::InferRequest},
    {"infer_request_binary", protocol::Schema::InferRequestBinary},
    {"job", protocol::Schema::Job},
    {"job_binary", protocol::Schema::JobBinary},
    {"key", protocol::Schema::Key},
    {"keys", protocol::Schema::Keys},
    {"keys_1_1", protocol::Schema::Keys11},
    {"keys_upload", protocol::Schema::KeysUpload},
    {"keys_upload_binary", protocol::Schema::KeysUploadBinary},
    {"models", protocol::Schema::Models},
    {"models_1_1", protocol::Schema::Models11},
    {"registry_entry", protocol::Schema::RegistryEntry},
    {"registry_entry_1_1", protocol::Schema::RegistryEntry11},
    {"result", protocol::Schema::Result},
};

inline constexpr protocol::JsonLimits wide_limits{
    .max_depth = 32, .max_values = 1u << 20, .max_string_bytes = 1u << 24, .max_text_bytes = 1u << 24};

}  // namespace einfer::test
