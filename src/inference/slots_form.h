// A network as the slots layout computes it: activations are polynomials, values between stages are at most about 1,
// and whatever of an activation is linear is part of the matrices beside it. Private to src/inference.
#pragma once

#include "inference/network.h"

#include <span>
#include <vector>

namespace einfer::inference {

/// The stages with polynomials instead of activations (`polynomials`: c0, c1, … one a stage, ignored where there is no
/// activation). A stage whose polynomial is linear becomes part of the next one.
[[nodiscard]] std::vector<Stage> with_polynomials(std::span<const Stage> stages,
                                                  const std::vector<std::vector<double>>& polynomials);

/// What a stage's values are divided by, so that they are at most 1: found from samples.
struct Normaliser {
    double before = 1;  ///< the activation
    double after = 1;   ///< it; 1 for a square
};

/// z = matrix · x + bias, then z², or the polynomial of z, or nothing.
struct FormStep {
    Matrix matrix;
    std::vector<double> bias;
    std::vector<double> powers;  ///< coefficients of z⁰, z¹, …; degree 3 and more
    bool square = false;
    bool negative = false;  ///< the last step only: −z²
    double offset = 0;      ///< the last step only: is added in the end

    [[nodiscard]] bool is_linear() const { return !square && powers.empty(); }
    [[nodiscard]] double activate(double z) const;
    /// The largest |derivative| for |z| ≤ `bound`.
    [[nodiscard]] double slope(double bound) const;
};

/// Of with_polynomials()' stages. a x² + b x + c is a (x + b/2a)² + (c − b²/4a): shift, factor and constant go into
/// the matrices and biases.
[[nodiscard]] std::vector<FormStep> to_form(std::span<const Stage> stages, std::span<const Normaliser> normalisers);

/// The normalisers that bring the values of `rows` to at most 1. At least one row.
[[nodiscard]] std::vector<Normaliser> normalisers_for(std::span<const Stage> stages,
                                                      std::span<const std::vector<double>> rows);

}  // namespace einfer::inference
