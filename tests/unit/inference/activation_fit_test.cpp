#include "inference/activation_fit.h"

#include "support/encryption.h"

#include <gtest/gtest.h>

namespace einfer::test {
namespace {

using inference::Activation;
using inference::ActivationKind;
using inference::fit_activation;

std::vector<double> spread(double least, double largest) {
    std::vector<double> values;
    for (int i = 0; i <= 200; ++i) values.push_back(least + (largest - least) * i / 200);
    return values;
}

TEST(ActivationFit, PolynomialsAreFoundAgain) {
    const Activation cubic{ActivationKind::Polynomial, {0.5, -2, 0.25, 1.5}};
    const auto fit = fit_activation(cubic, 3, spread(-1, 4)).value();
    ASSERT_EQ(fit.coefficients.size(), 4u);
    for (std::size_t i = 0; i < 4; ++i) EXPECT_NEAR(fit.coefficients[i], cubic.coefficients[i], 1e-9);
    EXPECT_LE(fit.max_error, 1e-9);
}

TEST(ActivationFit, HigherDegreesAreCloser) {
    for (const ActivationKind kind : {ActivationKind::Relu, ActivationKind::Sigmoid, ActivationKind::Tanh,
                                      ActivationKind::Softplus, ActivationKind::LeakyRelu}) {
        const Activation activation{kind, {0.1}};
        double before = INFINITY;
        for (int degree = 1; degree <= 8; ++degree) {
            const auto fit = fit_activation(activation, degree, spread(-3, 4)).value();
            EXPECT_EQ(fit.coefficients.size(), static_cast<std::size_t>(degree) + 1);
            EXPECT_LE(fit.rms_error, before * 1.02) << degree;
            EXPECT_LE(fit.rms_error, fit.max_error);
            before = fit.rms_error;
        }
        EXPECT_LE(before, 0.1);
    }
}

TEST(ActivationFit, TheErrorsAreOfTheObservedValues) {
    const Activation tanh{ActivationKind::Tanh, {}};
    const std::vector<double> observed{-1, -0.2, 0.4, 2};
    const auto fit = fit_activation(tanh, 2, observed).value();
    double largest = 0;
    for (const double x : observed)
        largest = std::max(largest, std::abs(inference::polynomial(fit.coefficients, x) - std::tanh(x)));
    EXPECT_NEAR(fit.max_error, largest, 1e-12);
}

TEST(ActivationFit, OneValueIsEnoughAndNoneIsNot) {
    const Activation relu{ActivationKind::Relu, {}};
    EXPECT_NEAR(inference::polynomial(fit_activation(relu, 2, std::vector<double>{1.5}).value().coefficients, 1.5), 1.5,
                1e-3);
    EXPECT_EQ(code_of(fit_activation(relu, 2, {})), "INTERNAL");
    EXPECT_EQ(code_of(fit_activation(relu, 9, std::vector<double>{1})), "INTERNAL");
    EXPECT_EQ(code_of(fit_activation(relu, 0, std::vector<double>{1})), "INTERNAL");
}

}  // namespace
}  // namespace einfer::test
