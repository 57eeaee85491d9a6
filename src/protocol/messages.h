// The remaining documents of v1.0, to JSON text and from checked JSON.
#pragma once

#include "base/error.h"
#include "protocol/api_version.h"
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

/// The JSON header of a completed job in the binary form, behind which its `payload_bytes` bytes follow.
[[nodiscard]] std::string binary_job_header(const JobMessage& job, std::size_t payload_bytes);

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

    /// Evaluation keys that the model needs; 0 bytes for what it does not.
    struct EvaluationKeys {
        bool relinearization = false;
        std::vector<int> galois_steps{};
        std::vector<std::uint32_t> galois_elements{};
        std::uint64_t relinearization_bytes = 0, galois_bytes = 0;  ///< full, uncompressed
        std::uint64_t seeded_relinearization_bytes = 0, seeded_galois_bytes = 0;
    } evaluation_keys{};
};
/// In version 1.0 the models need no evaluation keys.
[[nodiscard]] std::string keys_body(std::span<const KeysMessage> models, ApiVersion version);

/// {"evaluation_key_id":…,"bytes":…,"expires_at":…}
[[nodiscard]] std::string key_body(std::string_view id, std::uint64_t bytes, std::string_view expires_at);

struct InferPlainRequest {
    ApiVersion api_version = ApiVersion::V1_0;
    std::string model_id;
    std::string version;
    std::vector<std::vector<double>> rows;
};
/// MALFORMED_JSON, SCHEMA_VIOLATION (also for a number no double holds) or UNSUPPORTED_API_VERSION.
[[nodiscard]] Result<InferPlainRequest> parse_infer_plain_request(std::string_view body);
/// In version 1.0 an answer is its one number, later an array.
[[nodiscard]] std::string infer_plain_body(std::string_view model_id, std::string_view version,
                                           std::span<const std::vector<double>> outputs, ApiVersion spoken);

}  // namespace einfer::protocol
