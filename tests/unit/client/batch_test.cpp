// Rows of v1.1 layouts: what is refused before anything is sent, and what is made of answers in clear.
#include "client/batch.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace einfer::client {
namespace {

protocol::ModelView view(std::size_t outputs, std::vector<Postprocessing> steps, std::vector<std::string> names = {}) {
    protocol::ModelView model;
    model.model_id = "m";
    model.input_dimension = 2;
    model.output_dimension = outputs;
    model.lower = {0, -1};
    model.upper = {10, 1};
    model.feature_names = {"age", "dose"};
    model.postprocessing = std::move(steps);
    model.class_names = std::move(names);
    return model;
}

TEST(BatchRows, OutsideOfWhatTheModelWasMadeForAreRefusedByName) {
    const auto model = view(1, {});
    const auto check = [&](const std::vector<std::vector<double>>& rows) -> std::string {
        const std::vector<Row> views(rows.begin(), rows.end());
        const auto checked = check_rows(views, model);
        return checked ? "" : checked.error().message;
    };
    EXPECT_EQ(check({{0, -1}, {10, 1}}), "");
    EXPECT_EQ(check({{0, 0}, {10.5, 0}}),
              "row 1 is outside of what the model m was made for: feature 0 (age) must be from 0 to 10");
    EXPECT_EQ(check({{0, std::numeric_limits<double>::quiet_NaN()}}),
              "row 0 has a feature that is not finite: feature 1 (dose)");
    EXPECT_EQ(check({{0}}), "row 0 has 1 features; the model m takes 2");
}

TEST(BatchAnswers, ArePostprocessedRowByRow) {
    const auto softmax = postprocess(view(2, {Postprocessing::Softmax}), {0, std::log(3.0), 1000, 1000});
    ASSERT_EQ(softmax.size(), 4u);
    EXPECT_NEAR(softmax[0], 0.25, 1e-12);
    EXPECT_NEAR(softmax[1], 0.75, 1e-12);
    EXPECT_NEAR(softmax[2], 0.5, 1e-12);
    EXPECT_EQ(postprocess(view(1, {Postprocessing::Sigmoid}), {0, 0}), (std::vector<double>{0.5, 0.5}));
    const auto argmax = view(3, {Postprocessing::Softmax, Postprocessing::Argmax});
    EXPECT_EQ(postprocess(argmax, {1, 2, 0, 5, 4, 3}), (std::vector<double>{1, 0}));
    EXPECT_EQ(postprocessed_dimension(argmax), 1u);
    EXPECT_EQ(postprocess(view(1, {Postprocessing::Argmax}), {-1, 2}), (std::vector<double>{0, 1}));
    EXPECT_EQ(postprocess(view(2, {}), {1, 2}), (std::vector<double>{1, 2}));
}

TEST(BatchAnswers, ProbabilitiesHaveNoDigitsOfNoise) {
    std::vector<double> numbers{0.0033409678237438086, 0.9961234567890123, 0.5, 0, 1, 1e-300};
    round_probabilities(numbers, 1e-3);
    EXPECT_EQ(numbers, (std::vector<double>{0.003341, 0.996123, 0.5, 0, 1, 1e-300}));
}

TEST(BatchAnswers, HaveLabelsWhereTheyAreChoices) {
    using Labels = std::vector<std::string>;
    const std::vector<double> two{1, 2, 2, 1}, one{-1, 1};
    EXPECT_EQ(labels(view(2, {}, {"no", "yes"}), two), (Labels{"yes", "no"}));
    EXPECT_EQ(labels(view(1, {Postprocessing::Sigmoid}, {"no", "yes"}), one), (Labels{"no", "yes"}));
    EXPECT_EQ(labels(view(1, {}, {"no", "yes"}), one), Labels()) << "no threshold is known";
    EXPECT_EQ(labels(view(2, {}), two), Labels());
    EXPECT_EQ(labels(view(2, {}, {"a\x1b[31m", "b"}), two)[1], "a?[31m") << "fit for a terminal";
}

}  // namespace
}  // namespace einfer::client
