// The documents that a server shows: models, keys, the baseline in clear, entity tags.
#include "base/hex.h"
#include "protocol/json_reader.h"
#include "protocol/schema.h"
#include "server/inference_service.h"
#include "unit/server/requests.h"

#include <gtest/gtest.h>
#include <seal/seal.h>
#include <boost/json/value.hpp>

namespace einfer::test {
namespace {

using protocol::Schema;

class Documents : public testing::Test {
protected:
    static std::unique_ptr<server::InferenceService> make(const TemporaryDirectory& directory, bool plain = false) {
        auto service = server::InferenceService::create(
            make_catalog({std::string(small_entry), large_entry(), quadratic_entry()}, false),
            {.data = directory.path() / "data", .plain = plain, .jobs = {}}, system_now);
        EXPECT_TRUE(service) << text_of(service);
        EXPECT_TRUE((*service)->prepare());
        return *std::move(service);
    }
    static boost::json::value checked(Schema schema, const std::string& text) {
        auto document = protocol::parse_json(text);
        EXPECT_TRUE(document) << text;
        EXPECT_EQ(text_of(protocol::check_schema(schema, *document)), "OK") << text;
        return *std::move(document);
    }

    const TemporaryDirectory directory;
    const std::unique_ptr<server::InferenceService> service = make(directory);
};

TEST_F(Documents, ModelsFitTheSchemaAndHaveATag) {
    const boost::json::value document = checked(Schema::Models, service->models(protocol::ApiVersion::V1_0).body);
    const auto& models = document.at("models").get_array();
    ASSERT_EQ(models.size(), 3u);
    EXPECT_EQ(models[0].at("model_id").get_string(), "large_v1");
    EXPECT_EQ(models[2].at("model_id").get_string(), "small_v1");
    EXPECT_EQ(service->models(protocol::ApiVersion::V1_0).etag,
              server::entity_tag(service->models(protocol::ApiVersion::V1_0).body));
}

TEST(EntityTag, IsStrongQuotedAndOfTheWholeBody) {
    EXPECT_EQ(server::entity_tag(""), "\"e3b0c44298fc1c149afbf4c8996fb924\"");
    EXPECT_NE(server::entity_tag("a"), server::entity_tag("b"));
    EXPECT_EQ(server::entity_tag("a"), server::entity_tag("a"));
}

Bytes from_hex(std::string_view text) {
    protocol::PayloadDecoder decoder(protocol::Encoding::Hex);
    Bytes bytes;
    decoder.feed(text, [&](auto run) { bytes.insert(bytes.end(), run.begin(), run.end()); });
    EXPECT_TRUE(decoder.finish());
    return bytes;
}

TEST_F(Documents, KeysGiveExactlySealsParameters) {
    const auto text = service->keys(SEAL_VERSION_MINOR, protocol::ApiVersion::V1_0);
    ASSERT_TRUE(text) << text_of(text);
    const boost::json::value document = checked(Schema::Keys, *text);
    for (const auto& served : service->catalog().models()) {
        const protocol::ModelDescription& model = *served->view.v1_0;
        const boost::json::value* shown = nullptr;
        for (const auto& each : document.at("models").get_array())
            if (each.at("model_id").get_string() == model.model_id) shown = &each;
        ASSERT_NE(shown, nullptr);
        const Bytes bytes = from_hex(shown->at("encryption_parameters").at("payload").get_string());
        seal::EncryptionParameters loaded;
        loaded.load(reinterpret_cast<const seal::seal_byte*>(bytes.data()), bytes.size());
        EXPECT_EQ(loaded.scheme(), seal::scheme_type::ckks);
        EXPECT_EQ(loaded.poly_modulus_degree(), model.encryption.poly_modulus_degree);
        EXPECT_EQ(loaded.coeff_modulus(), seal::CoeffModulus::Create(model.encryption.poly_modulus_degree,
                                                                     model.encryption.coeff_modulus_bits));
        const auto& primes = shown->at("coeff_modulus").get_array();
        ASSERT_EQ(primes.size(), loaded.coeff_modulus().size());
        for (std::size_t i = 0; i < primes.size(); ++i)
            EXPECT_EQ(primes[i].get_string(), std::to_string(loaded.coeff_modulus()[i].value()));

        const seal::SEALContext context(loaded);
        const auto hex_of = [](const seal::parms_id_type& parms_id) {
            return to_hex({reinterpret_cast<const std::uint8_t*>(parms_id.data()), 32});
        };
        EXPECT_EQ(shown->at("parms_ids").at("key").get_string(), hex_of(context.key_parms_id()));
        const auto& levels = shown->at("parms_ids").at("data").get_array();
        std::size_t level = 0;
        for (auto data = context.first_context_data(); data; data = data->next_context_data(), ++level)
            EXPECT_EQ(levels.at(level).get_string(), hex_of(data->parms_id()));
        EXPECT_EQ(level, levels.size());
        EXPECT_EQ(shown->at("scale").to_number<double>(), model.encryption.scale);
    }
}

TEST_F(Documents, KeysAreThereForEverySealMinor) {
    const boost::json::value own =
        checked(Schema::Keys, service->keys(SEAL_VERSION_MINOR, protocol::ApiVersion::V1_0).value());
    for (std::uint8_t minor = 0; minor <= wire::max_seal_minor; ++minor) {
        const boost::json::value document =
            checked(Schema::Keys, service->keys(minor, protocol::ApiVersion::V1_0).value());
        const auto payload = [](const boost::json::value& keys) {
            return from_hex(keys.at("models").at(0).at("encryption_parameters").at("payload").get_string());
        };
        const Bytes bytes = payload(document);
        EXPECT_EQ(bytes[at::minor], minor);
        EXPECT_EQ(bytes.size(), payload(own).size());
        EXPECT_EQ(document.at("models").at(0).at("parms_ids"), own.at("models").at(0).at("parms_ids"));
    }
}

TEST_F(Documents, ThePlainBaselineComputesTheFormula) {
    EXPECT_FALSE(service->plain_enabled());
    const TemporaryDirectory other;
    const auto baseline = make(other, true);
    EXPECT_TRUE(baseline->plain_enabled());
    const auto answer =
        baseline->infer_plain(R"({"model_id":"quadratic_v1","version":"1.0.0","inputs":[[1,2],[-4,0.5],[0,0]]})");
    ASSERT_TRUE(answer) << text_of(answer);
    const boost::json::value document = checked(Schema::InferPlainResponse, *answer);
    const double rows[][2] = {{1, 2}, {-4, 0.5}, {0, 0}};
    for (std::size_t i = 0; i < 3; ++i) {
        const double z = 0.5 * rows[i][0] - 0.25 * rows[i][1] + 0.125;
        EXPECT_NEAR(document.at("outputs").at(i).to_number<double>(), 0.5 + 0.25 * z + 0.125 * z * z, 1e-12);
    }
}

TEST_F(Documents, ThePlainBaselineRefusesInTheOrderOfTheContract) {
    const auto verdict = [&](const std::string& inputs, const std::string& model_id = "small_v1") {
        return text_of(
            service->infer_plain(R"({"model_id":")" + model_id + R"(","version":"1.0.0","inputs":)" + inputs + "}"));
    };
    std::string nine = "[[1]";
    for (int row = 1; row < 9; ++row) nine += ",[1,2]";
    nine += "]";
    EXPECT_EQ(verdict("[[1,2]]"), "OK");
    EXPECT_EQ(verdict("[[1,2]]]").find("MALFORMED_JSON"), 0u);
    EXPECT_EQ(verdict("[]").find("SCHEMA_VIOLATION"), 0u);
    EXPECT_EQ(verdict("[[1,1e400]]", "nobody").find("SCHEMA_VIOLATION"), 0u);
    EXPECT_EQ(verdict(nine, "nobody").find("UNKNOWN_MODEL"), 0u);
    EXPECT_EQ(verdict(nine), "BATCH_TOO_LARGE: more rows than the model's max_batch_size [max_batch_size=8]");
    EXPECT_EQ(verdict("[[1,2],[1,2,3]]"),
              "WRONG_INPUT_COUNT: a row has one number a feature [expected=2] [received=3] [row=1]");
    EXPECT_EQ(verdict("[[1,2],[1e300,1]]", "quadratic_v1"),
              "SCHEMA_VIOLATION: a row's answer is beyond the range of a double [pointer=/inputs/1] [rule=maximum]");
}

}  // namespace
}  // namespace einfer::test
