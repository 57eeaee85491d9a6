#include "inference/network.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace einfer::inference {
namespace {

struct Refusal {
    std::string reason;
};
using Lowered = std::variant<Stage, Refusal>;

Matrix zeros(std::size_t rows, std::size_t columns) { return {rows, columns, std::vector<double>(rows * columns)}; }

bool all_finite(std::span<const double> values) {
    return std::ranges::all_of(values, [](double value) { return std::isfinite(value); });
}

/// Calls visit(input element, index in the window) for what one place of the window covers, padding left out.
template <class Visit>
void for_each_covered(const Shape& input, const Window& window, std::size_t channel, std::size_t down,
                      std::size_t right, Visit visit) {
    const auto covered = [](std::size_t first, std::size_t before, std::size_t size, std::size_t window_size) {
        const std::size_t begin = before > first ? before - first : 0, end = before + size;
        return std::pair(begin, end > first ? std::min(window_size, end - first) : 0);
    };
    const std::size_t top = down * window.stride_down, left = right * window.stride_right;
    const auto rows = covered(top, window.top, input.height, window.height);
    const auto columns = covered(left, window.left, input.width, window.width);
    for (std::size_t i = rows.first; i < rows.second; ++i)
        for (std::size_t j = columns.first; j < columns.second; ++j)
            visit((channel * input.height + top + i - window.top) * input.width + left + j - window.left,
                  i * window.width + j);
}

class Lowering {
public:
    Lowering(const Shape& input, const NetworkLimits& limits) : shape_(input), limits_(limits) {}

    Lowered operator()(const Dense& layer) {
        if (layer.inputs != shape_.size()) return takes(layer.inputs);
        if (layer.weights.size() != layer.inputs * layer.outputs || layer.bias.size() != layer.outputs ||
            layer.outputs == 0)
            return Refusal{"its weights and bias do not fit its sizes"};
        shape_ = {layer.outputs, 1, 1};
        return Stage{{layer.outputs, layer.inputs, layer.weights}, layer.bias, {}};
    }

    Lowered operator()(const Convolution& layer) {
        if (layer.input != shape_) return Refusal{"it is for an image of another shape"};
        const Window& window = layer.window;
        const Shape output = window.output(layer.input, layer.channels);
        const std::size_t area = window.height * window.width;
        if (output.size() == 0) return Refusal{"its window does not fit the image"};
        if (layer.weights.size() != layer.channels * layer.input.channels * area || layer.bias.size() != layer.channels)
            return Refusal{"its weights and bias do not fit its sizes"};
        if (const auto refusal = too_large(output)) return *refusal;
        Stage stage{zeros(output.size(), layer.input.size()), {}, {}};
        for_each_place(output, [&](std::size_t channel, std::size_t down, std::size_t right, std::size_t row) {
            stage.bias.push_back(layer.bias[channel]);
            for (std::size_t from = 0; from < layer.input.channels; ++from)
                for_each_covered(layer.input, window, from, down, right, [&](std::size_t element, std::size_t at) {
                    stage.matrix.values[row * stage.matrix.columns + element] =
                        layer.weights[(channel * layer.input.channels + from) * area + at];
                });
        });
        shape_ = output;
        return stage;
    }

    Lowered operator()(const AveragePool& layer) {
        if (layer.input != shape_) return Refusal{"it is for an image of another shape"};
        const Shape output = layer.window.output(layer.input, layer.input.channels);
        if (output.size() == 0) return Refusal{"its window does not fit the image"};
        if (const auto refusal = too_large(output)) return *refusal;
        Stage stage{zeros(output.size(), layer.input.size()), std::vector<double>(output.size()), {}};
        for_each_place(output, [&](std::size_t channel, std::size_t down, std::size_t right, std::size_t row) {
            std::size_t covered = 0;
            const auto count = [&covered](std::size_t, std::size_t) { ++covered; };
            for_each_covered(layer.input, layer.window, channel, down, right, count);
            if (layer.counts_padding) covered = layer.window.height * layer.window.width;
            for_each_covered(layer.input, layer.window, channel, down, right, [&](std::size_t element, std::size_t) {
                stage.matrix.values[row * stage.matrix.columns + element] = 1.0 / static_cast<double>(covered);
            });
        });
        shape_ = output;
        return stage;
    }

    Lowered operator()(const Scaling& layer) {
        const std::size_t size = shape_.size();
        if (layer.factors.size() != size || layer.offsets.size() != size) return takes(layer.factors.size());
        if (const auto refusal = too_large(shape_)) return *refusal;
        Stage stage{zeros(size, size), layer.offsets, {}};
        for (std::size_t i = 0; i < size; ++i) stage.matrix.values[i * size + i] = layer.factors[i];
        return stage;
    }

    Lowered operator()(const Activation&) const { return Refusal{"an activation is not linear"}; }

    [[nodiscard]] Stage identity() const {
        const std::size_t size = shape_.size();
        Stage stage{zeros(size, size), std::vector<double>(size), {}};
        for (std::size_t i = 0; i < size; ++i) stage.matrix.values[i * size + i] = 1;
        return stage;
    }

    [[nodiscard]] std::optional<Refusal> too_large(const Shape& output) const {
        if (output.size() > limits_.max_elements)
            return Refusal{"it makes " + std::to_string(output.size()) + " values; at most " +
                           std::to_string(limits_.max_elements) + " can be"};
        if (output.size() > limits_.max_matrix_values / std::max<std::size_t>(shape_.size(), 1))
            return Refusal{"as a matrix it has more than " + std::to_string(limits_.max_matrix_values) + " entries"};
        return std::nullopt;
    }

    [[nodiscard]] const Shape& shape() const { return shape_; }

private:
    [[nodiscard]] Refusal takes(std::size_t inputs) const {
        return {"it takes " + std::to_string(inputs) + " values, but gets " + std::to_string(shape_.size())};
    }

    /// Calls visit(channel, down, right, element) for every value of an image.
    template <class Visit>
    static void for_each_place(const Shape& image, Visit visit) {
        std::size_t element = 0;
        for (std::size_t channel = 0; channel < image.channels; ++channel)
            for (std::size_t down = 0; down < image.height; ++down)
                for (std::size_t right = 0; right < image.width; ++right) visit(channel, down, right, element++);
    }

    Shape shape_;
    const NetworkLimits& limits_;
};

struct Extent {
    std::size_t begin = 0, end = 0;
};

/// By row, where what is not zero begins and ends: of convolutions, pools and scalings that is little.
std::vector<Extent> extents_of(const Matrix& matrix) {
    std::vector<Extent> extents;
    for (std::size_t row = 0; row < matrix.rows; ++row) {
        const std::span<const double> values = matrix.row(row);
        const auto is_set = [](double value) { return value != 0; };
        const auto begin = std::ranges::find_if(values, is_set) - values.begin();
        const auto after = std::find_if(values.rbegin(), values.rend() - begin, is_set) - values.rbegin();
        extents.push_back({static_cast<std::size_t>(begin), values.size() - static_cast<std::size_t>(after)});
    }
    return extents;
}

/// What compose() does: multiplications, and numbers that it reads and writes.
std::size_t work_of(const Stage& first, const Stage& second, std::span<const Extent> extents) {
    const Matrix& matrix = second.matrix;
    std::size_t work = matrix.values.size() + matrix.rows * first.matrix.columns;
    for (std::size_t row = 0; row < matrix.rows; ++row)
        for (std::size_t k = 0; k < matrix.columns; ++k)
            if (matrix.at(row, k) != 0) work += extents[k].end - extents[k].begin;
    return work;
}

/// second ∘ first. Zeros are passed over.
Stage compose(const Stage& first, const Stage& second, std::span<const Extent> extents) {
    Stage both{zeros(second.matrix.rows, first.matrix.columns), linear(second, first.bias), {}};
    const std::size_t width = first.matrix.columns;
    for (std::size_t row = 0; row < second.matrix.rows; ++row)
        for (std::size_t k = 0; k < second.matrix.columns; ++k) {
            const double factor = second.matrix.at(row, k);
            if (factor == 0) continue;
            const std::span<const double> from = first.matrix.row(k);
            for (std::size_t column = extents[k].begin; column < extents[k].end; ++column)
                both.matrix.values[row * width + column] += factor * from[column];
        }
    return both;
}

/// Makes `second` a part of `first`; `work` is what all of them have taken.
std::optional<Refusal> join(Stage& first, const Stage& second, const NetworkLimits& limits, std::size_t& work) {
    if (second.matrix.rows > limits.max_matrix_values / first.matrix.columns)
        return Refusal{"it is a matrix of more than " + std::to_string(limits.max_matrix_values) + " entries"};
    const std::vector<Extent> extents = extents_of(first.matrix);
    work += work_of(first, second, extents);
    if (work > limits.max_products)
        return Refusal{"it takes more than " + std::to_string(limits.max_products) +
                       " multiplications, all that is joined together; export linear layers that follow one another "
                       "as one, or smaller ones"};
    first = compose(first, second, extents);
    return std::nullopt;
}

std::size_t values_of(std::span<const Stage> stages) {
    std::size_t sum = 0;
    for (const Stage& stage : stages) sum += stage.matrix.values.size();
    return sum;
}

Error refusal_at(std::size_t layer, const std::string& reason) {
    const std::string field = "/layers/" + std::to_string(layer);
    return {ErrorCode::SchemaViolation, field + ": " + reason, {{"field", field}, {"reason", reason}}};
}

std::optional<std::string> fault_of(const Activation& activation) {
    const std::size_t count = activation.coefficients.size();
    if (!all_finite(activation.coefficients)) return "its coefficients are not finite";
    if (activation.kind == ActivationKind::Polynomial && (count < 2 || count > 32))
        return "a polynomial has 2 to 32 coefficients";
    if (activation.kind == ActivationKind::LeakyRelu && count != 1) return "a leaky ReLU has one slope";
    return std::nullopt;
}

}  // namespace

Shape Window::output(const Shape& input, std::size_t output_channels) const {
    const std::size_t rows = input.height + top + bottom, columns = input.width + left + right;
    if (height == 0 || width == 0 || stride_down == 0 || stride_right == 0 || rows < height || columns < width)
        return {0, 0, 0};
    return {output_channels, (rows - height) / stride_down + 1, (columns - width) / stride_right + 1};
}

double Activation::operator()(double x) const {
    switch (kind) {
        case ActivationKind::Polynomial: {
            double value = 0;
            for (std::size_t i = coefficients.size(); i-- > 0;) value = value * x + coefficients[i];
            return value;
        }
        case ActivationKind::Relu: return std::max(x, 0.0);
        case ActivationKind::LeakyRelu: return x >= 0 ? x : x * coefficients.front();
        case ActivationKind::Sigmoid: return 1 / (1 + std::exp(-x));
        case ActivationKind::Tanh: return std::tanh(x);
        case ActivationKind::Softplus: return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
    }
    return x;
}

Result<std::vector<Stage>> to_stages(const Network& network, const NetworkLimits& limits) {
    std::vector<Stage> stages;
    bool open = false;  // the last stage may still grow
    std::size_t work = 0;
    if (network.input.size() == 0 || network.input.size() > limits.max_elements)
        return Error{ErrorCode::SchemaViolation,
                     "/input: the model has no inputs, or too many",
                     {{"field", "/input"}, {"reason", "the model has no inputs, or too many"}}};
    Lowering lowering(network.input, limits);
    for (std::size_t i = 0; i < network.layers.size(); ++i) {
        if (const auto* activation = std::get_if<Activation>(&network.layers[i])) {
            if (const auto fault = fault_of(*activation)) return refusal_at(i, *fault);
            if (!open) {
                if (const auto refusal = lowering.too_large(lowering.shape())) return refusal_at(i, refusal->reason);
                stages.push_back(lowering.identity());
            }
            stages.back().activation = *activation;
            open = false;
        } else {
            Lowered lowered = std::visit(lowering, network.layers[i]);
            if (const auto* refusal = std::get_if<Refusal>(&lowered)) return refusal_at(i, refusal->reason);
            Stage& stage = std::get<Stage>(lowered);
            if (!all_finite(stage.matrix.values) || !all_finite(stage.bias))
                return refusal_at(i, "its numbers are not all finite");
            if (open) {
                if (const auto refusal = join(stages.back(), stage, limits, work))
                    return refusal_at(i, "joined with the layers before it, " + refusal->reason);
            } else {
                stages.push_back(std::move(stage));
            }
            if (!all_finite(stages.back().matrix.values) || !all_finite(stages.back().bias))
                return refusal_at(i, "joined with the layers before it, its numbers are not all finite");
            open = true;
        }
        if (stages.size() > limits.max_stages)
            return refusal_at(i, "the model has more than " + std::to_string(limits.max_stages) + " stages");
        if (values_of(stages) > limits.max_all_values)
            return refusal_at(i, "with the layers before it, it makes matrices of more than " +
                                     std::to_string(limits.max_all_values) + " entries");
    }
    if (stages.empty()) return refusal_at(0, "the model has no layers");
    return stages;
}

void normalise_inputs(Stage& first, std::span<const double> lower, std::span<const double> upper) {
    Matrix& matrix = first.matrix;
    for (std::size_t row = 0; row < matrix.rows; ++row)
        for (std::size_t column = 0; column < matrix.columns; ++column) {
            double& weight = matrix.values[row * matrix.columns + column];
            first.bias[row] += weight * ((lower[column] + upper[column]) / 2);
            weight *= (upper[column] - lower[column]) / 2;
        }
}

std::vector<double> linear(const Stage& stage, std::span<const double> x) {
    std::vector<double> y = stage.bias;
    for (std::size_t row = 0; row < y.size(); ++row) {
        const std::span<const double> weights = stage.matrix.row(row);
        y[row] = std::inner_product(weights.begin(), weights.end(), x.begin(), y[row]);
    }
    return y;
}

std::vector<double> evaluate(std::span<const Stage> stages, std::span<const double> x) {
    std::vector<double> values(x.begin(), x.end());
    for (const Stage& stage : stages) {
        values = linear(stage, values);
        if (stage.activation)
            for (double& value : values) value = (*stage.activation)(value);
    }
    return values;
}

}  // namespace einfer::inference
