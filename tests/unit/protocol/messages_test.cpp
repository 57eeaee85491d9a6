// Every document that we write fits its schema and is read back as it was.
#include "protocol/messages.h"

#include "protocol/api_version.h"
#include "protocol/json_reader.h"
#include "protocol/schema.h"
#include "support/files.h"
#include "support/verdict.h"

#include <gtest/gtest.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <cmath>
#include <limits>

namespace einfer::test {
namespace {

namespace json = boost::json;
using protocol::Schema;

json::value checked(Schema schema, const std::string& text) {
    auto document = protocol::parse_json(text, {.max_string_bytes = 1u << 20});
    EXPECT_TRUE(document) << text;
    if (!document) return {};
    const auto fits = protocol::check_schema(schema, *document);
    EXPECT_TRUE(fits) << text << ": " << text_of(fits);
    return *std::move(document);
}

TEST(Messages, ErrorsOfEveryCodeRoundTrip) {
    for (const ErrorTraits& row : all_error_codes()) {
        Error error{row.code, "what \"it\" was: \\ \n \xc3\xa9"};
        if (row.code == ErrorCode::SchemaViolation) error.details = {{"pointer", "/a~1b"}, {"rule", "type"}};
        const json::value document = checked(Schema::Error, protocol::error_body(error));
        const Error read = protocol::error_from_json(document);
        EXPECT_EQ(read.code, error.code);
        EXPECT_EQ(read.message, error.message);
        EXPECT_EQ(document.at("error").get_object().contains("details"), !error.details.empty());
    }
}

TEST(Messages, DetailsKeepTheirOrder) {
    const Error error{ErrorCode::WrongInputCount, "m", {{"z", "1"}, {"a", "2"}, {"m", "3"}}};
    EXPECT_EQ(protocol::error_body(error),
              R"({"error":{"code":"WRONG_INPUT_COUNT","message":"m","details":{"z":"1","a":"2","m":"3"}}})");
}

TEST(Messages, Accepted) {
    const std::string id(32, 'b');
    const json::value document = checked(Schema::Accepted, protocol::accepted_body(id));
    EXPECT_EQ(document.at("job_id").get_string(), id);
}

protocol::JobMessage job(const std::string& status) {
    protocol::JobMessage message;
    message.job_id = std::string(32, 'a');
    message.status = status;
    message.created_at = "2026-03-02T09:15:04.120Z";
    return message;
}

protocol::ResultMessage result(protocol::Encoding encoding) {
    return {.model_id = "logistic_v1",
            .version = "1.0.0",
            .encoding = encoding,
            .requested_batch_size = 16,
            .processed_batch_size = 16,
            .batch_truncated = false,
            .error_bound = 2.5e-5,
            .request_digest = std::string(64, '0')};
}

void expect_same(const protocol::JobMessage& one, const protocol::JobMessage& other) {
    EXPECT_EQ(one.job_id, other.job_id);
    EXPECT_EQ(one.status, other.status);
    EXPECT_EQ(one.created_at, other.created_at);
    EXPECT_EQ(one.started_at, other.started_at);
    EXPECT_EQ(one.finished_at, other.finished_at);
    ASSERT_EQ(one.error.has_value(), other.error.has_value());
    if (one.error) {
        EXPECT_EQ(one.error->code, other.error->code);
        EXPECT_EQ(one.error->message, other.error->message);
    }
    ASSERT_EQ(one.result.has_value(), other.result.has_value());
    if (one.result) {
        EXPECT_EQ(one.result->model_id, other.result->model_id);
        EXPECT_EQ(one.result->version, other.result->version);
        EXPECT_EQ(one.result->encoding, other.result->encoding);
        EXPECT_EQ(one.result->requested_batch_size, other.result->requested_batch_size);
        EXPECT_EQ(one.result->processed_batch_size, other.result->processed_batch_size);
        EXPECT_EQ(one.result->batch_truncated, other.result->batch_truncated);
        EXPECT_EQ(one.result->error_bound, other.result->error_bound);
        EXPECT_EQ(one.result->request_digest, other.result->request_digest);
    }
}

TEST(Messages, JobsOfEveryStateRoundTrip) {
    std::vector<protocol::JobMessage> jobs{job("queued"), job("running"), job("failed"), job("failed"),
                                           job("completed")};
    jobs[1].started_at = "2026-03-02T09:15:05.000Z";
    jobs[2].error = Error{ErrorCode::Internal, "the evaluation failed"};
    jobs[3].error = Error{ErrorCode::InvalidCiphertext, "\"cancelled\"", {{"not", "shown"}}};
    jobs[3].started_at = jobs[3].finished_at = "2026-03-02T09:15:06.001Z";
    jobs[4].started_at = jobs[4].finished_at = "2026-03-02T09:15:06.001Z";
    jobs[4].result = result(protocol::Encoding::Hex);
    const std::vector<std::uint8_t> payload{0x5e, 0xa1, 0x10};
    for (const protocol::JobMessage& message : jobs) {
        const json::value document = checked(Schema::Job, protocol::job_body(message, payload));
        expect_same(protocol::job_from_json(document), message);
        EXPECT_EQ(json::serialize(document).find("shown"), std::string::npos);
    }
}

TEST(Messages, ResultsCarryThePayloadInTheirEncoding) {
    const std::vector<std::uint8_t> payload{0x5e, 0xa1, 0x10, 0x04};
    protocol::JobMessage message = job("completed");
    message.result = result(protocol::Encoding::Hex);
    json::value document = checked(Schema::Job, protocol::job_body(message, payload));
    EXPECT_EQ(document.at("result").at("payload").get_string(), "5ea11004");
    EXPECT_EQ(document.at("result").at("request_digest").get_string(), "sha256:" + std::string(64, '0'));
    message.result = result(protocol::Encoding::Base64);
    document = checked(Schema::Job, protocol::job_body(message, payload));
    EXPECT_EQ(document.at("result").at("payload").get_string(), "XqEQBA==");
    EXPECT_EQ(document.at("result").at("encoding").get_string(), "base64");

    message.result->error_bound = std::numeric_limits<double>::denorm_min();
    message.result->requested_batch_size = message.result->processed_batch_size = 2147483647;
    document = checked(Schema::Job, protocol::job_body(message, std::vector<std::uint8_t>(100000, 7)));
    expect_same(protocol::job_from_json(document), message);
    checked(Schema::Result, json::serialize(document.at("result")));
}

TEST(Messages, ABinaryJobHasItsBytesBehindIt) {
    protocol::JobMessage message = job("completed");
    message.started_at = message.finished_at = "2026-03-02T09:15:06.001Z";
    message.result = result(protocol::Encoding::Binary);
    for (const std::size_t bytes : {std::size_t{1}, std::size_t{786'545}}) {
        const json::value document = checked(Schema::JobBinary, protocol::binary_job_header(message, bytes));
        EXPECT_EQ(document.at("result").at("binary_data_size").to_number<std::size_t>(), bytes);
        EXPECT_EQ(document.at("result").at("encoding").get_string(), "binary");
        EXPECT_FALSE(document.at("result").get_object().contains("payload"));
        EXPECT_EQ(document.at("job_id").get_string(), message.job_id);
    }
}

TEST(Messages, ExampleJobsAreRead) {
    const protocol::JobMessage completed =
        protocol::job_from_json(checked(Schema::Job, read_file(source_dir / "docs/api/examples/job_completed.json")));
    ASSERT_TRUE(completed.result);
    EXPECT_EQ(completed.result->request_digest.size(), 64u);
    EXPECT_GT(completed.result->error_bound, 0);
    EXPECT_TRUE(completed.finished_at);
}

TEST(Messages, KeysOfEveryModelFitTheSchema) {
    const protocol::KeysMessage message{
        .model_id = "logistic_v1",
        .version = "1.0.0",
        .poly_modulus_degree = 16384,
        .scale = 1073741824,
        .coeff_modulus = {1152921504606584833ULL, 1073643521ULL},
        .encryption_parameters = {0x5e, 0xa1},
        .key_parms_id = std::string(64, '1'),
        .data_parms_ids = {std::string(64, '2'), std::string(64, '3')},
    };
    const json::value document =
        checked(Schema::Keys, protocol::keys_body(std::vector{message, message}, protocol::ApiVersion::V1_0));
    const json::value& model = document.at("models").at(1);
    EXPECT_EQ(model.at("coeff_modulus").at(0).get_string(), "1152921504606584833");
    EXPECT_EQ(model.at("scale").to_number<double>(), 1073741824.0);
    EXPECT_EQ(model.at("encryption_parameters").at("payload").get_string(), "5ea1");
    EXPECT_EQ(model.at("parms_ids").at("data").at(1).get_string(), std::string(64, '3'));
    EXPECT_EQ(json::serialize(model.at("evaluation_keys")),
              R"({"relinearization":false,"galois_steps":[],"byte_counts":{"relinearization":0,"galois":0}})");
    checked(Schema::Keys, protocol::keys_body({}, protocol::ApiVersion::V1_0));
}

TEST(Messages, PlainRequestsAreRead) {
    const auto request = protocol::parse_infer_plain_request(
        R"({"inputs":[[1,-2.5],[1e3,18446744073709551615]],"version":"1.0.0","model_id":"m","api_version":"1.0"})");
    ASSERT_TRUE(request) << text_of(request);
    EXPECT_EQ(request->model_id, "m");
    EXPECT_EQ(request->rows, (std::vector<std::vector<double>>{{1, -2.5}, {1000, 18446744073709551615.0}}));
}

TEST(Messages, PlainRequestsAreRefused) {
    const auto verdict = [](const std::string& body) { return text_of(protocol::parse_infer_plain_request(body)); };
    EXPECT_EQ(verdict("").substr(0, 14), "MALFORMED_JSON");
    EXPECT_EQ(verdict("{").substr(0, 14), "MALFORMED_JSON");
    EXPECT_NE(verdict("1").find("[rule=type]"), std::string::npos);
    const std::string head = R"({"model_id":"m","version":"1.0.0","inputs":)";
    EXPECT_NE(verdict(head + "[[1,2],[3,1e400]]}").find("[pointer=/inputs/1/1] [rule=type]"), std::string::npos);
    EXPECT_NE(verdict(head + "[[]]}").find("[pointer=/inputs/0] [rule=minItems]"), std::string::npos);
    EXPECT_EQ(verdict(head + R"([[1]],"api_version":"2.0"})").substr(0, 23), "UNSUPPORTED_API_VERSION");
}

TEST(Messages, AsManyPlainRowsAsTheContractAllows) {
    std::string rows = "[0]";
    for (int i = 1; i < 65536; ++i) rows += ",[0]";
    const std::string head = R"({"model_id":"m","version":"1.0.0","inputs":[)";
    const auto request = protocol::parse_infer_plain_request(head + rows + "]}");
    ASSERT_TRUE(request) << text_of(request);
    EXPECT_EQ(request->rows.size(), 65536u);
    EXPECT_NE(text_of(protocol::parse_infer_plain_request(head + rows + ",[0]]}")).find("[rule=maxItems]"),
              std::string::npos);
}

TEST(Messages, PlainAnswers) {
    const std::vector<std::vector<double>> outputs{{0.5}, {-1e-300}, {3}};
    const json::value document =
        checked(Schema::InferPlainResponse,
                protocol::infer_plain_body("logistic_v1", "1.0.0", outputs, protocol::ApiVersion::V1_0));
    EXPECT_EQ(json::serialize(document.at("outputs")), "[5E-1,-1E-300,3]");
    const std::vector<std::vector<double>> more{{1, 2}, {3}};
    const json::value later = checked(Schema::InferPlainResponse11,
                                      protocol::infer_plain_body("m", "1.0.0", more, protocol::ApiVersion::V1_1));
    EXPECT_EQ(json::serialize(later.at("outputs")), "[[1,2],[3]]");
}

TEST(ApiVersion, TwoAreSpoken) {
    for (const char* text : {"1.0", "1.0.0"})
        EXPECT_EQ(protocol::parse_api_version(text).value(), protocol::ApiVersion::V1_0);
    for (const char* text : {"1.1", "1.1.0"})
        EXPECT_EQ(protocol::parse_api_version(text).value(), protocol::ApiVersion::V1_1);
    for (const char* other : {"", "1", "1.2", "1.1.1", "01.1", "1.1 ", "1.10"})
        EXPECT_EQ(code_of(protocol::parse_api_version(other)), "UNSUPPORTED_API_VERSION") << other;
}

TEST(ApiVersion, OneIsSpokenWhereThereIsNoOtherForm) {
    EXPECT_TRUE(protocol::check_api_version("1.0"));
    EXPECT_TRUE(protocol::check_api_version(protocol::api_version));
    for (const char* other : {"", "1", "1.1", "01.0", "1.0 ", "1.00"})
        EXPECT_EQ(code_of(protocol::check_api_version(other)), "UNSUPPORTED_API_VERSION") << other;
}

}  // namespace
}  // namespace einfer::test
