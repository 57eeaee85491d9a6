// Networks become planned models: which layout, which tolerance, and why not.
#include "importing/plan_network.h"

#include "importing/entry.h"
#include "importing/simulation.h"
#include "inference/slots_circuit.h"
#include "support/files.h"
#include "unit/importing/support.h"

#include <gtest/gtest.h>

#include <limits>

namespace einfer::test {
namespace {

using importing::Layout;
using importing::plan_network;
using importing::PlannedModel;
using importing::PlanOptions;
using inference::ActivationKind;
using inference::Network;

PlannedModel planned(const Network& network, const Rows& rows, const PlanOptions& options = {}) {
    auto plan = plan_network(network, rows, options);
    EXPECT_TRUE(plan) << verdict_of(plan);
    return plan.value();
}

class PlanNetwork : public testing::Test {
protected:
    std::mt19937_64 random{1};
    const Network linear = one_layer(6, 2, random);
    const Network square = two_layers(ActivationKind::Polynomial, random);
    const Network relu = two_layers(ActivationKind::Relu, random);
    const Rows rows = some_rows(40, 6, random);
};

TEST_F(PlanNetwork, LinearModelsAreCoefficients) {
    const PlannedModel plan = planned(linear, rows);
    EXPECT_EQ(plan.layout(), Layout::Coefficients);
    EXPECT_LE(plan.error_bound, plan.model.tolerance);
    EXPECT_EQ(plan.model.tolerance,
              importing::default_tolerance(plan.calibration.largest_answer, Layout::Coefficients));
    EXPECT_EQ(plan.estimates.key_bytes, 0u);
    EXPECT_EQ(plan.model.coeff_modulus_bits.size(), 1u);
    EXPECT_EQ(plan.model.max_batch_size, std::get<LinearPacking>(plan.model.plan).rows);
    EXPECT_TRUE(plan.fitted.empty());
    EXPECT_EQ(plan.calibration.max_difference, 0);
    EXPECT_EQ(plan.calibration.agreed, rows.size());
}

TEST_F(PlanNetwork, OthersAreSlots) {
    const PlannedModel plan = planned(square, rows, {.rows = 4});
    EXPECT_EQ(plan.layout(), Layout::Slots);
    EXPECT_LE(plan.error_bound, plan.model.tolerance);
    EXPECT_GT(plan.estimates.key_bytes, 0u);
    EXPECT_GT(plan.estimates.evaluation_ms, 0);
    EXPECT_EQ(plan.model.max_batch_size, 4u);
    EXPECT_TRUE(plan.fitted.empty()) << "it is a polynomial";
}

TEST_F(PlanNetwork, LinearModelsMayBeSlotsToo) {
    EXPECT_EQ(planned(linear, rows, {.layout = Layout::Slots}).layout(), Layout::Slots);
}

TEST_F(PlanNetwork, ThePlanComputesTheNetworkOfRawFeatures) {
    for (const Network* network : {&linear, &square}) {
        const PlannedModel plan = planned(*network, rows);
        const auto original = inference::to_stages(*network).value();
        for (const auto& row : rows) {
            const auto exact = inference::evaluate(original, row);
            const auto made = inference::evaluate(plan.model.stages, plan.model.normalised(row));
            for (std::size_t i = 0; i < exact.size(); ++i) EXPECT_NEAR(made[i], exact[i], 1e-12);
            const auto* spec = std::get_if<inference::SlotsSpec>(&plan.model.plan);
            if (spec == nullptr) continue;
            const auto model = inference::SlotsModel::compile(plan.model.stages, *spec).value();
            const auto packed = model.run_in_clear(plan.model.normalised(row));
            for (std::size_t i = 0; i < exact.size(); ++i) EXPECT_NEAR(packed[i], exact[i], 1e-9);
        }
    }
}

TEST_F(PlanNetwork, OtherActivationsAreFittedAndReported) {
    double before = std::numeric_limits<double>::infinity();
    for (const int degree : {2, 4, 6}) {
        const PlannedModel plan = planned(relu, rows, {.tolerance = 0.1, .activation_degree = degree});
        ASSERT_EQ(plan.fitted.size(), 1u);
        EXPECT_EQ(plan.fitted[0].stands_for, "relu");
        EXPECT_EQ(plan.fitted[0].layer, 1u);
        EXPECT_EQ(plan.fitted[0].coefficients.size(), static_cast<std::size_t>(degree) + 1);
        EXPECT_LT(plan.fitted[0].lower, plan.fitted[0].upper);
        EXPECT_LT(plan.fitted[0].rms_error, before) << "a higher degree is closer";
        before = plan.fitted[0].rms_error;
        const auto& stored = std::get<inference::Activation>(plan.model.network.layers[1]);
        EXPECT_EQ(stored.kind, ActivationKind::Polynomial);
        EXPECT_EQ(stored.stands_for, "relu");
        EXPECT_EQ(stored.coefficients, plan.fitted[0].coefficients);
        EXPECT_GT(plan.calibration.max_difference, 0);
    }
    for (const ActivationKind kind :
         {ActivationKind::LeakyRelu, ActivationKind::Sigmoid, ActivationKind::Tanh, ActivationKind::Softplus})
        EXPECT_EQ(planned(two_layers(kind, random), rows, {.tolerance = 0.1}).fitted[0].stands_for,
                  importing::name(kind));
}

TEST_F(PlanNetwork, WhatNeedsMoreKeysThanThereMayBeIsPassedOver) {
    const inference::Activation activation{ActivationKind::Relu};
    const Network deep{{6, 1, 1},
                       {some_dense(6, 4, random), activation, some_dense(4, 4, random), activation,
                        some_dense(4, 4, random), activation, some_dense(4, 2, random)},
                       {},
                       {}};
    // At small rings no packing has few enough keys for so many primes.
    const auto plan = plan_network(deep, rows, {.tolerance = 0.5, .activation_degree = 5});
    if (!plan) {
        EXPECT_EQ(detail_of(plan.error(), "field").find("/stages"), std::string::npos);
    }
    const std::string rows_said = verdict_of(
        plan_network(two_layers(ActivationKind::Relu, random), rows, {.rows = 16384, .activation_degree = 2}));
    EXPECT_TRUE(rows_said.starts_with("--rows: ")) << rows_said;
    EXPECT_NE(rows_said.find("rows fit"), std::string::npos) << rows_said;
}

TEST_F(PlanNetwork, ASquareThatIsAlmostNothingIsLeftOut) {
    Rows symmetric = rows;
    for (const auto& row : rows) {
        symmetric.push_back(row);
        for (double& value : symmetric.back()) value = -value;
    }
    Network odd = two_layers(ActivationKind::Tanh, random);
    std::ranges::fill(std::get<inference::Dense>(odd.layers[0]).bias, 0);
    EXPECT_EQ(planned(odd, symmetric, {.tolerance = 0.1}).fitted[0].coefficients.size(), 2u);
    Network straight = relu;  // its arguments are all positive
    std::ranges::fill(std::get<inference::Dense>(straight.layers[0]).bias, 100);
    EXPECT_EQ(planned(straight, rows, {.tolerance = 0.1}).fitted[0].coefficients.size(), 2u);
}

TEST_F(PlanNetwork, DefaultTolerancesHaveOneDigit) {
    EXPECT_EQ(importing::default_tolerance(25.4, Layout::Coefficients), 0.003);
    EXPECT_EQ(importing::default_tolerance(25.4, Layout::Slots), 0.03);
    EXPECT_EQ(importing::default_tolerance(0, Layout::Slots), 1e-6);
    EXPECT_EQ(importing::default_tolerance(1e12, Layout::Slots), 1e6) << "the most that an entry may say";
    EXPECT_EQ(importing::default_tolerance(1e-4, Layout::Coefficients), 1e-6);
}

TEST_F(PlanNetwork, RefusalsNameTheOptionAndWhatWouldFit) {
    const auto said = [this](const Network& network, const PlanOptions& options, const std::optional<Rows>& with = {}) {
        return verdict_of(plan_network(network, with.value_or(rows), options));
    };
    EXPECT_EQ(said(linear, {}, Rows{}), "--calibration: has no rows");
    EXPECT_EQ(said(linear, {}, Rows{{1, 2}}), "--calibration: row 1 has 2 numbers, the model takes 6: its features only, no label and no index");
    Network named = linear;
    named.class_names = {"one", "two", "three"};
    EXPECT_EQ(said(named, {}), "--class-names: needs 2 names for this model, not 3");
    named.class_names = {"one", ""};
    EXPECT_EQ(said(named, {}), "--class-names: has one that is empty or too long");
    EXPECT_EQ(said(linear, {.rows = 3}), "--rows: is a power of two, at most 16384");
    EXPECT_TRUE(said(linear, {.rows = 4}).starts_with("--rows: is for the layout slots"));
    EXPECT_EQ(said(relu, {.activation_degree = 9}), "--degree: is from 1 to 8");
    EXPECT_EQ(said(linear, {.tolerance = 0.0}), "--tolerance: is above 0, and at most 1000000");
    EXPECT_TRUE(
        said(square, {.layout = Layout::Coefficients}).starts_with("--layout: coefficients is for linear models"));
    for (const Network* network : {&linear, &square}) {
        const std::string tight = said(*network, {.tolerance = 1e-14});
        EXPECT_TRUE(tight.starts_with("--tolerance: no ")) << tight;
        EXPECT_NE(tight.find("the closest has an error bound of "), std::string::npos) << tight;
    }
    Network huge = linear;
    for (double& weight : std::get<inference::Dense>(huge.layers[0]).weights) weight *= 1e308;
    Rows far = rows;
    for (auto& row : far) row.assign(6, 1e10);
    far[0][0] = 1;
    EXPECT_NE(said(huge, {}, far), "OK");
    Network broken = linear;
    std::get<inference::Dense>(broken.layers[0]).inputs = 7;
    EXPECT_EQ(said(broken, {}), "/layers/0: it takes 7 values, but gets 6");
}

TEST_F(PlanNetwork, SaysWhatItDoes) {
    std::vector<std::string> told;
    PlanOptions options;
    options.progress = [&told](std::string_view what) { told.emplace_back(what); };
    (void)planned(square, rows, options);
    EXPECT_EQ(told, std::vector<std::string>({"reading the network", "fitting activations", "choosing a plan"}));
}

TEST_F(PlanNetwork, EntriesAreWrittenOnceAndReadAgain) {
    const TemporaryDirectory directory;
    const importing::SourceModel source{square, "m.onnx", std::string(64, 'a')};
    const PlannedModel plan = planned(square, rows);
    importing::EntryNames names{.model_id = "a_model", .feature_names = {"a", "b", "c", "d", "e", "f"}};
    const auto model = importing::make_entry(plan, source, names).value();
    EXPECT_EQ(model.description, "Imported from m.onnx");
    EXPECT_EQ(model.provenance, "Imported from m.onnx (sha256 " + source.sha256 + ")");
    const auto to = directory.path() / "made" / "here";
    const auto written = importing::write_entry(model, to, false);
    ASSERT_TRUE(written) << verdict_of(written);
    const auto read = importing::read_entry(written->entry);
    ASSERT_TRUE(read) << verdict_of(read);
    EXPECT_EQ(read->feature_names, names.feature_names);
    EXPECT_EQ(importing::error_bound_of(*read), plan.error_bound);
    const std::string text = read_file(written->entry);
    const std::string again = verdict_of(importing::write_entry(model, to, false));
    EXPECT_TRUE(again.starts_with("--id: a_model 1.0.0 is already defined by ")) << again;
    EXPECT_TRUE(importing::write_entry(model, to, true));
    EXPECT_EQ(read_file(written->entry), text);
    write_file(directory.path() / "file", "");
    EXPECT_TRUE(
        verdict_of(importing::write_entry(model, directory.path() / "file" / "x", false)).starts_with("--output: "));
}

TEST_F(PlanNetwork, NamesThatAnEntryCannotHaveAreRefused) {
    const PlannedModel plan = planned(linear, rows);
    const importing::SourceModel source{linear, "m.onnx", std::string(64, 'a')};
    const auto said = [&](const std::string& id, const std::string& version) {
        return verdict_of(importing::make_entry(plan, source, {.model_id = id, .version = version})).substr(0, 9);
    };
    EXPECT_EQ(said("a", "1.0.0"), "OK");
    EXPECT_EQ(said("a" + std::string(63, '_'), "10.200.3000"), "OK");
    for (const std::string id : {"", "A", "1a", "_a", "a-b", "a b", "a.b", "ä", "a/../b"})
        EXPECT_EQ(said(id, "1.0.0"), "--id: is ") << id;
    EXPECT_EQ(said(std::string(65, 'a'), "1.0.0"), "--id: is ");
    for (const std::string version : {"", "1", "1.0", "1.0.0.0", "1..0", "v1.0.0", "1.0.0-rc", ".1.0", "1.0."})
        EXPECT_EQ(said("a", version), "--version") << version;
    PlannedModel named = plan;
    named.model.network.class_names = {"one"};
    EXPECT_EQ(verdict_of(importing::make_entry(named, source, {.model_id = "a"})),
              "--class-names: needs 2 names for this model, not 1");
}

}  // namespace
}  // namespace einfer::test
