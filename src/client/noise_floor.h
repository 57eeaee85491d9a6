// What the noise of encryption hides, and must go on hiding.
#pragma once

#include <cmath>
#include <cstddef>

namespace einfer::client {

/// The smallest power of ten above the noise of encryption in a slot that is read at `scale`: 8·√N / scale, which
/// is 3.5 standard deviations of the real part (SEAL's error of 3.2 in each coefficient). Digits below it would show
/// the noise, which tells about the key; so they are never shown, whatever a server says about its result. `scale` is
/// the smaller of those that the inputs were encrypted at and that the result claims.
[[nodiscard]] inline double noise_floor(std::size_t poly_modulus_degree, double scale) {
    return std::pow(10.0, std::ceil(std::log10(8 * std::sqrt(static_cast<double>(poly_modulus_degree)) / scale)));
}

}  // namespace einfer::client
