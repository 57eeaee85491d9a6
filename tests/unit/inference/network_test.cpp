// Networks in clear: layers become stages that compute the same. (That whole models agree with what others compute of
// them is tested in onnx/agreement_test.cpp.)
#include "inference/network.h"

#include "base/packing.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <random>

namespace einfer::inference {
namespace {

std::vector<double> random_numbers(std::size_t count, std::mt19937_64& random) {
    std::uniform_real_distribution<double> uniform(-1, 1);
    std::vector<double> numbers(count);
    for (double& number : numbers) number = uniform(random);
    return numbers;
}

Stage stage_of(std::size_t rows, std::size_t columns, std::vector<double> weights, std::vector<double> bias) {
    Stage stage;
    stage.matrix.rows = rows;
    stage.matrix.columns = columns;
    stage.matrix.values = std::move(weights);
    stage.bias = std::move(bias);
    return stage;
}

std::string refusal_of(const Network& network, const NetworkLimits& limits = {}) {
    const auto stages = to_stages(network, limits);
    return stages ? "" : stages.error().message;
}

void expect_near(std::span<const double> a, std::span<const double> b) {
    ASSERT_EQ(a.size(), b.size());
    for (std::size_t i = 0; i < a.size(); ++i) EXPECT_NEAR(a[i], b[i], 1e-12) << i;
}

/// By its definition.
std::vector<double> convolve(const Convolution& layer, std::span<const double> x) {
    const Shape out = layer.window.output(layer.input, layer.channels);
    std::vector<double> y;
    for (std::size_t c = 0; c < out.channels; ++c)
        for (std::size_t i = 0; i < out.height; ++i)
            for (std::size_t j = 0; j < out.width; ++j) {
                double sum = layer.bias[c];
                for (std::size_t from = 0; from < layer.input.channels; ++from)
                    for (std::size_t di = 0; di < layer.window.height; ++di)
                        for (std::size_t dj = 0; dj < layer.window.width; ++dj) {
                            const auto row = static_cast<std::ptrdiff_t>(i * layer.window.stride_down + di) -
                                             static_cast<std::ptrdiff_t>(layer.window.top);
                            const auto column = static_cast<std::ptrdiff_t>(j * layer.window.stride_right + dj) -
                                                static_cast<std::ptrdiff_t>(layer.window.left);
                            if (row < 0 || column < 0 || row >= static_cast<std::ptrdiff_t>(layer.input.height) ||
                                column >= static_cast<std::ptrdiff_t>(layer.input.width))
                                continue;
                            const std::size_t weight =
                                ((c * layer.input.channels + from) * layer.window.height + di) * layer.window.width +
                                dj;
                            sum += layer.weights[weight] *
                                   x[(from * layer.input.height + static_cast<std::size_t>(row)) * layer.input.width +
                                     static_cast<std::size_t>(column)];
                        }
                y.push_back(sum);
            }
    return y;
}

TEST(Network, AConvolutionIsAMatrix) {
    std::mt19937_64 random(1);
    for (const Window& window : {Window{3, 3, 1, 1, 0, 0, 0, 0}, Window{2, 3, 2, 1, 1, 0, 0, 2},
                                 Window{5, 4, 3, 2, 2, 2, 2, 2}, Window{1, 1, 1, 1, 0, 0, 0, 0}}) {
        Convolution layer{{2, 5, 6}, 3, window, {}, random_numbers(3, random)};
        layer.weights = random_numbers(3 * 2 * window.height * window.width, random);
        const auto x = random_numbers(60, random);
        const auto stages = to_stages({.input = {2, 5, 6}, .layers = {layer}, .postprocessing = {}, .class_names = {}});
        ASSERT_TRUE(stages) << stages.error().message;
        expect_near(evaluate(*stages, x), convolve(layer, x));
    }
}

TEST(Network, PaddingCountsInAnAverageOnlyIfItIsToldTo) {
    AveragePool layer{{1, 2, 2}, Window{2, 2, 1, 1, 1, 1, 0, 0}, false};
    const std::vector<double> x{1, 2, 3, 4};
    const auto average = [&] {
        return evaluate(
            to_stages({.input = {1, 2, 2}, .layers = {layer}, .postprocessing = {}, .class_names = {}}).value(), x);
    };
    expect_near(average(), std::vector<double>{1, 1.5, 2, 2.5});
    layer.counts_padding = true;
    expect_near(average(), std::vector<double>{0.25, 0.75, 1, 2.5});
}

TEST(Network, LinearLayersBecomeOneStageUpToAnActivation) {
    std::mt19937_64 random(2);
    const Dense first{4, 3, random_numbers(12, random), random_numbers(3, random)};
    const Dense second{3, 2, random_numbers(6, random), random_numbers(2, random)};
    const Scaling scaling{random_numbers(3, random), random_numbers(3, random)};
    const Activation square{ActivationKind::Polynomial, {1, 0, 1}, {}};
    const auto x = random_numbers(4, random);

    const auto one =
        to_stages({.input = {4, 1, 1}, .layers = {first, scaling, second}, .postprocessing = {}, .class_names = {}});
    ASSERT_EQ(one->size(), 1u);
    const auto three = to_stages(
        {.input = {4, 1, 1}, .layers = {first, square, square, second}, .postprocessing = {}, .class_names = {}});
    ASSERT_EQ(three->size(), 3u);
    EXPECT_TRUE((*three)[0].activation && (*three)[1].activation && !(*three)[2].activation);

    std::vector<double> y = linear(stage_of(3, 4, first.weights, first.bias), x), z = y;
    for (std::size_t i = 0; i < 3; ++i) {
        y[i] = scaling.factors[i] * y[i] + scaling.offsets[i];
        z[i] = square(square(z[i]));
    }
    const Stage last = stage_of(2, 3, second.weights, second.bias);
    expect_near(evaluate(*one, x), linear(last, y));
    expect_near(evaluate(*three, x), linear(last, z));
}

TEST(Network, InputsAreNormalisedInTheFirstStage) {
    std::mt19937_64 random(3);
    Stage stage = stage_of(2, 3, random_numbers(6, random), random_numbers(2, random));
    const Stage raw = stage;
    const std::vector<double> lower{-1, 0, 100}, upper{1, 255, 101}, x{0.5, 17, 100.25};
    normalise_inputs(stage, lower, upper);
    std::vector<double> moved;
    for (std::size_t i = 0; i < 3; ++i) moved.push_back(normalised(x[i], lower[i], upper[i]));
    expect_near(linear(stage, moved), linear(raw, x));
    EXPECT_EQ(normalised(0, 0, 255), -1);
    EXPECT_EQ(normalised(255, 0, 255), 1);
}

TEST(Network, WhatDoesNotFitIsRefusedWhereItIs) {
    const Dense dense{3, 2, std::vector<double>(6, 1), {0, 0}};
    const auto of = [](std::vector<Layer> layers) {
        return Network{.input = {3, 1, 1}, .layers = std::move(layers), .postprocessing = {}, .class_names = {}};
    };
    EXPECT_EQ(refusal_of(of({dense, dense})), "/layers/1: it takes 3 values, but gets 2");
    EXPECT_EQ(refusal_of(of({})), "/layers/0: the model has no layers");
    Dense wrong = dense;
    wrong.bias.pop_back();
    EXPECT_EQ(refusal_of(of({wrong})), "/layers/0: its weights and bias do not fit its sizes");
    wrong = dense;
    wrong.weights[3] = std::numeric_limits<double>::quiet_NaN();
    EXPECT_EQ(refusal_of(of({wrong})), "/layers/0: its numbers are not all finite");
    wrong = dense;
    wrong.weights.assign(6, 1e300);
    EXPECT_NE(refusal_of(of({wrong, Dense{2, 1, {1e300, 1}, {0}}})).find("joined"), std::string::npos);
    EXPECT_NE(refusal_of(of({Activation{ActivationKind::Polynomial, {1}, {}}})).find("2 to 32"), std::string::npos);
    EXPECT_NE(refusal_of(of({AveragePool{{1, 2, 2}, {}, false}})).find("another shape"), std::string::npos);
    EXPECT_NE(refusal_of({.input = {1, 2, 2},
                          .layers = {AveragePool{{1, 2, 2}, Window{3, 3, 1, 1, 0, 0, 0, 0}, false}},
                          .postprocessing = {},
                          .class_names = {}})
                  .find("window does not fit"),
              std::string::npos);
    const NetworkLimits tight{.max_elements = 16, .max_matrix_values = 5, .max_stages = 2};
    EXPECT_NE(refusal_of(of({Scaling{{1, 1, 1}, {0, 0, 0}}}), tight).find("more than 5"), std::string::npos);
    const Activation square{ActivationKind::Polynomial, {0, 0, 1}, {}};
    const NetworkLimits few{.max_elements = 16, .max_matrix_values = 50, .max_stages = 2};
    EXPECT_NE(refusal_of(of({square, square, square}), few).find("more than 2 stages"), std::string::npos);
}

TEST(Network, WhatIsJoinedIsBoundedAsWell) {
    constexpr std::size_t wide = 1u << 14;
    const auto of = [](Shape input, std::vector<Layer> layers) {
        return Network{.input = input, .layers = std::move(layers), .postprocessing = {}, .class_names = {}};
    };
    const Dense in{wide, 1, std::vector<double>(wide, 1), {0}};
    const Dense out{1, wide, std::vector<double>(wide, 1), std::vector<double>(wide)};
    const std::string joined = refusal_of(of({wide, 1, 1}, {in, out}));
    EXPECT_TRUE(joined.starts_with("/layers/1: joined with the layers before it, it is a matrix of more than "))
        << joined;
    // Each join is within the limit, all of them are not; what is mostly zeros takes little.
    const NetworkLimits low{.max_products = 300'000};
    const Dense dense{64, 64, std::vector<double>(64 * 64, 1), std::vector<double>(64)};
    const Scaling scaling{std::vector<double>(64, 2), std::vector<double>(64, 1)};
    EXPECT_EQ(refusal_of(of({64, 1, 1}, {dense, dense}), low), "");
    EXPECT_EQ(refusal_of(of({64, 1, 1}, {scaling, scaling, dense, scaling}), low), "");
    const std::string much = refusal_of(of({64, 1, 1}, {dense, dense, dense}), low);
    EXPECT_TRUE(much.starts_with("/layers/2: joined with the layers before it, it takes more than 300000 ")) << much;
    const Activation square{ActivationKind::Polynomial, {0, 0, 1}, {}};
    const NetworkLimits few{.max_elements = 16, .max_matrix_values = 50, .max_all_values = 20, .max_stages = 9};
    const std::string all = refusal_of(of({3, 1, 1}, {square, square, square}), few);
    EXPECT_TRUE(all.starts_with("/layers/2: with the layers before it, it makes matrices of more than 20")) << all;
}

TEST(Network, AWindowOverMuchPaddingTakesNoTime) {
    const std::size_t far = 1u << 31;
    const Network network{.input = {1, 2, 2},
                          .layers = {AveragePool{{1, 2, 2}, Window{2 * far, 2 * far, 1, 1, far, far, far, far}, false}},
                          .postprocessing = {},
                          .class_names = {}};
    const auto stages = to_stages(network);
    ASSERT_TRUE(stages);
    EXPECT_EQ(stages->front().matrix.rows, 9u);
    for (std::size_t row = 0; row < 9; ++row) {
        const auto weights = stages->front().matrix.row(row);
        EXPECT_DOUBLE_EQ(std::accumulate(weights.begin(), weights.end(), 0.0), 1.0);
    }
}

}  // namespace
}  // namespace einfer::inference
