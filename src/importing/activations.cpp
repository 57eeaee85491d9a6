#include "importing/activations.h"

#include "importing/refusal.h"
#include "inference/activation_fit.h"

#include <algorithm>
#include <cmath>

namespace einfer::importing {
namespace {

using inference::Activation;
using inference::ActivationKind;
using inference::Stage;

std::vector<std::size_t> activation_layers(const inference::Network& network) {
    std::vector<std::size_t> layers;
    for (std::size_t i = 0; i < network.layers.size(); ++i)
        if (std::holds_alternative<Activation>(network.layers[i])) layers.push_back(i);
    return layers;
}

Error not_finite(std::size_t layer) {
    return refusal("/layers/" + std::to_string(layer),
                   "the calibration rows make values there that are not finite: are they in the model's own units?");
}

/// Without the last coefficients, as long as what they add is far below the fit's own error, or below what any answer
/// is exact to. A square that is almost nothing beside its line has its vertex far outside of the values met, and the
/// form that is computed, (x + b/2a)², would have all of the answer in its last bits.
void drop_small_terms(std::vector<double>& coefficients, double max_error, std::span<const double> met) {
    constexpr double beside_error = 0.01, beside_values = 1e-6;
    double largest_x = 0, largest_y = 0;
    for (const double x : met) {
        largest_x = std::max(largest_x, std::abs(x));
        largest_y = std::max(largest_y, std::abs(inference::polynomial(coefficients, x)));
    }
    const double small = std::max(beside_error * max_error, beside_values * largest_y);
    for (; coefficients.size() > 2; coefficients.pop_back()) {
        const auto degree = static_cast<double>(coefficients.size() - 1);
        if (std::abs(coefficients.back()) * std::pow(largest_x, degree) > small) return;
    }
}

}  // namespace

std::string_view name(ActivationKind kind) {
    switch (kind) {
        case ActivationKind::Polynomial: return "polynomial";
        case ActivationKind::Relu: return "relu";
        case ActivationKind::LeakyRelu: return "leaky_relu";
        case ActivationKind::Sigmoid: return "sigmoid";
        case ActivationKind::Tanh: return "tanh";
        case ActivationKind::Softplus: return "softplus";
    }
    return "";
}

Result<std::vector<FittedActivation>> fit_activations(inference::Network& network, std::span<const Stage> stages,
                                                      std::span<const std::vector<double>> rows, int degree) {
    std::vector<FittedActivation> fitted;
    const std::vector<std::size_t> layers = activation_layers(network);
    std::vector<std::vector<double>> values(rows.begin(), rows.end());
    for (std::size_t i = 0, next = 0; i < stages.size() && stages[i].activation; ++i, ++next) {
        auto& activation = std::get<Activation>(network.layers[layers[next]]);
        std::vector<double> met;
        for (std::vector<double>& value : values) {
            value = inference::linear(stages[i], value);
            met.insert(met.end(), value.begin(), value.end());
        }
        if (!std::ranges::all_of(met, [](double value) { return std::isfinite(value); }))
            return not_finite(layers[next]);
        if (activation.kind != ActivationKind::Polynomial) {
            auto fit = inference::fit_activation(activation, degree, met);
            if (!fit) return refusal("--degree", fit.error().message);
            drop_small_terms(fit->coefficients, fit->max_error, met);
            const auto [lower, upper] = std::ranges::minmax(met);
            const std::string stands_for(name(activation.kind));
            fitted.push_back(
                {layers[next], stands_for, fit->coefficients, lower, upper, fit->rms_error, fit->max_error});
            activation = {ActivationKind::Polynomial, std::move(fit->coefficients), stands_for};
        }
        for (std::vector<double>& value : values)
            for (double& x : value) x = activation(x);
    }
    return fitted;
}

}  // namespace einfer::importing
