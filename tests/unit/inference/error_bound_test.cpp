// What is decrypted is within the bound that the planner computed: for the shipped models and for random ones.
#include "support/planner_models.h"
#include "unit/inference/encrypted_run.h"

#include <gtest/gtest.h>

#include <numeric>
#include <tuple>

namespace einfer::test {
namespace {

using inference::Plan;
using inference::PolynomialModel;
using keys::EncryptionMode;

constexpr EncryptionMode modes[] = {EncryptionMode::Symmetric, EncryptionMode::PublicKey};

/// Rows within the bounds, the corners among them.
std::vector<std::vector<double>> columns_for(const PolynomialModel& model, std::size_t rows, std::mt19937_64& random) {
    std::vector<std::vector<double>> columns;
    for (std::size_t feature = 0; feature < model.input_bounds.size(); ++feature) {
        const double bound = model.input_bounds[feature];
        columns.push_back(random_values(rows, bound, random));
        const double sign = std::signbit(model.weights[feature]) ? -1 : 1;
        columns.back()[0] = sign * bound;  // where |z| is largest
        if (rows > 1) columns.back()[1] = -sign * bound;
    }
    return columns;
}

std::vector<double> in_clear(const PolynomialModel& model, const std::vector<std::vector<double>>& columns) {
    std::vector<double> outputs;
    for (std::size_t row = 0; row < columns.front().size(); ++row) {
        std::vector<double> features;
        for (const auto& column : columns) features.push_back(column[row]);
        outputs.push_back(formula(model, features));
    }
    return outputs;
}

TEST(ErrorBound, HoldsForTheShippedModels) {
    std::mt19937_64 random(21);
    for (const registry::Model& shipped : shipped_models()) {
        const PolynomialModel model = planner_model(shipped);
        const Plan plan = inference::make_plan(model).value();
        EXPECT_LE(plan.error_bound, model.tolerance);
        const he::Context context = make_context(model.poly_modulus_degree, model.coeff_modulus_bits);
        for (const EncryptionMode mode : modes) {
            const keys::Session session = make_session(context, mode);
            const auto columns = columns_for(model, shipped.description.max_batch_size, random);
            const double error =
                max_abs_diff(run_encrypted(plan, model.scale, session, columns), in_clear(model, columns));
            EXPECT_LE(error, plan.error_bound) << shipped.description.model_id;
            EXPECT_GT(error, plan.error_bound / 1000) << shipped.description.model_id << ": the bound says nothing";
        }
    }
}

TEST(ErrorBound, HoldsForAFullBatchOfEverySlot) {
    std::mt19937_64 random(22);
    const PolynomialModel model{.poly_modulus_degree = 8192,
                                .coeff_modulus_bits = {60, 40, 40, 60},
                                .scale = 0x1p40,
                                .max_multiplicative_depth = 2,
                                .weights = {0.75, -0.5, 0},
                                .bias = 0.25,
                                .coefficients = {0.5, 0.2, 0.02},
                                .input_bounds = {8, 8, 8},
                                .tolerance = 1e-4};
    const Plan plan = inference::make_plan(model).value();
    const he::Context context = make_context(model.poly_modulus_degree, model.coeff_modulus_bits);
    for (const EncryptionMode mode : modes) {
        const auto columns = columns_for(model, context.slot_count(), random);
        const auto outputs = run_encrypted(plan, model.scale, make_session(context, mode), columns);
        ASSERT_EQ(outputs.size(), 4096u);
        EXPECT_LE(max_abs_diff(outputs, in_clear(model, columns)), plan.error_bound);
    }
}

TEST(ErrorBound, HoldsWherePrimesLieFarBelowTheirSize) {
    // At this degree the smallest of ten primes of 21 bits, which are the first of the chain, hardly have more than 20.
    PolynomialModel model{.poly_modulus_degree = 8192,
                          .coeff_modulus_bits = std::vector<int>(10, 21),
                          .scale = 0x1p30,
                          .max_multiplicative_depth = 0,
                          .weights = {0.9},
                          .bias = 0,
                          .coefficients = {0, 1, 0},
                          .input_bounds = {1},
                          .tolerance = 1e-4};
    const he::Context context = make_context(model.poly_modulus_degree, model.coeff_modulus_bits);
    EXPECT_LT(std::log2(static_cast<double>(context.primes()[0])), 20.5);
    const keys::Session session = make_session(context, EncryptionMode::Symmetric);
    for (const auto& [weight, bias, value] : {std::tuple(0.9, 0.0, 0.9), {0.05, 0.9, 1.0}, {-1.0, 0.0, 1.0}}) {
        model.weights = {weight};
        model.bias = bias;
        const Plan plan = inference::make_plan(model).value();
        const std::vector<std::vector<double>> rows{std::vector<double>(context.slot_count(), value)};
        EXPECT_LE(max_abs_diff(run_encrypted(plan, model.scale, session, rows), in_clear(model, rows)),
                  plan.error_bound)
            << weight;
    }
}

struct Parameters {
    std::size_t degree;
    std::vector<int> bits;
    double scale;
    int depth;
};

const Parameters parameter_sets[] = {
    {4096, {36, 36, 37}, 0x1p30, 1},
    {4096, {54, 55}, 0x1p26, 0},
    {4096, {30, 24, 24, 31}, 0x1p20, 2},
    {8192, {60, 40, 40, 60}, 0x1p40, 2},
    {8192, {50, 30, 30, 30, 60}, 0x1p28, 3},
    {8192, {60, 60, 60}, 0x1p35, 1},
    {8192, std::vector<int>(10, 21), 0x1p30, 2},
};

PolynomialModel random_model(const Parameters& parameters, std::mt19937_64& random) {
    const auto real = [&](double low, double high) {
        return std::uniform_real_distribution<double>(low, high)(random);
    };
    PolynomialModel model{.poly_modulus_degree = parameters.degree,
                          .coeff_modulus_bits = parameters.bits,
                          .scale = parameters.scale,
                          .max_multiplicative_depth = parameters.depth,
                          .weights = {},
                          .bias = real(-2, 2),
                          .coefficients = {real(-1, 1), real(-1, 1), random() % 2 == 0 ? 0 : real(-0.2, 0.2)},
                          .input_bounds = {},
                          .tolerance = std::pow(10, real(-5, 0))};
    for (std::size_t left = 1 + random() % 5; left > 0; --left) {
        const double magnitude = std::pow(10, real(-3, 1));
        model.weights.push_back(random() % 4 == 0 ? 0 : random() % 2 == 0 ? magnitude : -magnitude);
        model.input_bounds.push_back(std::pow(10, real(-1, 1.5)));
    }
    return model;
}

TEST(ErrorBound, HoldsForRandomModelsInBothModes) {
    std::mt19937_64 random(23);
    int linear = 0, quadratic = 0, rescaled = 0, with_zeros = 0;
    for (const Parameters& parameters : parameter_sets) {
        const he::Context context = make_context(parameters.degree, parameters.bits);
        const keys::Session sessions[] = {make_session(context, modes[0]), make_session(context, modes[1])};
        for (int planned = 0, tries = 0; planned < 8 && tries < 60; ++tries) {
            const PolynomialModel model = random_model(parameters, random);
            const auto plan = inference::make_plan(model);
            if (!plan) continue;
            const auto columns = columns_for(model, 64, random);
            const auto expected = in_clear(model, columns);
            for (const double value : expected) EXPECT_LE(std::abs(value), plan->value_bound * (1 + 1e-12));
            for (const keys::Session& session : sessions)
                EXPECT_LE(max_abs_diff(run_encrypted(*plan, model.scale, session, columns), expected),
                          plan->error_bound)
                    << "N = " << parameters.degree << ", try " << tries;
            ++planned;
            ++(plan->quadratic() ? quadratic : linear);
            rescaled += plan->rescale ? 1 : 0;
            with_zeros += std::count(model.weights.begin(), model.weights.end(), 0.0) > 0 ? 1 : 0;
        }
    }
    EXPECT_GE(linear, 15);
    EXPECT_GE(quadratic, 8);
    EXPECT_GE(rescaled, 3);
    EXPECT_GE(with_zeros, 5);
}

}  // namespace
}  // namespace einfer::test
