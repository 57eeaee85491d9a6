// Registry models as the planner sees them.
#pragma once

#include "inference/polynomial_model.h"
#include "registry/registry.h"
#include "support/files.h"

#include <string>
#include <vector>

namespace einfer::test {

[[nodiscard]] inline inference::PolynomialModel planner_model(const registry::Model& model) {
    const protocol::ModelDescription& description = model.description;
    return {
        .poly_modulus_degree = description.encryption.poly_modulus_degree,
        .coeff_modulus_bits = description.encryption.coeff_modulus_bits,
        .scale = description.encryption.scale,
        .max_multiplicative_depth = description.encryption.max_multiplicative_depth,
        .weights = description.weights,
        .bias = description.bias,
        .coefficients = description.coefficients,
        .input_bounds = model.input_bounds,
        .tolerance = model.tolerance,
    };
}

[[nodiscard]] inline std::vector<registry::Model> shipped_models() {
    return registry::load(source_dir / "models", [](const registry::Model&) { return std::nullopt; })
        .value()
        .columns;
}

[[nodiscard]] inline inference::PolynomialModel shipped_model(const std::string& model_id) {
    for (const registry::Model& model : shipped_models())
        if (model.description.model_id == model_id) return planner_model(model);
    throw std::runtime_error("no model " + model_id);
}

/// c0 + c1 z + c2 z² with z = weights · x + bias, written down directly.
[[nodiscard]] inline double formula(const inference::PolynomialModel& model, const std::vector<double>& features) {
    double z = model.bias;
    for (std::size_t i = 0; i < features.size(); ++i) z += model.weights[i] * features[i];
    return model.coefficients[0] + model.coefficients[1] * z + model.coefficients[2] * z * z;
}

}  // namespace einfer::test
