// Activations that are no polynomials get polynomials in their place, fitted to the values that samples bring to them.
#pragma once

#include "base/error.h"
#include "inference/network.h"

#include <span>
#include <string>
#include <vector>

namespace einfer::importing {

struct FittedActivation {
    std::size_t layer = 0;  ///< of the network
    std::string stands_for;
    std::vector<double> coefficients;
    double lower = 0, upper = 0;  ///< the values met, which it was fitted to
    double rms_error = 0, max_error = 0;
};

/// Changes `network` (of `stages`) layer by layer: later fits see what earlier ones make of the rows. `degree` is 1 to
/// 8. SCHEMA_VIOLATION with details `field` and `reason` when values are not finite.
[[nodiscard]] Result<std::vector<FittedActivation>> fit_activations(inference::Network& network,
                                                                    std::span<const inference::Stage> stages,
                                                                    std::span<const std::vector<double>> rows,
                                                                    int degree);

/// "relu", "leaky_relu"; "polynomial".
[[nodiscard]] std::string_view name(inference::ActivationKind kind);

}  // namespace einfer::importing
