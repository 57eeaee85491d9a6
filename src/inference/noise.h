// Constants of the noise estimates.
#pragma once

namespace einfer::inference {

// Noise is Gaussian-like in the canonical embedding (CKKS, ePrint 2016/421 §3.1). A bound of 8.5 standard deviations of
// a real number fails with probability below 2^-55; 6 of a complex one is the same (6·√2 ≈ 8.5).
inline constexpr double deviations_of_a_slot = 6.0;
inline constexpr double deviations_of_a_number = 8.5;
inline constexpr double encryption_sigma = 3.2;     ///< SEAL's error distribution, and the HE standard's
inline constexpr double double_rounding = 0x1p-40;  ///< encoder and decoder work in doubles; relative

/// Variance in a slot of a rounding error in each coefficient of c0 and, through a ternary secret, of c1.
[[nodiscard]] constexpr double rounding_variance(double degree) { return degree * (1 + degree * 2 / 3) / 12; }

}  // namespace einfer::inference
