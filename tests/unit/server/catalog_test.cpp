// What is served, and the limits that follow from it.
#include "server/catalog.h"

#include "unit/server/requests.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <tuple>

namespace einfer::test {
namespace {

using server::Catalog;

TEST(Catalog, ServesTheShippedModels) {
    const auto catalog = Catalog::load(source_dir / "models");
    ASSERT_TRUE(catalog) << catalog.error().to_string();
    EXPECT_EQ((*catalog)->models().size(), json_files(source_dir / "models").size());
    EXPECT_TRUE(
        std::is_sorted((*catalog)->models().begin(), (*catalog)->models().end(), [](const auto& a, const auto& b) {
            return std::tie(a->view.model_id, a->view.version) < std::tie(b->view.model_id, b->view.version);
        }));
    for (const auto& served : (*catalog)->models()) {
        EXPECT_GT(served->view.error_bound, 0);
        EXPECT_EQ(*(*catalog)->find(served->view.model_id, served->view.version), served.get());
        EXPECT_FALSE(protocol::find_fault(served->view)) << served->view.model_id;
    }
}

TEST(Catalog, FindsByBothNames) {
    const auto catalog = make_catalog({std::string(small_entry), with(small_entry, "/version", "\"1.10.0\"")}, false);
    EXPECT_EQ((*catalog->find("small_v1", "1.0.0"))->view.version, "1.0.0");
    EXPECT_EQ((*catalog->find("small_v1", "1.10.0"))->view.version, "1.10.0");
    const std::pair<const char*, const char*> unknown[] = {{"", ""},
                                                           {"small_v1", ""},
                                                           {"small_v1", "1.0"},
                                                           {"small_v1", "1.1.0"},
                                                           {"SMALL_V1", "1.0.0"},
                                                           {"small_v", "1.0.0"}};
    for (const auto& [model_id, version] : unknown)
        EXPECT_EQ(code_of(catalog->find(model_id, version)), "UNKNOWN_MODEL") << model_id << ' ' << version;
}

TEST(Catalog, ContextsComeLaterAndAreShared) {
    const auto catalog = make_catalog(
        {std::string(small_entry), with(small_entry, "/version", "\"2.0.0\""), quadratic_entry(), large_entry()},
        false);
    EXPECT_FALSE(catalog->ready());
    for (const auto& served : catalog->models()) EXPECT_FALSE(served->context || served->evaluator);
    ASSERT_TRUE(catalog->make_contexts(he::EvaluatorKind::Native));
    EXPECT_TRUE(catalog->ready());
    for (const auto& served : catalog->models()) {
        ASSERT_TRUE(served->context && served->evaluator);
        EXPECT_EQ(served->context->poly_modulus_degree(), served->view.poly_modulus_degree);
    }
    const auto context = [&](const char* model_id, const char* version) {
        return &(*catalog->find(model_id, version))->context->seal();
    };
    EXPECT_EQ(context("small_v1", "1.0.0"), context("small_v1", "2.0.0"));
    EXPECT_EQ(context("small_v1", "1.0.0"), context("quadratic_v1", "1.0.0"));
    EXPECT_NE(context("small_v1", "1.0.0"), context("large_v1", "1.0.0"));
}

TEST(Catalog, InputLevelsAreOneForEachSetOfParameters) {
    // small and quadratic share theirs, and may differ in how many primes their plans use.
    const auto catalog = make_catalog({std::string(small_entry), quadratic_entry(), large_entry()});
    const auto levels = catalog->input_levels();
    ASSERT_EQ(levels.size(), 2u);
    for (const auto& served : catalog->models()) {
        const he::Context& context = *served->context;
        const auto& id = context.parms_id(context.data_prime_count());
        const auto level = std::ranges::find(levels, id, &wire::Level::parms_id);
        ASSERT_NE(level, levels.end());
        EXPECT_EQ(level->poly_modulus_degree, context.poly_modulus_degree());
        EXPECT_TRUE(std::ranges::equal(level->primes, context.level_primes(context.data_prime_count())));
        EXPECT_GE(level->kept_primes, served->executable->kept_primes());
        EXPECT_LE(level->kept_primes, context.data_prime_count());
        EXPECT_TRUE(std::ranges::any_of(catalog->models(), [&](const auto& other) {
            return other->context->parms_id(other->context->data_prime_count()) == id &&
                   other->executable->kept_primes() == level->kept_primes;
        }));
    }
    EXPECT_TRUE(make_catalog({std::string(small_entry)}, false)->input_levels().empty());
}

TEST(Catalog, AModelWithoutAPlanStopsTheLoad) {
    const std::tuple<const char*, const char*, const char*> refused[] = {
        {"/parameters/weights", "[0, 0]", "semantic fault at /parameters/weights: "},
        {"/parameters/weights", "[1e-40, 0]", "semantic fault at /parameters/weights: "},
        {"/activation_parameters/coefficients", "[0.5, 0, 0]",
         "semantic fault at /activation_parameters/coefficients: "},
        {"/tolerance", "1e-12", "semantic fault at /tolerance: "},
        {"/input_bounds", "[1e13, 1]", "semantic fault at /encryption_parameters: "},
    };
    for (const auto& [pointer, value, expected] : refused) {
        const TemporaryDirectory directory;
        write_file(directory.path() / "bad.json", with(small_entry, pointer, value));
        const auto catalog = Catalog::load(directory.path());
        ASSERT_FALSE(catalog) << pointer;
        EXPECT_EQ(catalog.error().to_string().find("bad.json: " + std::string(expected)), 0u)
            << catalog.error().to_string();
    }
}

TEST(Catalog, LimitsAreThoseOfTheLargestModel) {
    const auto small = make_catalog({std::string(small_entry)}, false);
    const auto both = make_catalog({std::string(small_entry), large_entry()}, false);
    EXPECT_EQ(small->limits().max_ciphertext_words, 2u * 4096 * 2);
    EXPECT_EQ(small->limits().max_ciphertext_bytes, wire::max_serialized_size(2, 4096, 2));
    EXPECT_EQ(both->limits().max_ciphertext_words, 2u * 8192 * 2);
    EXPECT_EQ(both->limits().max_ciphertext_bytes, wire::max_serialized_size(2, 8192, 2));
    // Two inputs of the small model or one of the large: about the same.
    const std::size_t largest = 2 * wire::max_serialized_size(2, 8192, 2);
    EXPECT_GT(both->limits().max_body_bytes, largest);
    EXPECT_LT(both->limits().max_body_bytes, largest + largest / 4);
    EXPECT_GT(both->limits().max_plain_body_bytes, 8u * 2 * 24);
}

TEST(Catalog, TheLimitTakesTheLargestHonestRequestOfEveryModel) {
    const auto catalog = Catalog::load(source_dir / "models").value();
    for (const auto& served : catalog->models()) {
        const protocol::ModelView& view = served->view;
        const std::size_t ciphertext = wire::max_serialized_size(2, view.poly_modulus_degree, view.data_primes());
        RequestBody body;
        body.inputs.assign(view.input_ciphertexts(), {"base64", std::string(2 * ciphertext, '0')});
        EXPECT_LE(body.text().size(), catalog->limits().max_body_bytes) << view.model_id;
    }
}

}  // namespace
}  // namespace einfer::test
