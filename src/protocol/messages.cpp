#include "protocol/messages.h"

#include "base/hex.h"
#include "protocol/api_version.h"
#include "protocol/json_reader.h"
#include "protocol/schema.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <cmath>

namespace einfer::protocol {
namespace {

namespace json = boost::json;

constexpr std::string_view digest_prefix = "sha256:";

json::object error_object(const Error& error) {
    json::object object{{"code", traits(error.code).name}, {"message", error.message}};
    if (!error.details.empty()) {
        json::object details;
        for (const auto& [key, value] : error.details) details.emplace(key, value);
        object.emplace("details", std::move(details));
    }
    return object;
}

json::object result_object(const ResultMessage& result) {
    return {
        {"model_id", result.model_id},
        {"version", result.version},
        {"encoding", name(result.encoding)},
        {"diagnostics",
         {{"requested_batch_size", result.requested_batch_size},
          {"processed_batch_size", result.processed_batch_size},
          {"batch_truncated", result.batch_truncated}}},
        {"error_bound", result.error_bound},
        {"request_digest", std::string(digest_prefix) + result.request_digest},
    };
}

json::object evaluation_keys_object(const KeysMessage::EvaluationKeys& keys, ApiVersion version) {
    json::object object{
        {"relinearization", keys.relinearization},
        {"galois_steps", json::array(keys.galois_steps.begin(), keys.galois_steps.end())},
        {"byte_counts", {{"relinearization", keys.relinearization_bytes}, {"galois", keys.galois_bytes}}},
    };
    if (version == ApiVersion::V1_0) return object;
    object["galois_elements"] = json::array(keys.galois_elements.begin(), keys.galois_elements.end());
    object["seeded_byte_counts"] =
        json::object{{"relinearization", keys.seeded_relinearization_bytes}, {"galois", keys.seeded_galois_bytes}};
    return object;
}

/// But for its result.
json::object job_object(const JobMessage& job) {
    json::object object{{"job_id", job.job_id}, {"status", job.status}, {"created_at", job.created_at}};
    if (job.started_at) object.emplace("started_at", *job.started_at);
    if (job.finished_at) object.emplace("finished_at", *job.finished_at);
    if (job.error)
        object.emplace("error", json::object{{"code", traits(job.error->code).name}, {"message", job.error->message}});
    return object;
}

Error job_error(const json::object& object) {
    const ErrorTraits* row = find_error_code(object.at("code").get_string());
    return {row != nullptr ? row->code : ErrorCode::Internal, std::string(object.at("message").get_string())};
}

/// Of a result that passed its schema.
Encoding form_from(std::string_view text) {
    if (text == name(Encoding::Binary)) return Encoding::Binary;
    return encoding_from(text).value_or(Encoding::Hex);
}

std::optional<std::string> optional_text(const json::object& object, std::string_view key) {
    if (const json::value* value = object.if_contains(key)) return std::string(value->get_string());
    return std::nullopt;
}

}  // namespace

std::string error_body(const Error& error) { return json::serialize(json::object{{"error", error_object(error)}}); }

Error error_from_json(const json::value& document) { return job_error(document.at("error").get_object()); }

std::string accepted_body(std::string_view job_id) {
    return json::serialize(json::object{{"job_id", job_id}, {"status", "accepted"}});
}

std::string models_body(std::span<const ModelDescription> models) {
    json::array array;
    for (const ModelDescription& model : models) array.push_back(to_json(model));
    return json::serialize(json::object{{"api_version", api_version}, {"models", std::move(array)}});
}

std::string job_body(const JobMessage& job, std::span<const std::uint8_t> payload) {
    json::object object = job_object(job);
    if (!job.result) return json::serialize(object);

    // The payload is megabytes: it is written behind everything else, straight into the text.
    object.emplace("result", result_object(*job.result));
    std::string text;
    const std::string rest = json::serialize(object);
    text.reserve(rest.size() + encoded_size(job.result->encoding, payload.size()) + 16);
    text.append(rest, 0, rest.size() - 2);  // without the braces of result and of the job
    text.append(",\"payload\":\"");
    append_encoded(text, job.result->encoding, payload);
    text.append("\"}}");
    return text;
}

std::string binary_job_header(const JobMessage& job, std::size_t payload_bytes) {
    json::object object = job_object(job);
    json::object result = result_object(job.result.value());
    result.emplace("binary_data_size", payload_bytes);
    object.emplace("result", std::move(result));
    return json::serialize(object);
}

JobMessage job_from_json(const json::value& document) {
    const json::object& object = document.get_object();
    JobMessage job;
    job.job_id = object.at("job_id").get_string();
    job.status = object.at("status").get_string();
    job.created_at = object.at("created_at").get_string();
    job.started_at = optional_text(object, "started_at");
    job.finished_at = optional_text(object, "finished_at");
    if (const json::value* error = object.if_contains("error")) job.error = job_error(error->get_object());
    if (const json::value* found = object.if_contains("result")) {
        const json::object& result = found->get_object();
        const json::object& diagnostics = result.at("diagnostics").get_object();
        job.result = ResultMessage{
            .model_id = std::string(result.at("model_id").get_string()),
            .version = std::string(result.at("version").get_string()),
            .encoding = form_from(result.at("encoding").get_string()),
            .requested_batch_size = diagnostics.at("requested_batch_size").to_number<std::uint32_t>(),
            .processed_batch_size = diagnostics.at("processed_batch_size").to_number<std::uint32_t>(),
            .batch_truncated = diagnostics.at("batch_truncated").get_bool(),
            .error_bound = result.at("error_bound").to_number<double>(),
            .request_digest = std::string(result.at("request_digest").get_string().subview(digest_prefix.size())),
        };
    }
    return job;
}

std::string keys_body(std::span<const KeysMessage> models, ApiVersion version) {
    json::array array;
    for (const KeysMessage& model : models) {
        json::array primes;
        for (const std::uint64_t prime : model.coeff_modulus) primes.emplace_back(std::to_string(prime));
        json::array levels;
        for (const std::string& parms_id : model.data_parms_ids) levels.emplace_back(parms_id);
        array.push_back({
            {"model_id", model.model_id},
            {"version", model.version},
            {"he_scheme", "CKKS"},
            {"poly_modulus_degree", model.poly_modulus_degree},
            {"scale", model.scale},
            {"security_level", 128},
            {"coeff_modulus", std::move(primes)},
            {"encryption_parameters", {{"encoding", "hex"}, {"payload", to_hex(model.encryption_parameters)}}},
            {"parms_ids", {{"key", model.key_parms_id}, {"data", std::move(levels)}}},
            {"evaluation_keys", evaluation_keys_object(model.evaluation_keys, version)},
        });
    }
    return json::serialize(json::object{{"api_version", name(version)}, {"models", std::move(array)}});
}

std::string key_body(std::string_view id, std::uint64_t bytes, std::string_view expires_at) {
    return json::serialize(json::object{{"evaluation_key_id", id}, {"bytes", bytes}, {"expires_at", expires_at}});
}

Result<InferPlainRequest> parse_infer_plain_request(std::string_view body) {
    JsonLimits limits;
    limits.max_values = body.size();  // the body's length bounds it already
    const Result<json::value> document = parse_json(body, limits);
    if (!document) return document.error();
    if (const auto checked = check_schema(Schema::InferPlainRequest, *document); !checked) return checked.error();
    const json::object& object = document->get_object();
    InferPlainRequest request;
    if (const json::value* version = object.if_contains("api_version")) {
        const auto parsed = parse_api_version(version->get_string());
        if (!parsed) return parsed.error();
        request.api_version = *parsed;
    }
    request.model_id = object.at("model_id").get_string();
    request.version = object.at("version").get_string();
    for (const json::value& row : object.at("inputs").get_array()) {
        std::vector<double>& numbers = request.rows.emplace_back();
        for (const json::value& value : row.get_array()) {
            numbers.push_back(value.to_number<double>());
            if (!std::isfinite(numbers.back()))
                return Error{ErrorCode::SchemaViolation,
                             "an input is not a finite number",
                             {{"pointer", "/inputs/" + std::to_string(request.rows.size() - 1) + '/' +
                                              std::to_string(numbers.size() - 1)},
                              {"rule", "type"}}};
        }
    }
    return request;
}

std::string infer_plain_body(std::string_view model_id, std::string_view version,
                             std::span<const std::vector<double>> outputs, ApiVersion spoken) {
    json::array array;
    for (const std::vector<double>& output : outputs)
        if (spoken == ApiVersion::V1_0)
            array.emplace_back(output.front());
        else
            array.emplace_back(json::array(output.begin(), output.end()));
    return json::serialize(json::object{
        {"api_version", name(spoken)}, {"model_id", model_id}, {"version", version}, {"outputs", std::move(array)}});
}

}  // namespace einfer::protocol
