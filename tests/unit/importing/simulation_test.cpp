// Scores and agreement, against what is computed by hand; and shipped models against their provenance.
#include "importing/simulation.h"

#include "importing/model_file.h"
#include "support/files.h"
#include "unit/importing/support.h"

#include <gtest/gtest.h>

#include <cmath>

namespace einfer::test {
namespace {

using importing::simulate;
using inference::ActivationKind;
using inference::Network;

class Simulate : public testing::Test {
protected:
    std::mt19937_64 random{1};
    const Rows rows = some_rows(200, 6, random);
};

TEST_F(Simulate, ClassesAreCountedAndNoiseIsOfTheBound) {
    const Network network = two_layers(ActivationKind::Polynomial, random);
    const auto stages = inference::to_stages(network).value();
    const auto model = importing::plan_network(network, rows, {}).value().model;
    std::vector<double> labels;
    for (const auto& row : rows)
        labels.push_back(static_cast<double>(*importing::decision(network, inference::evaluate(stages, row))));
    labels[3] = labels[3] == 0 ? 1 : 0;
    const auto clean = simulate(model, rows, {.labels = labels, .original = &network, .error_bound = {}}).value();
    EXPECT_EQ(clean.score.right, rows.size() - 1);
    EXPECT_EQ(clean.original->right, rows.size() - 1);
    EXPECT_EQ(clean.agreement->agreed, rows.size());
    EXPECT_LT(clean.agreement->max_difference, 1e-12);
    EXPECT_EQ(clean.outside, 0u);
    EXPECT_EQ(clean.deviation, std::nullopt);

    const auto noisy = simulate(model, rows, {.labels = labels, .original = &network, .error_bound = 0.085}).value();
    EXPECT_NEAR(*noisy.deviation, 0.01, 1e-12);
    EXPECT_GT(noisy.agreement->max_difference, 0.02) << "600 numbers of a Gaussian";
    EXPECT_LT(noisy.agreement->max_difference, 0.06);
    const auto again = simulate(model, rows, {.labels = labels, .original = &network, .error_bound = 0.085}).value();
    EXPECT_EQ(noisy.agreement->max_difference, again.agreement->max_difference);
}

TEST_F(Simulate, ValuesHaveR2) {
    const Network network = one_layer(6, 1, random);
    const auto stages = inference::to_stages(network).value();
    const auto model = importing::plan_network(network, rows, {}).value().model;
    std::vector<double> labels;
    double mean = 0;
    for (const auto& row : rows) labels.push_back(inference::evaluate(stages, row)[0]);
    for (const double label : labels) mean += label / static_cast<double>(labels.size());
    const auto exact = simulate(model, rows, {.labels = labels, .original = nullptr, .error_bound = {}}).value();
    EXPECT_NEAR(*exact.score.r2, 1, 1e-12);
    EXPECT_EQ(exact.score.right, std::nullopt);
    double residual = 0, total = 0;
    for (double& label : labels) {
        total += (label - mean) * (label - mean);
        label += 1;
        residual += 1;
    }
    const auto shifted = simulate(model, rows, {.labels = labels, .original = nullptr, .error_bound = {}}).value();
    EXPECT_NEAR(*shifted.score.r2, 1 - residual / total, 1e-9);
}

TEST_F(Simulate, RowsOutsideAreCounted) {
    const Network network = one_layer(6, 1, random);
    const auto model = importing::plan_network(network, rows, {}).value().model;
    Rows some(rows.begin(), rows.begin() + 3);
    some[1][4] = 50;
    const auto simulation = simulate(model, some, {}).value();
    EXPECT_EQ(simulation.outside, 1u);
    EXPECT_EQ(simulation.score.rows, 0u) << "there are no labels";
}

TEST_F(Simulate, RowsOutsideAreScoredApart) {
    const Network network = two_layers(ActivationKind::Polynomial, random);
    const auto stages = inference::to_stages(network).value();
    const auto model = importing::plan_network(network, rows, {}).value().model;
    Rows some(rows.begin(), rows.begin() + 10);
    std::vector<double> labels;
    for (const auto& row : some)
        labels.push_back(static_cast<double>(*importing::decision(network, inference::evaluate(stages, row))));
    labels[0] = labels[0] == 0 ? 1 : 0;
    for (const std::size_t far : {3, 7}) {
        some[far][4] = 50;
        const auto decided = *importing::decision(network, inference::evaluate(stages, some[far]));
        labels[far] = static_cast<double>((decided + 1) % 3);
    }
    const auto simulation = simulate(model, some, {.labels = labels, .original = &network, .error_bound = {}}).value();
    EXPECT_EQ(simulation.rows, 10u);
    EXPECT_EQ(simulation.outside, 2u);
    for (const importing::Score& score : {simulation.score, *simulation.original}) {
        EXPECT_EQ(score.rows, 8u);
        EXPECT_EQ(score.right, 7u);
    }
    for (const importing::Score& score : {simulation.score_of_all, *simulation.original_of_all}) {
        EXPECT_EQ(score.rows, 10u);
        EXPECT_EQ(score.right, 7u);
    }
    EXPECT_EQ(simulation.agreement->rows, 8u);

    for (auto& row : some) row[4] = 50;
    const auto nothing = simulate(model, some, {.labels = labels, .original = &network, .error_bound = {}}).value();
    EXPECT_EQ(nothing.outside, 10u);
    EXPECT_EQ(nothing.score.rows, 0u);
    EXPECT_EQ(nothing.score.right, std::nullopt);
    EXPECT_EQ(nothing.score_of_all.rows, 10u);
    EXPECT_EQ(nothing.agreement, std::nullopt);
}

TEST_F(Simulate, R2IsOfTheRowsThatAreSent) {
    const Network network = one_layer(6, 1, random);
    const auto stages = inference::to_stages(network).value();
    const auto model = importing::plan_network(network, rows, {}).value().model;
    Rows some = rows;
    std::vector<double> labels;
    for (const auto& row : some)
        labels.push_back(inference::evaluate(stages, row)[0] + (labels.size() % 2 == 0 ? 0 : 0.5));
    const auto all_inside = simulate(model, some, {.labels = labels, .original = nullptr, .error_bound = {}}).value();
    some.push_back(some[0]);
    some.back()[0] = 1000;
    labels.push_back(0);
    const auto simulation = simulate(model, some, {.labels = labels, .original = nullptr, .error_bound = {}}).value();
    EXPECT_EQ(simulation.score.r2, all_inside.score.r2);
    EXPECT_EQ(all_inside.score_of_all.r2, all_inside.score.r2);
    EXPECT_LT(*simulation.score_of_all.r2, *simulation.score.r2 - 1);
}

TEST_F(Simulate, WhatDoesNotFitIsRefused) {
    const Network network = one_layer(6, 1, random), other = one_layer(5, 1, random), two = one_layer(6, 2, random);
    const auto model = importing::plan_network(network, rows, {}).value().model;
    const std::vector<double> labels{1};
    EXPECT_EQ(verdict_of(simulate(model, {}, {})), "--data: has no rows");
    EXPECT_EQ(verdict_of(simulate(model, Rows{{1}}, {})), "--data: row 1 has 1 numbers, the model takes 6");
    EXPECT_EQ(verdict_of(simulate(model, rows, {.labels = labels, .original = nullptr, .error_bound = {}})),
              "--labels: has 1 rows, the data 200");
    EXPECT_EQ(verdict_of(simulate(model, rows, {.labels = {}, .original = &other, .error_bound = {}})),
              "--original: takes 5 numbers, the model 6");
    EXPECT_EQ(verdict_of(simulate(model, rows, {.labels = {}, .original = &two, .error_bound = {}})),
              "--original: has another number of outputs");
}

TEST(Decision, IsTheLargestOrTheSignWhereAStepSaysSo) {
    Network network;
    const auto of = [&network](std::vector<double> answer) { return importing::decision(network, answer); };
    EXPECT_EQ(of({0.5}), std::nullopt);
    EXPECT_EQ(of({0.5, 2, 1}), 1u);
    network.postprocessing = {Postprocessing::Sigmoid};
    EXPECT_EQ(of({0.5}), 1u);
    EXPECT_EQ(of({-0.5}), 0u);
}

TEST(ModelFile, SaysWhatIsWrong) {
    const TemporaryDirectory directory;
    EXPECT_TRUE(
        verdict_of(importing::read_model(directory.path() / "none")).starts_with(": it cannot be read: No such"));
    EXPECT_TRUE(verdict_of(importing::read_model(directory.path())).starts_with(": it cannot be read"));
    write_file(directory.path() / "text.onnx", "text");
    EXPECT_NE(verdict_of(importing::read_model(directory.path() / "text.onnx")), "OK");
    EXPECT_FALSE(verdict_of(importing::read_model(source_dir / "tests/data/onnx/refused/lstm.onnx")).starts_with(": "));
    const auto model = importing::read_model(source_dir / "models/onnx/digits_mlp.onnx");
    ASSERT_TRUE(model) << verdict_of(model);
    EXPECT_EQ(model->name, "digits_mlp.onnx");
    EXPECT_EQ(model->sha256.size(), 64u);
}

}  // namespace
}  // namespace einfer::test
