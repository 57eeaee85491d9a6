// Small networks and rows for them.
#pragma once

#include "base/error.h"
#include "inference/network.h"

#include <random>
#include <string>
#include <string_view>
#include <vector>

namespace einfer::test {

using Rows = std::vector<std::vector<double>>;

[[nodiscard]] inline std::vector<double> some_values(std::size_t count, std::mt19937_64& random) {
    std::uniform_real_distribution<double> value(-1, 1);
    std::vector<double> made(count);
    for (double& each : made) each = value(random);
    return made;
}

[[nodiscard]] inline Rows some_rows(std::size_t count, std::size_t features, std::mt19937_64& random) {
    Rows rows;
    for (std::size_t i = 0; i < count; ++i) rows.push_back(some_values(features, random));
    return rows;
}

[[nodiscard]] inline inference::Dense some_dense(std::size_t inputs, std::size_t outputs, std::mt19937_64& random) {
    return {inputs, outputs, some_values(inputs * outputs, random), some_values(outputs, random)};
}

/// `kind` between two matrices; of a leaky ReLU the slope is 0.1.
[[nodiscard]] inline inference::Network two_layers(inference::ActivationKind kind, std::mt19937_64& random) {
    inference::Activation activation{kind};
    if (kind == inference::ActivationKind::Polynomial) activation.coefficients = {0, 0, 1};
    if (kind == inference::ActivationKind::LeakyRelu) activation.coefficients = {0.1};
    return {{6, 1, 1}, {some_dense(6, 5, random), activation, some_dense(5, 3, random)}, {}, {}};
}

[[nodiscard]] inline inference::Network one_layer(std::size_t features, std::size_t outputs, std::mt19937_64& random) {
    return {{features, 1, 1}, {some_dense(features, outputs, random)}, {}, {}};
}

[[nodiscard]] inline std::string detail_of(const Error& error, std::string_view name) {
    for (const auto& [key, value] : error.details)
        if (key == name) return value;
    return "(no " + std::string(name) + ") " + error.message;
}

/// "field: reason", or "OK".
template <class T>
[[nodiscard]] std::string verdict_of(const Result<T>& result) {
    if (result) return "OK";
    return detail_of(result.error(), "field") + ": " + detail_of(result.error(), "reason");
}

}  // namespace einfer::test
