#include "client/model_list.h"
#include "client/request_body.h"
#include "protocol/messages.h"
#include "small_world.h"

#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace einfer::client {
namespace {

using client_test::small_model;
using Models = std::vector<protocol::ModelDescription>;

TEST(ModelList, ReadsWhatTheServerWrites) {
    const Models offered{small_model(), small_model(true)};
    const auto models = read_model_list(protocol::models_body(offered));
    ASSERT_TRUE(models) << models.error().message;
    ASSERT_EQ(models->size(), 2u);
    const Model shown = to_public(models->front());
    EXPECT_EQ(shown.id, "small_linear");
    EXPECT_EQ(shown.input_dimension, 3u);
    EXPECT_EQ(shown.weights, offered[0].weights);
    EXPECT_EQ(shown.scale, 16777216.0);
}

TEST(ModelList, RefusesParametersThatAreInsecureOrNonsense) {
    for (const auto& change : std::vector<std::function<void(protocol::ModelDescription&)>>{
             [](auto& m) {
                 m.encryption.coeff_modulus_bits = {60, 30, 60};
             },                                                           // above 109 bits
             [](auto& m) { m.encryption.poly_modulus_degree = 1024; },    // 108 bits at this degree
             [](auto& m) { m.encryption.scale = 0x1p80; },                // above the modulus
             [](auto& m) { m.encryption.max_multiplicative_depth = 3; },  // more than the primes allow
             [](auto& m) {
                 m.encryption.coeff_modulus_bits = {30, 5, 30};
             },                                                                                  // no such primes
             [](auto& m) { m.weights.push_back(1); }, [](auto& m) { m.max_batch_size = 2049; },  // above the slots
         }) {
        protocol::ModelDescription model = small_model();
        change(model);
        const auto models = read_model_list(protocol::models_body(Models{small_model(true), model}));
        ASSERT_FALSE(models);
        EXPECT_EQ(models.error().kind, ErrorKind::BadReply);
    }
}

TEST(ModelList, RefusesWhatIsNoList) {
    std::string number = protocol::models_body(Models{small_model()});
    number.replace(number.find("1.25E-1"), 7, "1e999");
    std::string extra = protocol::models_body(Models{small_model()});
    extra.insert(1, "\"extra\":1,");
    const std::string twice = protocol::models_body(Models{small_model(), small_model()});
    for (const std::string& body : {std::string(), std::string("[]"), std::string("{\"models\":[]}"), number, extra,
                                    twice, std::string(1'000'000, '[')}) {
        const auto models = read_model_list(body);
        ASSERT_FALSE(models) << body.substr(0, 60);
        EXPECT_EQ(models.error().kind, ErrorKind::BadReply);
    }
}

TEST(ModelList, RefusesListsThatAreMadeToExhaustTheClient) {
    protocol::ModelDescription model = small_model();
    model.version = "1." + std::string(60'000, '1') + ".1";  // deep recursion in a regular expression
    std::string many = R"({"api_version":"1.0.0","models":[{})";
    for (int i = 0; i < 900'000; ++i) many += ",{}";
    many += "]}";
    for (const std::string& body : {protocol::models_body(Models{model}), many}) {
        const auto models = read_model_list(body);
        ASSERT_FALSE(models);
        EXPECT_EQ(models.error().kind, ErrorKind::BadReply);
    }
}

// A model of 65,536 features with the same bounds takes a few hundred bytes in the list.
TEST(ModelList, RefusesModelsWithManyFeaturesTogether) {
    std::vector<protocol::ModelView> models;
    const auto add = [&models] {
        protocol::ModelView& model = models.emplace_back();
        model.model_id = "wide_" + std::to_string(models.size());
        model.version = "1.0.0";
        model.poly_modulus_degree = 1024;
        model.coeff_modulus_bits = {27};
        model.scale = 2;
        model.input_dimension = 65'536;
        model.output_dimension = 1;
        model.lower.assign(model.input_dimension, -1);
        model.upper.assign(model.input_dimension, 1);
        model.packing = LinearPacking{.poly_modulus_degree = 1024,
                                      .prime_bits = 27,
                                      .features = 65'536,
                                      .outputs = 1,
                                      .features_per_ciphertext = 1024,
                                      .outputs_per_result = 1,
                                      .rows = 1,
                                      .input_scale = 2,
                                      .result_scale = 4,
                                      .compact_bits = 8};
        model.plan_digest = std::string(64, '0');
        model.error_bound = 0.1;
        model.costs = {1, 1, 1, 1};
        model.max_batch_size = 1;
    };
    while (models.size() < 64) add();
    const auto read = read_model_views(protocol::models_1_1_body(models));
    ASSERT_TRUE(read) << read.error().message;
    add();
    const auto more = read_model_views(protocol::models_1_1_body(models));
    ASSERT_FALSE(more);
    EXPECT_EQ(more.error().kind, ErrorKind::BadReply);
    EXPECT_NE(more.error().message.find("wide_65 1.0.0"), std::string::npos) << more.error().message;
}

TEST(ModelList, ChoosesTheNewestByNumbers) {
    std::vector<protocol::ModelView> models;
    for (const char* version : {"1.9.0", "1.10.0", "1.2.30", "0.99.99"}) {
        models.emplace_back().model_id = "small_linear";
        models.back().version = version;
    }
    EXPECT_EQ(find_model(models, "small_linear", "")->version, "1.10.0");
    EXPECT_EQ(find_model(models, "small_linear", "1.9.0")->version, "1.9.0");
    EXPECT_EQ(find_model(models, "small_linear", "1.9"), nullptr);
    EXPECT_EQ(find_model(models, "small", ""), nullptr);
    models.emplace_back().model_id = "small_linear";
    models.back().version = "00000000000000000000002.0.0";  // the pattern allows it
    EXPECT_EQ(find_model(models, "small_linear", "")->version, models.back().version);
}

TEST(CheckRows, SaysWhichRowIsWrong) {
    const auto model = small_model();
    const auto check = [&](const std::vector<std::vector<double>>& rows) {
        const std::vector<Row> views(rows.begin(), rows.end());
        return check_rows(views, model);
    };
    EXPECT_TRUE(check({{1, 2, 3}, {-1e3, 0, 1e-300}}));
    for (const double bad : {std::numeric_limits<double>::quiet_NaN(), std::numeric_limits<double>::infinity(), 1e30}) {
        const auto checked = check({{1, 2, 3}, {1, 2, 3}, {1, bad, 3}});
        ASSERT_FALSE(checked);
        EXPECT_EQ(checked.error().kind, ErrorKind::InvalidArgument);
        EXPECT_NE(checked.error().message.find("row 2 "), std::string::npos);
        EXPECT_NE(checked.error().message.find("feature 1"), std::string::npos);
    }
    EXPECT_FALSE(check({{1, 2}}));
    EXPECT_FALSE(check({{1, 2, 3}, {}}));
}

}  // namespace
}  // namespace einfer::client
