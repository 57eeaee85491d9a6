// A trained model in clear: layers in order, as an importer read them. No encryption in here.
#pragma once

#include "base/error.h"
#include "base/postprocessing.h"

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace einfer::inference {

/// Of the values between two layers. A vector of n is {n, 1, 1}; elements lie channel by channel, then row by row.
struct Shape {
    std::size_t channels = 1;
    std::size_t height = 1;
    std::size_t width = 1;

    [[nodiscard]] std::size_t size() const { return channels * height * width; }
    friend bool operator==(const Shape&, const Shape&) = default;
};

/// y = weights · x + bias.
struct Dense {
    std::size_t inputs = 0;
    std::size_t outputs = 0;
    std::vector<double> weights;  ///< outputs × inputs, row by row
    std::vector<double> bias;     ///< outputs

    friend bool operator==(const Dense&, const Dense&) = default;
};

/// What slides over an image.
struct Window {
    std::size_t height = 1, width = 1;
    std::size_t stride_down = 1, stride_right = 1;
    std::size_t top = 0, left = 0, bottom = 0, right = 0;  ///< rows and columns of zeros around the image

    /// Of an image of `input`, with `channels`; {0, 0, 0} when the window does not fit it.
    [[nodiscard]] Shape output(const Shape& input, std::size_t channels) const;

    friend bool operator==(const Window&, const Window&) = default;
};

/// Cross-correlation, as ONNX's Conv. Groups and dilation are zeros among the weights.
struct Convolution {
    Shape input;
    std::size_t channels = 0;  ///< of the output
    Window window;
    std::vector<double> weights;  ///< channels × input.channels × window.height × window.width
    std::vector<double> bias;     ///< channels

    friend bool operator==(const Convolution&, const Convolution&) = default;
};

struct AveragePool {
    Shape input;
    Window window;
    bool counts_padding = false;  ///< padding is part of what is averaged

    friend bool operator==(const AveragePool&, const AveragePool&) = default;
};

/// y[i] = factors[i] · x[i] + offsets[i]: scalers, batch normalisation.
struct Scaling {
    std::vector<double> factors, offsets;  ///< one an element

    friend bool operator==(const Scaling&, const Scaling&) = default;
};

enum class ActivationKind { Polynomial, Relu, LeakyRelu, Sigmoid, Tanh, Softplus };

/// Element by element.
struct Activation {
    ActivationKind kind = ActivationKind::Polynomial;
    std::vector<double> coefficients{};  ///< Polynomial: c0, c1, …; LeakyRelu: the slope below 0
    std::string stands_for{};            ///< of a polynomial that was fitted: what to; for people

    [[nodiscard]] double operator()(double x) const;

    friend bool operator==(const Activation&, const Activation&) = default;
};

using Layer = std::variant<Dense, Convolution, AveragePool, Scaling, Activation>;

struct Network {
    Shape input;
    std::vector<Layer> layers;
    std::vector<Postprocessing> postprocessing;
    std::vector<std::string> class_names;  ///< by output, of a single one the negative and the positive; or empty
};

/// Row-major.
struct Matrix {
    std::size_t rows = 0;
    std::size_t columns = 0;
    std::vector<double> values;

    [[nodiscard]] double at(std::size_t row, std::size_t column) const { return values[row * columns + column]; }
    [[nodiscard]] std::span<const double> row(std::size_t index) const {
        return std::span(values).subspan(index * columns, columns);
    }
};

/// Linear layers that follow one another are one matrix: y = activation(matrix · x + bias).
struct Stage {
    Matrix matrix;
    std::vector<double> bias;
    std::optional<Activation> activation;  ///< none: only the last stage
};

struct NetworkLimits {
    std::size_t max_elements = 1u << 16;              ///< of the values between two layers
    std::size_t max_matrix_values = 1u << 24;         ///< of one stage, and of one layer
    std::size_t max_all_values = 1u << 26;            ///< of all stages
    std::size_t max_products = std::size_t{1} << 31;  ///< of all joins of linear layers: some seconds
    std::size_t max_stages = 32;
};

/// The network as stages. SCHEMA_VIOLATION with details `field` ("/layers/3") and `reason` when layers do not fit one
/// another, a number is not finite, or a limit is passed. An activation that follows another or comes first gets an
/// identity matrix.
[[nodiscard]] Result<std::vector<Stage>> to_stages(const Network& network, const NetworkLimits& limits = {});

/// Changes the first stage so that it takes (x - (lower + upper)/2) · 2/(upper - lower) in the place of x. One bound a
/// feature, lower below upper.
void normalise_inputs(Stage& first, std::span<const double> lower, std::span<const double> upper);

/// matrix · x + bias.
[[nodiscard]] std::vector<double> linear(const Stage& stage, std::span<const double> x);

/// What the network answers for `x`, postprocessing aside.
[[nodiscard]] std::vector<double> evaluate(std::span<const Stage> stages, std::span<const double> x);

}  // namespace einfer::inference
