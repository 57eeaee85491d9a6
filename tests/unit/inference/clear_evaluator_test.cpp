// The circuit on plain numbers is the formula of the contract.
#include "inference/clear_evaluator.h"

#include "inference/circuit.h"
#include "support/encryption.h"
#include "support/planner_models.h"

#include <gtest/gtest.h>

namespace einfer::test {
namespace {

using inference::ClearEvaluator;
using Value = ClearEvaluator::Value;

TEST(ClearEvaluator, Operations) {
    const ClearEvaluator evaluator;
    const std::vector<Value> inputs{{1, 2}, {10, 20}};
    EXPECT_EQ(*evaluator.weighted_sum(inputs, std::vector<double>{3, -0.5}, 7, 0x1p20), (Value{5, 3}));
    EXPECT_EQ(*evaluator.weighted_sum(inputs, std::vector<double>{0x1p-60, 0}, 0, 2), (Value{0x1p-60, 0x1p-59}))
        << "weights are not rounded";
    EXPECT_EQ(*evaluator.multiply({2, 3}, {-4, 0.5}), (Value{-8, 1.5}));
    EXPECT_EQ(*evaluator.rescale({2, 3}), (Value{2, 3}));
    EXPECT_EQ(*evaluator.add_constant({2, 3}, -2), (Value{0, 1}));
}

TEST(ClearEvaluator, ThePlanOfEveryShippedModelComputesTheFormula) {
    std::mt19937_64 random(11);
    for (const registry::Model& shipped : shipped_models()) {
        const inference::PolynomialModel model = planner_model(shipped);
        const auto plan = inference::make_plan(model);
        ASSERT_TRUE(plan);
        constexpr std::size_t rows = 50;
        std::vector<Value> columns;
        for (const double bound : model.input_bounds) columns.push_back(random_values(rows, bound, random));
        const auto outputs = inference::run(*plan, ClearEvaluator{}, std::span<const Value>(columns));
        ASSERT_TRUE(outputs);
        ASSERT_EQ(outputs->size(), rows);
        for (std::size_t row = 0; row < rows; ++row) {
            std::vector<double> features;
            for (const Value& column : columns) features.push_back(column[row]);
            const double expected = formula(model, features);
            EXPECT_NEAR((*outputs)[row], expected, 1e-12 * plan->value_bound) << shipped.description.model_id;
            EXPECT_LE(std::abs(expected), plan->value_bound);
        }
    }
}

}  // namespace
}  // namespace einfer::test
