// What encoding does to a vector. Private to src/inference.
#pragma once

#include <complex>
#include <cstddef>
#include <span>
#include <vector>

namespace einfer::inference {

/// |error|² in each slot when `slots` (N/2 of them, a power of two) are encoded at `scale`: the coefficients of the
/// polynomial are rounded. Vectors with few or regular entries have small or regular coefficients, so that their errors
/// are not as if by chance.
class EncodingError {
public:
    explicit EncodingError(std::size_t degree);

    [[nodiscard]] std::vector<double> squares(std::span<const double> slots, double scale) const;

private:
    /// In place, without a factor; `sign` of the exponent.
    void transform(std::vector<std::complex<double>>& values, double sign) const;

    std::size_t degree_;
    std::vector<std::complex<double>> roots_;  ///< exp(iπk/N), k below N
    std::vector<std::size_t> root_of_slot_;    ///< t: slot i belongs to exp(iπ(2t + 1)/N), 2t + 1 = 3^i
};

}  // namespace einfer::inference
