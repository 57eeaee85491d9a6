// The plans that are found, and the models for which there is none.
#include "inference/plan.h"

#include "support/planner_models.h"
#include "support/verdict.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>

namespace einfer::test {
namespace {

using inference::make_plan;
using inference::Plan;
using inference::PolynomialModel;

/// N = 4096 and two features; linear.
PolynomialModel small() {
    return {.poly_modulus_degree = 4096,
            .coeff_modulus_bits = {36, 36, 37},
            .scale = 0x1p30,
            .max_multiplicative_depth = 1,
            .weights = {0.5, -0.25},
            .bias = 0.125,
            .coefficients = {0.5, 0.25, 0},
            .input_bounds = {4, 4},
            .tolerance = 0.001};
}

/// The same with a quadratic activation and primes for it.
PolynomialModel quadratic() {
    PolynomialModel model = small();
    model.poly_modulus_degree = 8192;
    model.coeff_modulus_bits = {60, 40, 40, 60};
    model.scale = 0x1p40;
    model.max_multiplicative_depth = 2;
    model.coefficients = {0.5, 0.25, -0.125};
    return model;
}

struct Shipped {
    const char* model_id;
    std::size_t input_primes;
    bool rescale;
    std::size_t result_primes;
    std::size_t result_size;
};

constexpr Shipped shipped[] = {
    {"logistic_v1", 1, false, 1, 2},       // two primes are dropped unread: the answer needs 56 of 60 bits
    {"breast_cancer_v1", 2, false, 2, 2},  // large weights on large features
    {"wine_quadratic_v1", 3, true, 2, 3},  // a product: size 3
};

TEST(Plan, OfTheShippedModels) {
    EXPECT_EQ(shipped_models().size(), std::size(shipped));
    for (const Shipped& expected : shipped) {
        const PolynomialModel model = shipped_model(expected.model_id);
        const auto plan = make_plan(model);
        ASSERT_TRUE(plan) << expected.model_id << ": " << text_of(plan);
        EXPECT_EQ(plan->input_primes, expected.input_primes) << expected.model_id;
        EXPECT_EQ(plan->rescale, expected.rescale) << expected.model_id;
        EXPECT_EQ(plan->result_primes, expected.result_primes) << expected.model_id;
        EXPECT_EQ(plan->result_size, expected.result_size) << expected.model_id;
        EXPECT_EQ(plan->quadratic(), model.quadratic());
        EXPECT_GT(plan->error_bound, 0);
        EXPECT_LE(plan->error_bound, model.tolerance) << expected.model_id;
    }
}

TEST(Plan, OfALinearModelFoldsTheSlopeIntoTheWeights) {
    const auto plan = make_plan(small());
    ASSERT_TRUE(plan);
    ASSERT_EQ(plan->affine.size(), 1u);
    EXPECT_FALSE(plan->quadratic());
    EXPECT_EQ(plan->affine[0].weights, (std::vector<double>{0.125, -0.0625}));
    EXPECT_EQ(plan->affine[0].constant, 0.25 * 0.125 + 0.5);
    EXPECT_EQ(plan->value_bound, 0.53125 + 4 * 0.125 + 4 * 0.0625);
    EXPECT_EQ(plan->result_size, 2u);
    EXPECT_FALSE(plan->rescale);
    EXPECT_EQ(std::exp2(std::round(std::log2(plan->weight_scale))), plan->weight_scale) << "a power of two";
    EXPECT_EQ(plan->result_scale, 0x1p30 * plan->weight_scale);
}

TEST(Plan, OfAQuadraticModelIsAProductOfTwoForms) {
    const auto plan = make_plan(quadratic());
    ASSERT_TRUE(plan) << text_of(plan);
    ASSERT_TRUE(plan->quadratic());
    EXPECT_EQ(plan->affine[0].weights, (std::vector<double>{-0.0625, 0.03125}));
    EXPECT_EQ(plan->affine[0].constant, -0.125 * 0.125 + 0.25);
    EXPECT_EQ(plan->affine[1].weights, quadratic().weights);
    EXPECT_EQ(plan->affine[1].constant, 0.125);
    EXPECT_EQ(plan->constant, 0.5);
    EXPECT_EQ(plan->result_size, 3u);
    EXPECT_EQ(plan->result_primes, plan->input_primes - (plan->rescale ? 1 : 0));
}

TEST(Plan, WithoutDepthNothingIsRescaled) {
    PolynomialModel model = quadratic();
    model.max_multiplicative_depth = 0;
    const auto plan = make_plan(model);
    ASSERT_TRUE(plan) << text_of(plan);
    EXPECT_FALSE(plan->rescale);
    EXPECT_EQ(plan->result_primes, plan->input_primes);
}

TEST(Plan, ALooserToleranceNeverMakesALargerAnswer) {
    for (PolynomialModel model :
         {small(), quadratic(), shipped_model("breast_cancer_v1"), shipped_model("wine_quadratic_v1")}) {
        std::size_t primes = 0;
        bool any = false;
        for (const double tolerance : {1e-12, 1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 1.0}) {
            model.tolerance = tolerance;
            const auto plan = make_plan(model);
            if (!plan) {
                EXPECT_FALSE(any) << "what was possible stays possible";
                continue;
            }
            EXPECT_LE(plan->error_bound, tolerance);
            if (any) {
                EXPECT_LE(plan->result_primes, primes);
            }
            primes = plan->result_primes;
            any = true;
        }
        EXPECT_TRUE(any);
    }
}

TEST(Plan, ZeroWeightsAreKeptInPlace) {
    PolynomialModel model = small();
    model.weights = {0, 1};
    const auto plan = make_plan(model);
    ASSERT_TRUE(plan);
    EXPECT_EQ(plan->affine[0].weights, (std::vector<double>{0, 0.25}));
}

struct Refusal {
    const char* name;
    std::function<void(PolynomialModel&)> change;
    const char* field;
    const char* reason;  ///< a part of it
};

const Refusal linear_refusals[] = {
    {"all weights zero",
     [](PolynomialModel& m) {
         m.weights = {0, -0.0};
     },
     "/parameters/weights", "zero"},
    {"all weights close to zero",
     [](PolynomialModel& m) {
         m.weights = {1e-30, -1e-30};
     },
     "/parameters/weights", "zero"},
    {"constant activation",
     [](PolynomialModel& m) {
         m.coefficients = {0.5, 0, 0};
     },
     "/activation_parameters/coefficients", "constant"},
    {"no room for the values",
     [](PolynomialModel& m) {
         m.input_bounds = {1e12, 4};
     },
     "/encryption_parameters", "no level"},
    {"no room for the scale", [](PolynomialModel& m) { m.scale = 0x1p65; }, "/encryption_parameters", "no level"},
    {"tolerance below what the noise allows", [](PolynomialModel& m) { m.tolerance = 1e-12; }, "/tolerance", "closest"},
    {"scale too small for the tolerance", [](PolynomialModel& m) { m.scale = 0x1p12; }, "/tolerance", "closest"},
};

const Refusal quadratic_refusals[] = {
    {"all weights zero",
     [](PolynomialModel& m) {
         m.weights = {0, 0};
     },
     "/parameters/weights", "zero"},
    {"one data prime",
     [](PolynomialModel& m) {
         m.coeff_modulus_bits = {60, 60};
         m.max_multiplicative_depth = 0;
     },
     "/encryption_parameters", "no level"},
    {"values too large",
     [](PolynomialModel& m) {
         m.input_bounds = {1e15, 4};
     },
     "/encryption_parameters", "no level"},
    {"tolerance", [](PolynomialModel& m) { m.tolerance = 1e-14; }, "/tolerance", "closest"},
};

void expect_refused(PolynomialModel model, const Refusal& refusal) {
    refusal.change(model);
    const auto plan = make_plan(model);
    ASSERT_EQ(code_of(plan), "SCHEMA_VIOLATION") << refusal.name;
    EXPECT_EQ(detail_of(plan.error(), "field"), refusal.field) << refusal.name;
    EXPECT_NE(detail_of(plan.error(), "reason").find(refusal.reason), std::string::npos)
        << refusal.name << ": " << detail_of(plan.error(), "reason");
}

TEST(Plan, IsRefusedWithFieldAndReason) {
    for (const Refusal& refusal : linear_refusals) expect_refused(small(), refusal);
    for (const Refusal& refusal : quadratic_refusals) expect_refused(quadratic(), refusal);
}

TEST(Plan, TheClosestBoundItNamesIsOneThatWorks) {
    PolynomialModel model = small();
    model.tolerance = 1e-12;
    const std::string reason = detail_of(make_plan(model).error(), "reason");
    model.tolerance = std::stod(reason.substr(reason.rfind(' '))) * 1.001;
    EXPECT_GT(model.tolerance, 0) << reason;
    EXPECT_TRUE(make_plan(model)) << reason;
}

}  // namespace
}  // namespace einfer::test
