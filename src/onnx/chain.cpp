#include "onnx/chain.h"

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

namespace einfer::onnx {

using inference::Activation;
using inference::ActivationKind;
using inference::AveragePool;
using inference::Convolution;
using inference::Dense;
using inference::Layer;
using inference::Network;
using inference::Scaling;
using inference::Shape;

namespace {

void require_finite(std::span<const double> values) {
    if (!std::ranges::all_of(values, [](double value) { return std::isfinite(value); }))
        refuse("what it computes is not finite");
}

bool is_sigmoid_layer(const Layer& layer) {
    const auto* activation = std::get_if<Activation>(&layer);
    return activation != nullptr && activation->kind == ActivationKind::Sigmoid;
}

bool is_antisymmetric(const Layer& layer) {
    const auto* dense = std::get_if<Dense>(&layer);
    if (dense == nullptr || dense->outputs != 2 || dense->bias[0] != -dense->bias[1]) return false;
    for (std::size_t i = 0; i < dense->inputs; ++i)
        if (dense->weights[i] != -dense->weights[dense->inputs + i]) return false;
    return true;
}

/// Both are the same for all elements of a channel.
bool is_by_channel(const Scaling& scaling, std::size_t area) {
    for (std::size_t i = 0; i < scaling.factors.size(); ++i)
        if (scaling.factors[i] != scaling.factors[i / area * area] ||
            scaling.offsets[i] != scaling.offsets[i / area * area])
            return false;
    return true;
}

/// Rows of weights, each with a bias, times a factor and plus an offset each.
void scale_rows(std::vector<double>& weights, std::vector<double>& bias, const Scaling& scaling, std::size_t step) {
    const std::size_t width = weights.size() / bias.size();
    for (std::size_t row = 0; row < bias.size(); ++row) {
        const double factor = scaling.factors[row * step];
        bias[row] = bias[row] * factor + scaling.offsets[row * step];
        if (factor == 1) continue;
        for (std::size_t i = 0; i < width; ++i) weights[row * width + i] *= factor;
    }
    require_finite(weights);
    require_finite(bias);
}

}  // namespace

Shape shape_of(const Dims& dims) {
    if (dims.size() == 3) return {dims[0], dims[1], dims[2]};
    if (dims.size() == 2) return {1, dims[0], dims[1]};
    return {std::accumulate(dims.begin(), dims.end(), std::size_t{1}, std::multiplies{}), 1, 1};
}

std::size_t Data::size() const { return std::accumulate(dims.begin(), dims.end(), std::size_t{1}, std::multiplies{}); }

Chain::Chain(const Dims& input, const ImportLimits& limits, Budget& budget)
    : limits_(limits), budget_(budget), input_dims_(input), shape_(shape_of(input)) {
    network_.input = shape_;
}

Data Chain::dense(const Data& x, Dense layer, Dims dims) {
    if (layer.inputs != x.size())
        refuse("its weights are for " + std::to_string(layer.inputs) + " values, but it gets " +
               std::to_string(x.size()));
    if (layer.outputs == 0 || layer.outputs > limits_.max_elements) refuse("it makes no values, or too many");
    settle(x);
    require_finite(layer.weights);
    require_finite(layer.bias);
    fold_scaling();
    shape_ = {layer.outputs, 1, 1};
    network_.layers.emplace_back(std::move(layer));
    return end(std::move(dims));
}

Data Chain::convolve(const Data& x, Convolution layer, Dims dims) {
    settle(x);
    const Shape output = layer.window.output(layer.input, layer.channels);
    require_finite(layer.weights);
    require_finite(layer.bias);
    fold_scaling();
    if (!becomes(layer.input)) return dense_of(x, layer, std::move(dims));
    shape_ = output;
    network_.layers.emplace_back(std::move(layer));
    return end(std::move(dims));
}

Data Chain::pool(const Data& x, AveragePool layer, Dims dims) {
    settle(x);
    fold_scaling();
    if (!becomes(layer.input)) return dense_of(x, layer, std::move(dims));
    shape_ = layer.window.output(layer.input, layer.input.channels);
    network_.layers.emplace_back(std::move(layer));
    return end(std::move(dims));
}

Data Chain::activate(const Data& x, Activation activation) {
    settle(x);
    require_finite(activation.coefficients);
    fold_scaling();
    network_.layers.emplace_back(std::move(activation));
    return end(x.dims);
}

Data Chain::scale(const Data& x, const std::vector<double>& factors, const std::vector<double>& offsets) {
    settle(x);
    merge_scaling(factors, offsets);
    return end(x.dims);
}

void Chain::require_end(const Data& x) const {
    if (x.link != link_)
        refuse(
            "it needs a second path through the model (as skip connections, gates and attention do); only models "
            "whose layers follow one another can be imported");
}

void Chain::settle(const Data& x) {
    require_end(x);
    if (x.tail == Tail::IsLarge) refuse("it takes the outcome of a comparison");
    if (x.tail != Tail::None) refuse("nothing but the choice of a class can follow a Softmax or a class label");
    if (x.polynomial.size() > 2) {
        fold_scaling();
        network_.layers.emplace_back(Activation{ActivationKind::Polynomial, x.polynomial});
    } else if (!x.is_plain()) {
        const double slope = x.polynomial.size() > 1 ? x.polynomial[1] : 0;
        merge_scaling(std::vector<double>(x.size(), slope), std::vector<double>(x.size(), x.polynomial[0]));
    }
}

void Chain::merge_scaling(std::span<const double> factors, std::span<const double> offsets) {
    budget_.take(factors.size() / 2);  // for the work: a file of a few bytes can ask for it often
    if (network_.layers.empty() || !std::holds_alternative<Scaling>(network_.layers.back())) {
        budget_.take(2 * factors.size());
        network_.layers.emplace_back(Scaling{{factors.begin(), factors.end()}, {offsets.begin(), offsets.end()}});
    } else {
        auto& scaling = std::get<Scaling>(network_.layers.back());
        for (std::size_t i = 0; i < factors.size(); ++i) {
            scaling.factors[i] *= factors[i];
            scaling.offsets[i] = scaling.offsets[i] * factors[i] + offsets[i];
        }
    }
    require_finite(std::get<Scaling>(network_.layers.back()).factors);
    require_finite(std::get<Scaling>(network_.layers.back()).offsets);
}

void Chain::fold_scaling() {
    auto& layers = network_.layers;
    if (layers.size() < 2 || !std::holds_alternative<Scaling>(layers.back())) return;
    const auto& scaling = std::get<Scaling>(layers.back());
    Layer& before = layers[layers.size() - 2];
    if (auto* dense = std::get_if<Dense>(&before)) {
        scale_rows(dense->weights, dense->bias, scaling, 1);
    } else if (auto* convolution = std::get_if<Convolution>(&before)) {
        const std::size_t area = scaling.factors.size() / convolution->channels;
        if (!is_by_channel(scaling, area)) return;
        scale_rows(convolution->weights, convolution->bias, scaling, area);
    } else {
        return;
    }
    layers.pop_back();
}

bool Chain::becomes(const Shape& image) {
    if (shape_ == image) return true;
    const bool is_input = std::ranges::all_of(network_.layers, [](const Layer& layer) {
        return std::holds_alternative<Scaling>(layer) || std::holds_alternative<Activation>(layer);
    });
    if (!is_input) return false;
    network_.input = shape_ = image;
    return true;
}

// Network has no layer that takes values of another shape than the one before it gives: what slides over the image that
// a vector is made into is a matrix.
Data Chain::dense_of(const Data& x, const Layer& layer, Dims dims) {
    const auto [image, area] = std::visit(
        [](const auto& of) {
            if constexpr (requires { of.window; })
                return std::pair(of.input, of.window.height * of.window.width);
            else
                return std::pair(Shape{}, std::size_t{0});
        },
        layer);
    const std::size_t outputs = element_count(dims, limits_.max_elements);
    budget_.take(product(outputs, x.size(), budget_.left()));
    budget_.take(product(outputs, area, std::size_t{1} << 40) / 16);  // for the work
    inference::NetworkLimits limits;
    limits.max_elements = limits_.max_elements;
    limits.max_matrix_values = limits_.max_values;
    auto stages = inference::to_stages({image, {layer}, {}, {}}, limits);
    if (!stages) refuse("as a matrix it is too large");
    shape_ = {outputs, 1, 1};
    network_.layers.emplace_back(
        Dense{x.size(), outputs, std::move(stages->front().matrix.values), std::move(stages->front().bias)});
    return end(std::move(dims));
}

Data Chain::end(Dims dims) {
    if (network_.layers.size() > limits_.max_layers)
        refuse("the model has more than " + std::to_string(limits_.max_layers) + " layers");
    return {std::move(dims), ++link_};
}

bool Chain::is_sigmoid(const Data& x) const {
    return x.link == link_ && x.is_plain() && !network_.layers.empty() && is_sigmoid_layer(network_.layers.back());
}

bool Chain::is_opposites(const Data& x) const {
    return x.link == link_ && x.is_plain() && !network_.layers.empty() && is_antisymmetric(network_.layers.back());
}

bool Chain::is_softplus(const Data& y, const Data& x) const {
    if (y.link != link_ || x.link + 1 != link_ || !y.is_plain() || !x.is_plain() || y.dims != x.dims) return false;
    const auto* activation = std::get_if<Activation>(&network_.layers.back());
    return activation != nullptr && activation->kind == ActivationKind::Softplus;
}

bool Chain::sums_to_one(const Data& x) const {
    if (x.link != link_ || network_.layers.empty()) return false;
    const auto& layers = network_.layers;
    if (x.tail == Tail::Pair) return is_sigmoid_layer(layers.back());
    return x.tail == Tail::Softmax ||
           (is_sigmoid(x) && layers.size() > 1 && is_antisymmetric(layers[layers.size() - 2]));
}

// [-z, z] says nothing that z does not.
void collapse_pair(Network& network) {
    auto* dense = std::get_if<Dense>(&network.layers.back());
    if (dense == nullptr || dense->outputs != 2) return;
    const bool is_softmax = network.postprocessing == std::vector{Postprocessing::Softmax};
    const bool is_classifier = !network.class_names.empty();
    if (!is_antisymmetric(network.layers.back()) && !(is_softmax && is_classifier)) return;
    if (network.postprocessing.empty() && !is_classifier) return;
    if (network.postprocessing.size() > 1) return;  // a softmax of sigmoids takes both of them
    const auto half = static_cast<std::ptrdiff_t>(dense->inputs);
    if (is_softmax) {
        for (std::size_t i = 0; i < dense->inputs; ++i) dense->weights[dense->inputs + i] -= dense->weights[i];
        dense->bias[1] -= dense->bias[0];
        network.postprocessing = {Postprocessing::Sigmoid};
    }
    dense->weights.erase(dense->weights.begin(), dense->weights.begin() + half);
    dense->bias.erase(dense->bias.begin());
    dense->outputs = 1;
    require_finite(dense->weights);
    require_finite(dense->bias);
}

Network Chain::finish(const Data& x) {
    if (x.tail == Tail::IsLarge) refuse("the model's output is a comparison");
    Data values = x;
    values.tail = Tail::None;
    settle(values);
    fold_scaling();
    Network network = std::move(network_);
    auto& layers = network.layers;
    if (!layers.empty() && is_sigmoid_layer(layers.back())) {
        layers.pop_back();
        network.postprocessing = {Postprocessing::Sigmoid};
    }
    if (x.tail == Tail::Softmax) network.postprocessing.push_back(Postprocessing::Softmax);
    // The largest is the same before a sigmoid; of one number it is the sign there that counts.
    if (x.tail == Tail::Label) network.postprocessing = {Postprocessing::Argmax};
    if (layers.empty())
        layers.emplace_back(Scaling{std::vector<double>(shape_.size(), 1), std::vector<double>(shape_.size())});
    std::size_t outputs = x.tail == Tail::Label ? x.classes : x.size();
    if (const auto* dense = std::get_if<Dense>(&layers.back()); dense != nullptr && dense->outputs == 1) outputs = 2;
    if (x.names && x.names->size() == outputs) network.class_names = *x.names;
    return network;
}

}  // namespace einfer::onnx
