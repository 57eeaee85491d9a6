// Entries of v1.1: what is written is read, and what is damaged is a fault.
#include "registry/network_entry.h"

#include "inference/slots_circuit.h"
#include "inference/slots_search.h"
#include "registry/registry.h"
#include "support/models.h"

#include <gtest/gtest.h>

#include <bit>
#include <map>
#include <random>

namespace einfer::test {
namespace {

namespace fs = std::filesystem;
using namespace std::string_literals;
using inference::Activation;
using inference::ActivationKind;
using inference::Dense;
using inference::Network;
using registry::NetworkModel;

std::vector<double> values(std::size_t count, std::mt19937_64& random) {
    std::uniform_real_distribution<double> value(-1, 1);
    std::vector<double> made(count);
    for (double& each : made) each = value(random);
    return made;
}

Dense dense(std::size_t inputs, std::size_t outputs, std::mt19937_64& random) {
    return {inputs, outputs, values(inputs * outputs, random), values(outputs, random)};
}

NetworkModel unplanned(Network network) {
    NetworkModel model;
    model.model_id = "some_model";
    model.version = "1.2.3";
    model.description = "For tests: \"quoted\", ä.";
    model.network = std::move(network);
    const std::size_t features = model.network.input.size();
    model.lower.assign(features, -0.1);
    model.upper.assign(features, 1.0 / 3);
    model.lower.front() = -7;
    for (std::size_t i = 0; i < features; ++i) model.feature_names.push_back("f" + std::to_string(i));
    model.tolerance = 0.01;
    model.calibration_rows = 7;
    model.evaluation_ms = 1.25;
    model.provenance = "tests";
    model.stages = inference::to_stages(model.network).value();
    inference::normalise_inputs(model.stages.front(), model.lower, model.upper);
    return model;
}

NetworkModel linear_model() {
    std::mt19937_64 random(1);
    NetworkModel model = unplanned({{5, 1, 1},
                                    {inference::Scaling{values(5, random), values(5, random)}, dense(5, 2, random)},
                                    {Postprocessing::Softmax, Postprocessing::Argmax},
                                    {"no", "yes"}});
    const LinearPacking packing = inference::plan_linear(model.stages.front(), model.tolerance).value().packing;
    model.poly_modulus_degree = packing.poly_modulus_degree;
    model.coeff_modulus_bits = {packing.prime_bits};
    model.scale = packing.input_scale;
    model.max_batch_size = packing.rows;
    model.plan = packing;
    return model;
}

NetworkModel slots_model(std::size_t rows = 2) {
    std::mt19937_64 random(2);
    const Activation square{ActivationKind::Polynomial, {0.125, 1.0 / 3, 1}, "relu"};
    NetworkModel model = unplanned({{6, 1, 1}, {dense(6, 4, random), square, dense(4, 3, random)}, {}, {}});
    std::vector<std::vector<double>> samples;
    for (int i = 0; i < 5; ++i) samples.push_back(values(6, random));
    const auto spec = inference::search_slots(model.stages, samples, {.tolerance = model.tolerance, .rows = rows});
    model.poly_modulus_degree = spec->poly_modulus_degree;
    model.coeff_modulus_bits = spec->coeff_modulus_bits;
    model.scale = spec->scale;
    model.max_batch_size = rows;
    model.plan = *spec;
    return model;
}

void expect_equal(const inference::SlotsSpec& a, const inference::SlotsSpec& b) {
    EXPECT_EQ(a.poly_modulus_degree, b.poly_modulus_degree);
    EXPECT_EQ(a.coeff_modulus_bits, b.coeff_modulus_bits);
    EXPECT_EQ(a.scale, b.scale);
    EXPECT_EQ(a.rows, b.rows);
    EXPECT_EQ(a.polynomials, b.polynomials);
    EXPECT_EQ(a.error_bound, b.error_bound);
    EXPECT_EQ(a.value_bound, b.value_bound);
    ASSERT_EQ(a.stages.size(), b.stages.size());
    for (std::size_t i = 0; i < a.stages.size(); ++i) {
        EXPECT_EQ(a.stages[i].packing, b.stages[i].packing) << i;
        EXPECT_EQ(a.stages[i].rescale, b.stages[i].rescale) << i;
        EXPECT_EQ(a.stages[i].weight_scale, b.stages[i].weight_scale) << i;
        EXPECT_EQ(a.stages[i].divisor, b.stages[i].divisor) << i;
        EXPECT_EQ(a.stages[i].output_divisor, b.stages[i].output_divisor) << i;
    }
}

std::optional<protocol::ModelFault> proved(const registry::Model&) { return std::nullopt; }

class NetworkEntry : public testing::Test {
protected:
    registry::WrittenEntry write(const NetworkModel& model) const {
        auto written = registry::write_network_entry(model, directory.path());
        EXPECT_EQ(written.fault, std::nullopt);
        return written;
    }

    /// "category field: reason" of the only file's fault, or "OK".
    static std::string verdict(const fs::path& file) {
        const auto model = registry::read_network_entry(file);
        if (model) return "OK";
        EXPECT_EQ(model.error().file, file.filename());
        return model.error().category + ' ' + model.error().field + ": " + model.error().reason;
    }

    /// Of `model` with one value changed.
    std::string changed(const NetworkModel& model, std::string_view pointer, std::string_view value) const {
        const fs::path file = write(model).entry;
        write_file(file, with(read_file(file), pointer, value));
        return verdict(file);
    }

    void expect_round_trip(const NetworkModel& model) const {
        const auto written = write(model);
        const auto read = registry::read_network_entry(written.entry);
        ASSERT_TRUE(read) << read.error().to_string();
        EXPECT_EQ(read->model_id, model.model_id);
        EXPECT_EQ(read->version, model.version);
        EXPECT_EQ(read->description, model.description);
        EXPECT_EQ(read->poly_modulus_degree, model.poly_modulus_degree);
        EXPECT_EQ(read->coeff_modulus_bits, model.coeff_modulus_bits);
        EXPECT_EQ(read->scale, model.scale);
        EXPECT_EQ(read->lower, model.lower);
        EXPECT_EQ(read->upper, model.upper);
        EXPECT_EQ(read->feature_names, model.feature_names);
        EXPECT_EQ(read->network.class_names, model.network.class_names);
        EXPECT_EQ(read->network.postprocessing, model.network.postprocessing);
        EXPECT_EQ(read->tolerance, model.tolerance);
        EXPECT_EQ(read->max_batch_size, model.max_batch_size);
        EXPECT_EQ(read->evaluation_ms, model.evaluation_ms);
        EXPECT_EQ(read->calibration_rows, model.calibration_rows);
        EXPECT_EQ(read->provenance, model.provenance);
        EXPECT_EQ(read->plan_digest.size(), 64u);
        ASSERT_EQ(read->stages.size(), model.stages.size());
        for (std::size_t i = 0; i < model.stages.size(); ++i) {
            EXPECT_EQ(read->stages[i].matrix.values, model.stages[i].matrix.values) << i;
            EXPECT_EQ(read->stages[i].bias, model.stages[i].bias) << i;
        }
        ASSERT_EQ(read->plan.index(), model.plan.index());
        if (const auto* packing = std::get_if<LinearPacking>(&model.plan))
            EXPECT_EQ(std::get<LinearPacking>(read->plan), *packing);
        else
            expect_equal(std::get<inference::SlotsSpec>(read->plan), std::get<inference::SlotsSpec>(model.plan));

        const std::string text = read_file(written.entry);
        EXPECT_EQ(write(*read).entry, written.entry);
        EXPECT_EQ(read_file(written.entry), text) << "written again, it is the same";
    }

    TemporaryDirectory directory;
};

TEST_F(NetworkEntry, OfCoefficientsIsReadAsItWasWritten) { expect_round_trip(linear_model()); }

TEST_F(NetworkEntry, OfSlotsIsReadAsItWasWritten) {
    expect_round_trip(slots_model());
    const auto read = registry::read_network_entry(directory.path() / "some_model.json");
    EXPECT_EQ(std::get<Activation>(read->network.layers[1]).stands_for, "relu");
}

TEST_F(NetworkEntry, NumbersKeepEveryBit) {
    NetworkModel model = slots_model();
    std::mt19937_64 random(3);
    for (int i = 0; i < 200; ++i) {
        auto& spec = std::get<inference::SlotsSpec>(model.plan);
        // Any mantissa, near 1.
        const double any = std::bit_cast<double>((random() >> 12) | 0x3ff0000000000000);
        spec.value_bound = any;
        model.lower.back() = -any;
        const auto read = registry::read_network_entry(write(model).entry);
        ASSERT_TRUE(read) << read.error().to_string();
        ASSERT_EQ(std::get<inference::SlotsSpec>(read->plan).value_bound, any);
        ASSERT_EQ(read->lower.back(), -any);
    }
}

TEST_F(NetworkEntry, FaultsOfSlotsAreNamed) {
    const NetworkModel model = slots_model();
    const std::string of_another = "semantic /plan: is not of these layers and encryption_parameters";
    const std::vector<std::tuple<std::string, std::string, std::string>> cases{
        {"/plan/rows", "3", "semantic /plan/rows: must be a power of two, at most a quarter of poly_modulus_degree"},
        {"/plan/rows", "16384",
         "semantic /plan/rows: must be a power of two, at most a quarter of poly_modulus_degree"},
        {"/plan/rows", "1", "semantic /constraints/max_batch_size: is above the 1 rows of a request"},
        {"/constraints/max_batch_size", "3", "semantic /constraints/max_batch_size: is above the 2 rows of a request"},
        {"/plan/error_bound", "0.02", "semantic /plan/error_bound: is above tolerance"},
        {"/plan/error_bound", "0", "schema "},
        {"/tolerance", "1e-12", "semantic /plan/error_bound: is above tolerance"},
        {"/plan/value_bound", "1e300",
         "semantic /plan/value_bound: answers as large do not fit the primes that are left "
         "for them"},
        {"/plan/stages", "[]", "schema "},
        {"/plan/stages/0/weight_scale", "2", of_another},
        {"/plan/stages/0/weight_scale", "0", "schema "},
        {"/plan/stages/0/weight_scale", "1e400", "schema "},
        {"/plan/stages/0/divisor", "-1", "schema "},
        {"/plan/stages/0/divisor", "1e-300", "semantic /plan: "},
        {"/plan/stages/0/fold", R"("up")", "schema "},
        {"/plan/stages/0/rescale", R"("sometimes")", "schema "},
        {"/plan/stages/0/ciphertexts", "2147483647", "schema "},
        {"/plan/stages/0/ciphertexts", "-1", "schema "},
        {"/plan/stages/0/by_support", "1", "schema "},
        {"/plan/stages/0/free_bits", "14", of_another},
        {"/plan/stages/0/more", "1", "schema "},
        {"/plan/rows", "2.5", "schema "},
        {"/encryption_parameters/coeff_modulus_bits", "[40, 40, 40]", of_another},
        {"/encryption_parameters/coeff_modulus_bits", "[40]",
         "semantic /encryption_parameters/coeff_modulus_bits: the layout slots has at least two primes"},
        {"/layout", R"("coefficients")", "semantic /plan: is that of another layout"},
        {"/layout", R"("columns")", "schema "},
        {"/layers/1/coefficients", "[0, 0, 0, 0, 0, 0, 0, 0, 0, 1]",
         "semantic /layers: the layout slots has polynomials of degree 8 at most"},
        {"/layers/1/coefficients", "[0, 1]", "semantic /plan/stages: needs 1 of them for these layers"},
        {"/layers/2/outputs", "2", "semantic /weights: the file has 5 numbers too many"},
        {"/layers/2/outputs", "65536", "semantic /layers/2: the weights file has too few numbers for it"},
        {"/input/shape", "[7]", "semantic /input/lower: needs one number a feature"},
        {"/input/upper", "[-7, 1, 1, 1, 1, 1]",
         "semantic /input/upper: must be above lower, for every feature, and both "
         "finite"},
        {"/weights/sha256", '"' + std::string(64, '0') + '"', "semantic /weights/sha256: is not that of "},
        {"/weights/file", R"("nothing.weights")", "semantic /weights/file: nothing.weights: the file cannot be read"},
        {"/weights/file", R"("../x.weights")", "schema "},
    };
    for (const auto& [pointer, value, expected] : cases) {
        const std::string said = changed(model, pointer, value);
        EXPECT_TRUE(said.starts_with(expected)) << pointer << ' ' << value << ": " << said;
    }
}

TEST_F(NetworkEntry, FaultsOfCoefficientsAreNamed) {
    const NetworkModel model = linear_model();
    const std::vector<std::tuple<std::string, std::string, std::string>> cases{
        {"/layout", R"("slots")", "semantic /plan: is that of another layout"},
        {"/tolerance", "1e-12", "semantic /tolerance: no plan is within it"},
        {"/constraints/max_batch_size", "16384", "semantic /constraints/max_batch_size: is above the "},
        {"/plan/compact_bits", "60", "semantic /packing: compact_bits must be from 1 to "},
        {"/plan/rows", "32768", "semantic /packing: rows, features and outputs do not fit the degree"},
        {"/class_names", R"(["one"])", "semantic /class_names: needs 2 names"},
        {"/encryption_parameters/coeff_modulus_bits", "[20, 20]",
         "semantic /encryption_parameters/coeff_modulus_bits: the layout coefficients has one prime"},
    };
    for (const auto& [pointer, value, expected] : cases) {
        const std::string said = changed(model, pointer, value);
        EXPECT_TRUE(said.starts_with(expected)) << pointer << ' ' << value << ": " << said;
    }
}

TEST_F(NetworkEntry, AnyPackingIsOkOrAFault) {
    const NetworkModel model = slots_model();
    const std::map<std::string, int> most{{"free_bits", 14},  {"diagonal_bits", 9}, {"input_bits", 14},
                                          {"ciphertexts", 8}, {"baby_bits", 9},     {"fold_bits", 3}};
    const fs::path file = write(model).entry;
    const std::string whole = read_file(file);
    std::mt19937_64 random(4);
    int faults = 0;
    for (int i = 0; i < 300; ++i) {
        std::string text = whole;
        for (const char* const stage : {"/plan/stages/0/", "/plan/stages/1/"})
            for (const auto& [name, limit] : most)
                if (random() % 2 == 0)
                    text = with(text, stage + name, std::to_string(1 + random() % static_cast<std::size_t>(limit)));
        for (const char* const stage : {"/plan/stages/0/", "/plan/stages/1/"}) {
            if (random() % 2 == 0) text = with(text, stage + "fold"s, random() % 2 == 0 ? R"("low")" : R"("high")");
            if (random() % 4 == 0) text = with(text, stage + "by_support"s, random() % 2 == 0 ? "true" : "false");
        }
        write_file(file, text);
        const std::string said = verdict(file);
        EXPECT_TRUE(said == "OK" || said.starts_with("semantic /plan")) << said;
        faults += said != "OK";
    }
    EXPECT_GT(faults, 100);
}

TEST_F(NetworkEntry, LinearActivationsDoNotJoinIntoAMatrixTooLarge) {
    std::mt19937_64 random(5);
    NetworkModel model = slots_model();
    const std::size_t wide = 5000;
    model.network = {{wide, 1, 1},
                     {dense(wide, 1, random), Activation{ActivationKind::Polynomial, {0, 1}}, dense(1, wide, random),
                      Activation{ActivationKind::Polynomial, {0, 0, 1}}, dense(wide, 1, random)},
                     {},
                     {}};
    model.lower.assign(wide, -1);
    model.upper.assign(wide, 1);
    model.feature_names.clear();
    EXPECT_EQ(verdict(write(model).entry),
              "semantic /layers: joined where activations are linear, they make too large a matrix");
}

TEST_F(NetworkEntry, DamagedWeightsAreFound) {
    for (const NetworkModel& model : {linear_model(), slots_model()}) {
        const auto written = write(model);
        std::string weights = read_file(written.weights);
        weights[weights.size() / 2] ^= 1;
        write_file(written.weights, weights);
        EXPECT_TRUE(verdict(written.entry).starts_with("semantic /weights/sha256: is not that of "))
            << verdict(written.entry);
        fs::remove(written.weights);
        EXPECT_TRUE(verdict(written.entry).starts_with("semantic /weights/file: ")) << verdict(written.entry);
    }
}

TEST_F(NetworkEntry, EveryPrefixOfTheFileIsAFault) {
    const fs::path file = write(slots_model()).entry;
    const std::string whole = read_file(file);
    for (std::size_t size = 0; size + 2 < whole.size(); size += 13) {
        write_file(file, whole.substr(0, size));
        EXPECT_TRUE(verdict(file).starts_with("schema ")) << size;
    }
}

TEST_F(NetworkEntry, VersionsLieBesideOneAnother) {
    NetworkModel model = slots_model();
    const auto first = write(model);
    EXPECT_EQ(first.entry.filename(), "some_model.json");
    model.version = "1.3.0";
    const auto same_weights = write(model);
    EXPECT_EQ(same_weights.entry.filename(), "some_model-1.3.0.json");
    EXPECT_EQ(same_weights.weights, first.weights);
    std::get<Dense>(model.network.layers[2]).bias[0] += 1;
    const auto second = write(model);
    EXPECT_EQ(second.entry, same_weights.entry);
    EXPECT_NE(second.weights, first.weights);
    EXPECT_EQ(verdict(first.entry), "OK") << "the other version's weights are still there";
    EXPECT_EQ(verdict(second.entry), "OK");
    std::get<Dense>(model.network.layers[2]).bias[0] += 1;
    const auto third = write(model);
    EXPECT_FALSE(fs::exists(second.weights)) << "nothing names them any more";
    EXPECT_EQ(verdict(third.entry), "OK");
    EXPECT_EQ(registry::find_entry(directory.path(), "some_model", "1.3.0"), third.entry);
    EXPECT_EQ(registry::find_entry(directory.path(), "some_model", "9.9.9"), std::nullopt);
    EXPECT_EQ(registry::find_entry(directory.path() / "none", "some_model", "1.3.0"), std::nullopt);
}

TEST_F(NetworkEntry, ADirectoryHoldsBothFormsOrIsNotLoaded) {
    write(linear_model());
    NetworkModel other = slots_model();
    other.model_id = "other_model";
    const fs::path file = write(other).entry;
    write_file(directory.path() / "small.json", std::string(small_entry));
    const auto loaded = registry::load(directory.path(), proved);
    ASSERT_TRUE(loaded) << loaded.error().to_string();
    EXPECT_EQ(loaded->columns.size(), 1u);
    ASSERT_EQ(loaded->networks.size(), 2u);
    EXPECT_EQ(loaded->networks[0].model_id, "other_model");
    write_file(file, with(read_file(file), "/tolerance", "1e-12"));
    const auto refused = registry::load(directory.path(), proved);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().to_string(), "other_model.json: semantic fault at /plan/error_bound: is above tolerance");
}

TEST_F(NetworkEntry, WhatCannotBeWrittenSaysWhy) {
    const auto written = registry::write_network_entry(linear_model(), directory.path() / "none");
    ASSERT_TRUE(written.fault);
    EXPECT_NE(written.fault->find("No such file"), std::string::npos) << *written.fault;
}

}  // namespace
}  // namespace einfer::test
