// Polynomials in the place of activations that are none.
#pragma once

#include "inference/network.h"

#include <span>
#include <vector>

namespace einfer::inference {

inline constexpr int max_fitted_degree = 8;

struct ActivationFit {
    std::vector<double> coefficients;  ///< c0, c1, …
    double rms_error = 0;              ///< over the observed values
    double max_error = 0;
};

/// The least-squares polynomial of `degree` (1 … max_fitted_degree) over the observed values and, a quarter of the
/// weight, an even grid over their range, widened by a tenth: so that it is close where values are and tame between and
/// beside them. At least one observed value, all finite. INTERNAL for another degree.
[[nodiscard]] Result<ActivationFit> fit_activation(const Activation& activation, int degree,
                                                   std::span<const double> observed);

/// Σ coefficients[i] · x^i.
[[nodiscard]] double polynomial(std::span<const double> coefficients, double x);

}  // namespace einfer::inference
