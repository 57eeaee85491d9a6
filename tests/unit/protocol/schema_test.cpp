// The embedded schemas, our validator and what it reports: against every example of the contract.
#include "protocol/schema.h"

#include "protocol/json_reader.h"
#include "support/files.h"
#include "support/schemas.h"
#include "support/verdict.h"

#include <gtest/gtest.h>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <string>

namespace einfer::test {
namespace {

namespace json = boost::json;
using protocol::Schema;

json::value read(const std::filesystem::path& path) {
    auto document = protocol::parse_json(read_file(path), wide_limits);
    EXPECT_TRUE(document) << path << ": " << text_of(document);
    return document ? *std::move(document) : json::value();
}

std::filesystem::path examples(std::string_view name) { return source_dir / "docs/api/examples" / name; }

TEST(Schema, TextsAreTheFiles) {
    std::size_t files = 0;
    for (const auto& path : json_files(source_dir / "schemas")) {
        ++files;
        const std::string name = path.filename().string();
        const auto found = schemas.find(name.substr(0, name.find('.')));
        ASSERT_NE(found, schemas.end()) << name;
        EXPECT_EQ(protocol::schema_text(found->second), read_file(path)) << name;
    }
    EXPECT_EQ(files, schemas.size());
}

TEST(Schema, OpenApiIsOneSelfContainedDocument) {
    const json::value document = json::parse(protocol::openapi_json());
    const json::object& components = document.at("components").at("schemas").get_object();
    for (const auto& [name, schema] : schemas) EXPECT_TRUE(components.contains(name)) << name;
    EXPECT_EQ(protocol::openapi_json().find(".schema.json#"), std::string_view::npos);
    EXPECT_EQ(protocol::openapi_json().find("\"$ref\":\"../"), std::string_view::npos);
    EXPECT_EQ(protocol::openapi_json().find("\"$ref\":\"schemas/"), std::string_view::npos);
}

TEST(Schema, EveryAcceptExampleIsAccepted) {
    for (const auto& [name, schema] : schemas) {
        const auto files = json_files(examples(name) / "accept");
        EXPECT_GE(files.size(), 2u) << name;
        for (const auto& path : files) EXPECT_EQ(text_of(protocol::check_schema(schema, read(path))), "OK") << path;
    }
}

/// The value that an RFC 6901 pointer names.
const json::value* resolve(const json::value& document, const std::string& pointer) {
    json::error_code fault;
    return document.find_pointer(pointer, fault);
}

TEST(Schema, EveryRejectExampleBreaksTheRuleInItsName) {
    std::size_t tried = 0;
    for (const auto& [name, schema] : schemas)
        for (const auto& path : json_files(examples(name) / "reject")) {
            ++tried;
            const std::string stem = path.stem().string();
            const json::value document = read(path);
            const auto checked = protocol::check_schema(schema, document);
            ASSERT_EQ(code_of(checked), "SCHEMA_VIOLATION") << path;
            EXPECT_EQ(detail_of(checked.error(), "rule"), stem.substr(0, stem.find('-'))) << path;
            const std::string pointer = detail_of(checked.error(), "pointer");
            EXPECT_NE(resolve(document, pointer), nullptr) << path << ": " << pointer;
            EXPECT_EQ(checked.error().details.size(), 2u) << path;
        }
    EXPECT_GT(tried, 600u);
}

struct Where {
    const char* schema;
    const char* example;  ///< of reject/
    const char* pointer;
};

// By hand: what a reader of the schema and of the example would point at.
constexpr Where pointers[] = {
    {"accepted", "pattern-job_id_uuid", "/job_id"},
    {"accepted", "required-status", ""},
    {"error", "minLength-message", "/error/message"},
    {"error", "required-details", "/error"},
    {"error", "required-pointer", "/error/details"},
    {"error", "minLength-rule", "/error/details/rule"},
    {"error", "type-pointer", "/error/details/pointer"},
    {"health", "type-string", ""},
    {"infer_request", "additionalProperties-top_level", ""},
    {"infer_request", "maxLength-model_id", "/model_id"},
    {"infer_request", "maximum-batch_size", "/batch_size"},
    {"infer_request", "minItems-inputs", "/inputs"},
    {"infer_request", "minimum-batch_size_zero", "/batch_size"},
    {"infer_request", "required-inputs", ""},
    {"infer_request", "type-batch_size_fraction", "/batch_size"},
    {"infer_request", "type-batch_size_null", "/batch_size"},
    {"infer_request", "type-batch_size_string", "/batch_size"},
    {"infer_request", "type-inputs_object", "/inputs"},
    {"infer_request", "type-top_level_array", ""},
    {"job", "additionalProperties-error", "/error"},
    {"job", "not-completed_with_error", ""},
    {"job", "required-completed_without_result", ""},
    {"job", "required-result_payload", "/result"},
    {"job", "pattern-started_at_offset", "/started_at"},
    {"job", "enum-error_code", "/error/code"},
    {"keys", "required-galois", "/models/0/evaluation_keys/byte_counts"},
    {"keys", "pattern-coeff_modulus_leading_zero", "/models/0/coeff_modulus/0"},
    {"models", "type-models_object", "/models"},
    {"models", "type-weight_string", "/models/0/parameters/weights/1"},
    {"registry_entry", "uniqueItems-feature_names", "/feature_names"},
    {"registry_entry", "exclusiveMinimum-scale_zero", "/encryption_parameters/scale"},
    {"registry_entry", "maximum-tolerance", "/tolerance"},
    {"registry_entry", "const-kind", "/activation_parameters/kind"},
    {"keys_1_1", "maximum-galois_elements_item", "/models/0/evaluation_keys/galois_elements/0"},
    {"models_1_1", "const-packing_kind", "/models/0/packing/kind"},
    {"models_1_1", "maximum-compact_bits", "/models/0/packing/compact_bits"},
    {"models_1_1", "required-packing_feature_of_slot", "/models/0/packing"},
    {"models_1_1", "minItems-lower", "/models/0/input/lower"},
    {"registry_entry_1_1", "const-layers_kind", "/layers/0/kind"},
    {"registry_entry_1_1", "maxItems-layers_padding", "/layers/1/padding"},
    {"registry_entry_1_1", "required-plan_rows", "/plan"},
};

TEST(Schema, PointersNameTheOffendingValue) {
    for (const Where& where : pointers) {
        const auto path = examples(where.schema) / "reject" / (std::string(where.example) + ".json");
        const auto checked = protocol::check_schema(schemas.at(where.schema), read(path));
        ASSERT_FALSE(checked) << path;
        EXPECT_EQ(detail_of(checked.error(), "pointer"), where.pointer) << path;
    }
}

std::string judge(Schema schema, const std::string& text) {
    const auto document = protocol::parse_json(text, wide_limits);
    if (!document) return text_of(document);
    const auto checked = protocol::check_schema(schema, *document);
    if (checked) return "OK";
    return detail_of(checked.error(), "rule") + " " + detail_of(checked.error(), "pointer");
}

std::string request_with(const std::string& member) {
    return R"({"model_id":"m","version":"1","inputs":[{"encoding":"hex","payload":"00"}],)" + member + "}";
}

TEST(Schema, ManyEqualItemsAreOneViolation) {
    const auto path = std::filesystem::path(examples("registry_entry")) / "accept";
    ASSERT_FALSE(std::filesystem::is_empty(path));
    boost::json::value entry = read(std::filesystem::directory_iterator(path)->path());
    // All pairs of them, each with a text of its own, would be gigabytes.
    entry.as_object()["feature_names"] = boost::json::array(4096, "n");
    const auto checked = protocol::check_schema(Schema::RegistryEntry, entry);
    ASSERT_FALSE(checked);
    EXPECT_EQ(detail_of(checked.error(), "rule"), "uniqueItems");
    EXPECT_EQ(detail_of(checked.error(), "pointer"), "/feature_names");
    entry.as_object()["feature_names"] = boost::json::array(100'000, "n");
    EXPECT_EQ(detail_of(protocol::check_schema(Schema::RegistryEntry, entry).error(), "rule"), "maxItems");
}

TEST(Schema, PointersAreEscaped) {
    const std::string inner = R"({"encoding":"hex","payload":"00","a/b~c":1})";
    EXPECT_EQ(judge(Schema::InferRequest, R"({"model_id":"m","version":"1","inputs":[)" + inner + "]}"),
              "additionalProperties /inputs/0");
    EXPECT_EQ(judge(Schema::InferRequest, request_with(R"("a/b~c":1)")), "additionalProperties ");
}

TEST(Schema, NumbersMeanTheirValue) {
    EXPECT_EQ(judge(Schema::InferRequest, request_with(R"("batch_size":1.0)")), "OK");
    EXPECT_EQ(judge(Schema::InferRequest, request_with(R"("batch_size":2147483647)")), "OK");
    EXPECT_EQ(judge(Schema::InferRequest, request_with(R"("batch_size":2147483648)")), "maximum /batch_size");
    for (const char* huge : {"18446744073709551615", "1e19", "1e400", "123456789012345678901234567890"})
        EXPECT_EQ(judge(Schema::InferRequest, request_with("\"batch_size\":" + std::string(huge))),
                  "maximum /batch_size")
            << huge;
    EXPECT_EQ(judge(Schema::InferRequest, request_with(R"("batch_size":1.5)")), "type /batch_size");
    EXPECT_EQ(judge(Schema::InferRequest, request_with(R"("batch_size":-1e400)")), "minimum /batch_size");
    EXPECT_EQ(judge(Schema::InferRequest, request_with(R"("batch_size":true)")), "type /batch_size");
    const auto plain = [](const std::string& number) {
        return judge(Schema::InferPlainRequest, R"({"model_id":"m","version":"1","inputs":[[)" + number + "]]}");
    };
    for (const char* number : {"0", "-0.0", "1e19", "18446744073709551615", "9223372036854775808", "1e300", "-5e-324"})
        EXPECT_EQ(plain(number), "OK") << number;
}

TEST(Schema, LengthsCountCharacters) {
    const auto named = [](const std::string& model_id) {
        return judge(
            Schema::InferRequest,
            R"({"model_id":")" + model_id + R"(","version":"1","inputs":[{"encoding":"hex",)" + R"("payload":"00"}]})");
    };
    std::string wide_name, escaped_nuls;
    for (int i = 0; i < 128; ++i) wide_name += "\xf0\x9f\x98\x80", escaped_nuls += "\\u0000";
    EXPECT_EQ(named(std::string(128, 'a')), "OK");
    EXPECT_EQ(named(std::string(129, 'a')), "maxLength /model_id");
    EXPECT_EQ(named(wide_name), "OK");
    EXPECT_EQ(named(wide_name + "a"), "maxLength /model_id");
    EXPECT_EQ(named(""), "minLength /model_id");
    EXPECT_EQ(named("\\u0000"), "OK") << "one character, though C would see none";
    EXPECT_EQ(named(escaped_nuls), "OK");
    EXPECT_EQ(named(escaped_nuls + "a"), "maxLength /model_id");
    EXPECT_EQ(named("a\\u0000" + std::string(200, 'b')), "maxLength /model_id");
}

TEST(Schema, PatternsHoldForTheWholeString) {
    const auto job = [](const std::string& id) {
        return judge(Schema::Accepted, R"({"job_id":")" + id + R"(","status":"accepted"})");
    };
    const std::string id(32, 'a');
    EXPECT_EQ(job(id), "OK");
    for (const std::string& other : {id + "\\n", "\\n" + id, id + "\\u0000", id + "a", id.substr(1), id + "\\n" + id})
        EXPECT_EQ(job(other), "pattern /job_id") << other;
    EXPECT_EQ(judge(Schema::Health, R"({"status":"ok\u0000"})"), "enum /status");
    EXPECT_EQ(judge(Schema::Accepted, R"({"job_id":")" + id + R"(","status":"accepted\u0000"})"), "const /status");
    EXPECT_EQ(judge(Schema::Health, R"({"status":"ok","status\u0000":"ok"})"), "additionalProperties ");
}

TEST(Schema, LongStringsDoNotExhaustTheStack) {
    const json::value entry = read(examples("registry_entry") / "accept" / "reference_model.json");
    const auto verdict = [&](const char* member, const std::string& text) {
        json::value changed = entry;
        changed.as_object()[member] = text;
        const auto checked = protocol::check_schema(Schema::RegistryEntry, changed);
        return checked ? "OK" : detail_of(checked.error(), "rule") + " " + detail_of(checked.error(), "pointer");
    };
    EXPECT_EQ(verdict("version", std::string(8188, '1') + ".0.0"), "OK");
    EXPECT_EQ(verdict("version", std::string(8192, '1')), "pattern /version");
    for (const std::size_t length : {8189u, 16384u, 1000000u})
        EXPECT_EQ(verdict("version", std::string(length, '1') + ".0.0"), "pattern /version") << length;
    EXPECT_EQ(verdict("description", std::string(1000000, 'x')), "OK") << "no pattern there";
    EXPECT_EQ(verdict("description", std::string(5000, 'x') + std::string(1, '\0')), "OK");
}

TEST(Schema, NeitherMessageNorDetailsShowTheValue) {
    const auto document = protocol::parse_json(request_with(R"("secret_member":"secret_value")"));
    const auto checked = protocol::check_schema(Schema::InferRequest, *document);
    ASSERT_FALSE(checked);
    EXPECT_EQ(text_of(checked).find("secret_value"), std::string::npos);
}

}  // namespace
}  // namespace einfer::test
