// The remaining documents of v1.0, to JSON text and from checked JSON.
#pragma once

#include "base/error.h"
#include "protocol/model.h"
#include "protocol/payload.h"

#include <boost/json/value.hpp>

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace einfer::protocol {

/// {"error":{…}}
[[nodiscard]] std::string error_body(const Error& error);

/// The error of an error document that passed its schema.
[[nodiscard]] Error error_from_json(const boost::json::value& document);

/// {"job_id":…,"status":"accepted"}
[[nodiscard]] std::string accepted_body(std::string_view job_id);

/// {"api_version":…,"models":[…]}
[[nodiscard]] std::string models_body(std::span<const ModelDescription> models);

/// A `result`, payload aside.
struct ResultMessage {
    std::string model_id;
    std::string version;
    Encoding encoding = Encoding::Hex;
    std::uint32_t requested_batch_size = 0;
    std::uint32_t processed_batch_size = 0;
    bool batch_truncated = false;
    double error_bound = 0;
    std::string request_digest;  ///< 64 hex digits
};

struct JobMessage {
    std::string job_id;
    std::string status;  ///< queued, running, completed, failed
    std::string created_at;
    std::optional<std::string> started_at;
    std::optional<std::string> finished_at;
    std::optional<ResultMessage> result;
    std::optional<Error> error;
};

/// The job object; `payload` is encoded into its result. One copy of the text is made, the returned one.
[[nodiscard]] std::string job_body(const JobMessage& job, std::span<const std::uint8_t> payload);

/// Reads a job document that passed its schema.
[[nodiscard]] JobMessage job_from_json(const boost::json::value& document);

/// Public material of one model.
struct KeysMessage {
    std::string model_id;
    std::string version;
    std::size_t poly_modulus_degree = 0;
    double scale = 0;
    std::vector<std::uint64_t> coeff_modulus;
    std::vector<std::uint8_t> encryption_parameters;
    std::string key_parms_id;                 ///< 64 hex digits
    std::vector<std::string> data_parms_ids;  ///< first data level first
};
[[nodiscard]] std::string keys_body(std::span<const KeysMessage> models);

struct InferPlainRequest {
    std::string model_id;
    std::string version;
    std::vector<std::vector<double>> rows;
};
/// MALFORMED_JSON, SCHEMA_VIOLATION (also for a number no double holds) or UNSUPPORTED_API_VERSION.
[[nodiscard]] Result<InferPlainRequest> parse_infer_plain_request(std::string_view body);
[[nodiscard]] std::string infer_plain_body(std::string_view model_id, std::string_view version,
                                           std::span<const double> outputs);

}  // namespace einfer::protocol
