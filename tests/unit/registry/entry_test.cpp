// One entry: each fault with its category, field and reason.
#include "registry/registry.h"

#include "support/models.h"

#include <gtest/gtest.h>

#include <string>

namespace einfer::test {
namespace {

using registry::Model;

std::optional<protocol::ModelFault> proved(const Model&) { return std::nullopt; }

boost::system::result<Model, registry::Fault> entry(const std::string& text) {
    return registry::parse_entry(text, "x.json", proved);
}

/// "category field: reason" of the fault, or "OK".
std::string verdict(const std::string& text) {
    const auto parsed = entry(text);
    if (parsed) return "OK";
    const registry::Fault& fault = parsed.error();
    EXPECT_EQ(fault.file, "x.json");
    EXPECT_EQ(fault.to_string(), "x.json: " + fault.category + " fault" +
                                     (fault.field.empty() ? "" : " at " + fault.field) + ": " + fault.reason);
    return fault.category + ' ' + fault.field + ": " + fault.reason;
}

std::string changed(std::string_view pointer, std::string_view value) {
    return verdict(with(small_entry, pointer, value));
}

std::string rule(const std::string& keyword) { return ": breaks the rule \"" + keyword + "\" of its schema"; }

TEST(RegistryEntry, IsReadWithItsDefaults) {
    const auto bare = entry(without(small_entry, "/input_bounds"));
    ASSERT_TRUE(bare) << bare.error().to_string();
    EXPECT_EQ(bare->description.model_id, "small_v1");
    EXPECT_EQ(bare->description.weights, (std::vector<double>{0.5, -0.25}));
    EXPECT_EQ(bare->input_bounds, (std::vector<double>{16, 16}));
    EXPECT_EQ(bare->tolerance, 0.001);

    const auto full = entry(with(with(small_entry, "/input_bounds", "[0.5, 1e3]"), "/tolerance", "1"));
    ASSERT_TRUE(full) << full.error().to_string();
    EXPECT_EQ(full->input_bounds, (std::vector<double>{0.5, 1000}));
    EXPECT_EQ(full->tolerance, 1);
}

TEST(RegistryEntry, TextThatIsNoJsonIsASchemaFault) {
    EXPECT_EQ(verdict(""), "schema : the body is not one well-formed JSON document (byte 0)");
    EXPECT_EQ(verdict("{\"a\" 1}"), "schema : the body is not one well-formed JSON document (byte 5)");
    EXPECT_EQ(verdict("\xef\xbb\xbf" + std::string(small_entry)),
              "schema : the body is not one well-formed JSON document (byte 0)");
    EXPECT_EQ(verdict(std::string(small_entry) + "{}").substr(0, 9), "schema : ");
    EXPECT_EQ(verdict(R"({"model_id":"a","model_id":"a"})"), "schema : an object has the same member twice (byte 25)");
    EXPECT_EQ(verdict(with(small_entry, "/description", '"' + std::string(20000, 'x') + '"')),
              "schema : the JSON document has more text or more values than any valid one");
    EXPECT_EQ(verdict(with(small_entry, "/description", '"' + std::string(16000, 'x') + '"')), "OK");
}

TEST(RegistryEntry, SchemaFaultsNameFieldAndRule) {
    EXPECT_EQ(verdict("[]"), "schema : the document breaks the rule \"type\" of its schema");
    EXPECT_EQ(changed("/tolerence", "0.1"), "schema : the document has a member that is unknown: \"tolerence\"");
    EXPECT_EQ(verdict(without(small_entry, "/version")), "schema : the document lacks the member \"version\"");
    EXPECT_EQ(verdict(without(small_entry, "/encryption_parameters/scale")),
              "schema /encryption_parameters: lacks the member \"scale\"");
    EXPECT_EQ(changed("/model_id", "\"Small\""), "schema /model_id" + rule("pattern"));
    EXPECT_EQ(changed("/model_id", "\"small\\u0000\""), "schema /model_id" + rule("pattern"));
    EXPECT_EQ(changed("/version", "\"1.0\""), "schema /version" + rule("pattern"));
    EXPECT_EQ(changed("/encryption_parameters/poly_modulus_degree", "0"),
              "schema /encryption_parameters/poly_modulus_degree" + rule("minimum"));
    EXPECT_EQ(changed("/encryption_parameters/scale", "0"),
              "schema /encryption_parameters/scale" + rule("exclusiveMinimum"));
    EXPECT_EQ(changed("/inference/input_dimension", "4097"), "schema /inference/input_dimension" + rule("maximum"));
    EXPECT_EQ(changed("/inference/input_dimension", "1.5"), "schema /inference/input_dimension" + rule("type"));
    EXPECT_EQ(changed("/inference/activation", "\"relu\""), "schema /inference/activation" + rule("const"));
    EXPECT_EQ(changed("/parameters/weights", "[]"), "schema /parameters/weights" + rule("minItems"));
    EXPECT_EQ(changed("/parameters/weights/1", "\"0.5\""), "schema /parameters/weights/1" + rule("type"));
    EXPECT_EQ(changed("/activation_parameters/coefficients", "[0.5, 0.25]"),
              "schema /activation_parameters/coefficients" + rule("minItems"));
    EXPECT_EQ(changed("/activation_parameters/coefficients", "[0.5, 0.25, 0, 0]"),
              "schema /activation_parameters/coefficients" + rule("maxItems"));
    EXPECT_EQ(changed("/constraints/max_batch_size", "0"), "schema /constraints/max_batch_size" + rule("minimum"));
    EXPECT_EQ(changed("/input_bounds/0", "0"), "schema /input_bounds/0" + rule("exclusiveMinimum"));
    EXPECT_EQ(changed("/tolerance", "1e400"), "schema /tolerance" + rule("maximum"));
    EXPECT_EQ(changed("/feature_names", R"(["a", "a"])"), "schema /feature_names" + rule("uniqueItems"));
}

TEST(RegistryEntry, SemanticFaultsNameFieldAndReason) {
    const std::string encryption = "semantic /encryption_parameters/";
    EXPECT_EQ(changed("/he_scheme", "\"BFV\""), "semantic /he_scheme: only CKKS is supported");
    EXPECT_EQ(changed("/he_scheme", "\"ckks\""), "semantic /he_scheme: only CKKS is supported");
    for (const char* degree : {"512", "4095", "5000", "65536", "2147483647"})
        EXPECT_EQ(changed("/encryption_parameters/poly_modulus_degree", degree),
                  encryption + "poly_modulus_degree: must be a power of two from 1024 to 32768")
            << degree;
    EXPECT_EQ(changed("/encryption_parameters/coeff_modulus_bits", "[36, 36, 37]"), "OK")
        << "109 bits: the bound itself";
    EXPECT_EQ(changed("/encryption_parameters/coeff_modulus_bits", "[36, 36, 38]"),
              encryption + "coeff_modulus_bits: sum to 110 bits; 128-bit security at this degree allows 109");
    EXPECT_EQ(changed("/encryption_parameters/coeff_modulus_bits", "[61, 36]"),
              encryption + "coeff_modulus_bits/0: a prime has 20 to 60 bits");
    EXPECT_EQ(changed("/encryption_parameters/coeff_modulus_bits", "[36, 2147483647]"),
              encryption + "coeff_modulus_bits/1: a prime has 20 to 60 bits");
    const std::string large = with(small_entry, "/encryption_parameters/poly_modulus_degree", "32768");
    EXPECT_EQ(verdict(with(large, "/encryption_parameters/coeff_modulus_bits", "[60, 20, 20]")),
              encryption + "coeff_modulus_bits: at this degree there are only 1 usable primes of 20 bits");
    for (const char* scale : {"0.5", "1e30", "1e400"})
        EXPECT_EQ(changed("/encryption_parameters/scale", scale),
                  encryption + "scale: must be at least 1 and well below the data modulus")
            << scale;
    EXPECT_EQ(changed("/encryption_parameters/max_multiplicative_depth", "2"),
              encryption + "max_multiplicative_depth: needs one data prime more than its levels: at most 1");
    EXPECT_EQ(changed("/inference/input_dimension", "3"),
              "semantic /parameters/weights: 2 weights for input_dimension 3");
    EXPECT_EQ(changed("/parameters/weights/1", "1e400"), "semantic /parameters/weights: must be finite");
    EXPECT_EQ(changed("/parameters/bias", "-1e400"), "semantic /parameters/bias: must be finite");
    EXPECT_EQ(changed("/activation_parameters/coefficients/2", "1e400"),
              "semantic /activation_parameters/coefficients: must be finite");
    EXPECT_EQ(changed("/constraints/max_batch_size", "2048"), "OK");
    EXPECT_EQ(
        changed("/constraints/max_batch_size", "2049"),
        "semantic /constraints/max_batch_size: must be from 1 to the number of slots, poly_modulus_degree / 2 = 2048");
    EXPECT_EQ(changed("/input_bounds", "[1]"), "semantic /input_bounds: needs one number a feature");
    EXPECT_EQ(changed("/input_bounds", "[1, 2, 3]"), "semantic /input_bounds: needs one number a feature");
    EXPECT_EQ(changed("/input_bounds", "[1, 1e400]"), "semantic /input_bounds: must be finite");
    EXPECT_EQ(changed("/feature_names", R"(["a", "b", "c"])"), "semantic /feature_names: needs one name a feature");
}

TEST(RegistryEntry, WhatTheProofSaysIsASemanticFault) {
    const auto parsed = registry::parse_entry(small_entry, "x.json", [](const Model& model) {
        EXPECT_EQ(model.description.model_id, "small_v1");
        EXPECT_EQ(model.input_bounds.size(), 2u);
        return protocol::ModelFault{"/tolerance", "cannot be met"};
    });
    ASSERT_FALSE(parsed);
    EXPECT_EQ(parsed.error().to_string(), "x.json: semantic fault at /tolerance: cannot be met");
}

TEST(RegistryEntry, TheProofIsAskedLast) {
    bool asked = false;
    const auto prove = [&](const Model&) -> std::optional<protocol::ModelFault> {
        asked = true;
        return std::nullopt;
    };
    for (const std::string& text :
         {with(small_entry, "/parameters/weights", "[1]"), with(small_entry, "/model_id", "1"),
          with(small_entry, "/feature_names", "[\"a\"]")})
        EXPECT_FALSE(registry::parse_entry(text, "x.json", prove));
    EXPECT_FALSE(asked);
    EXPECT_TRUE(registry::parse_entry(small_entry, "x.json", prove));
    EXPECT_TRUE(asked);
}

TEST(RegistryFault, OfTheDirectoryNamesNoFile) {
    const registry::Fault fault{"", "semantic", "", "nothing there"};
    EXPECT_EQ(fault.to_string(), "semantic fault: nothing there");
}

}  // namespace
}  // namespace einfer::test
