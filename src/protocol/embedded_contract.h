// Texts generated from schemas/ and openapi.yaml by cmake/embed_contract.py.
#pragma once

#include <string_view>

namespace einfer::protocol::embedded {

extern const std::string_view accepted;
extern const std::string_view error;
extern const std::string_view health;
extern const std::string_view infer_plain_request;
extern const std::string_view infer_plain_response;
extern const std::string_view infer_plain_response_1_1;
extern const std::string_view infer_request;
extern const std::string_view infer_request_binary;
extern const std::string_view job;
extern const std::string_view job_binary;
extern const std::string_view key;
extern const std::string_view keys;
extern const std::string_view keys_1_1;
extern const std::string_view keys_upload;
extern const std::string_view keys_upload_binary;
extern const std::string_view models;
extern const std::string_view models_1_1;
extern const std::string_view registry_entry;
extern const std::string_view registry_entry_1_1;
extern const std::string_view result;
extern const std::string_view openapi;

}  // namespace einfer::protocol::embedded
