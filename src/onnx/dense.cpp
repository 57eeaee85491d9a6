// Matrices: Gemm, MatMul, and the linear models of ai.onnx.ml.
#include "onnx/call.h"

#include <algorithm>
#include <utility>

namespace einfer::onnx {
namespace {

using inference::Activation;
using inference::ActivationKind;
using inference::Dense;

/// `weights` as outputs × inputs; `is_transposed`: they are so already.
Dense dense_layer(Call& call, const Tensor& weights, bool is_transposed) {
    const std::vector<double>& numbers = numbers_of(weights);
    if (weights.dims.empty() || weights.dims.size() > 2) refuse("its weights are no matrix");
    const std::size_t rows = weights.dims[0], columns = weights.dims.size() == 2 ? weights.dims[1] : 1;
    Dense layer{is_transposed ? columns : rows, is_transposed ? rows : columns, {}, {}};
    if (numbers.empty()) refuse("its weights are empty");
    call.budget.take(numbers.size() + layer.outputs);
    layer.bias.resize(layer.outputs);
    if (is_transposed) {
        layer.weights = numbers;
        return layer;
    }
    layer.weights.resize(numbers.size());
    for (std::size_t row = 0; row < rows; ++row)
        for (std::size_t column = 0; column < columns; ++column)
            layer.weights[column * rows + row] = numbers[row * columns + column];
    return layer;
}

void require_vector(const Data& x) {
    if (!x.dims.empty() && x.dims.back() != x.size())
        refuse("it takes the values of a row apart; flatten them to [rows, features] first");
}

/// The bias of Gemm for `outputs` columns.
std::vector<double> bias_of(const Tensor& tensor, std::size_t outputs) {
    const std::vector<double>& numbers = numbers_of(tensor);
    const bool fits = numbers.size() == 1 || (numbers.size() == outputs && tensor.dims.back() == outputs);
    if (!fits || tensor.dims.size() > 2) refuse("its bias has a shape that does not fit");
    return numbers.size() == 1 ? std::vector<double>(outputs, numbers.front()) : numbers;
}

/// coefficients: outputs × features; intercepts: one an output, or none.
Dense from_coefficients(Call& call, std::size_t outputs) {
    const Data& x = call.any_data(0);
    Dense layer{x.size(), outputs, call.node.reals("coefficients"), call.node.reals("intercepts")};
    call.budget.take(layer.weights.size() + layer.bias.size());
    if (layer.bias.empty() && outputs <= layer.weights.size()) layer.bias.resize(outputs);
    if (outputs == 0 || layer.bias.size() != outputs || layer.weights.size() / outputs != layer.inputs ||
        layer.weights.size() % outputs != 0)
        refuse("its coefficients and intercepts do not fit the " + std::to_string(layer.inputs) + " values it gets");
    require_vector(x);
    return layer;
}

/// The scores as a post_transform makes them.
Data transformed(Call& call, Data scores, const std::string& transform) {
    if (transform == "NONE") return scores;
    if (transform == "LOGISTIC") return call.chain.activate(scores, {ActivationKind::Sigmoid, {}});
    if (transform != "SOFTMAX")
        refuse("its post_transform " + shown(transform) + " is not known; NONE, LOGISTIC and SOFTMAX are");
    scores.tail = Tail::Softmax;
    return scores;
}

}  // namespace

void gemm(Call& call) {
    const Data& x = call.data(0);
    require_vector(x);
    if (call.node.flag("transA", false)) refuse("it transposes its input (transA)");
    Dense layer = dense_layer(call, call.constant(1), call.node.flag("transB", false));
    const double alpha = call.node.real("alpha", 1), beta = call.node.real("beta", 1);
    for (double& weight : layer.weights) weight *= alpha;
    if (call.given(2)) {
        layer.bias = bias_of(call.constant(2), layer.outputs);
        for (double& value : layer.bias) value *= beta;
    }
    const Dims dims{layer.outputs};
    call.give(call.chain.dense(x, std::move(layer), dims));
}

void matmul(Call& call) {
    if (call.is_constant(0)) refuse("its weights come first; it needs [rows, features] times weights");
    const Data& x = call.data(0);
    require_vector(x);
    const Tensor& weights = call.constant(1);
    Dense layer = dense_layer(call, weights, false);
    if (x.dims.empty()) refuse("it gets no features");
    Dims dims = x.dims;
    dims.pop_back();
    if (weights.dims.size() == 2) dims.push_back(layer.outputs);
    call.give(call.chain.dense(x, std::move(layer), std::move(dims)));
}

void scaler(Call& call) {
    const Data& x = call.any_data(0);
    std::vector<double> offset = call.node.reals("offset"), scale = call.node.reals("scale");
    for (auto [values, otherwise] : {std::pair(&offset, 0.0), std::pair(&scale, 1.0)}) {
        if (values->empty()) values->push_back(otherwise);
        if (values->size() == 1) values->assign(x.size(), values->front());
        if (values->size() != x.size()) refuse("its scale and offset do not fit the values it gets");
    }
    require_vector(x);
    for (std::size_t i = 0; i < offset.size(); ++i) offset[i] *= -scale[i];
    call.give(call.chain.scale(x, scale, offset));
}

void linear_regressor(Call& call) {
    const std::int64_t targets = call.node.integer("targets", 1);
    if (targets < 1 || std::cmp_greater(targets, call.limits.max_elements)) refuse("it has no targets, or too many");
    Dense layer = from_coefficients(call, static_cast<std::size_t>(targets));
    const Dims dims{layer.outputs};
    const Data values = call.chain.dense(call.any_data(0), std::move(layer), dims);
    call.give(transformed(call, values, call.node.text("post_transform", "NONE")));
}

// Outputs: the label, then the scores. One row of coefficients for two classes gives the score z of the second: as ONNX
// Runtime has it, two columns [1 - p, p] with a logistic p, and without a transform [1 - z, z].
void linear_classifier(Call& call) {
    const Node& node = call.node;
    std::vector<std::string> names = class_names_in(node, "classlabels_ints", "classlabels_strings", call.limits);
    const std::size_t rows = node.reals("intercepts").empty() ? names.size() : node.reals("intercepts").size();
    const bool is_single = rows == 1;
    if (names.size() != (is_single ? 2 : rows))
        refuse("it has " + std::to_string(names.size()) + " class labels for " + std::to_string(rows) + " classes");
    const std::string transform = node.text("post_transform", "NONE");
    if (is_single && transform == "SOFTMAX") refuse("it takes the softmax of one number");
    Dense layer = from_coefficients(call, rows);
    const Data scores = call.chain.dense(call.any_data(0), std::move(layer), {rows});
    const Names shared = call.share(std::move(names));
    Data label = scores;
    label.names = shared;
    label.tail = Tail::Label;
    label.classes = std::max<std::size_t>(rows, 2);
    label.dims = {};
    call.give(label);
    if (call.outputs.size() < 2 || !call.wanted[1]) return;
    Data values = transformed(call, scores, transform);
    values.names = shared;
    if (is_single) {
        values.tail = transform == "NONE" ? Tail::Complement : Tail::Pair;
        values.dims = {2};
    }
    call.give(std::move(values), 1);
}

}  // namespace einfer::onnx
