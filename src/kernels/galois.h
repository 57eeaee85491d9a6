// Automorphisms X → X^g of the ring on polynomials in NTT form: permutations of their values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace einfer::kernels {

/// The permutation of X → X^g for n values in SEAL's order: out[i] = in[table[i]]. g odd, below 2n; n a power of two,
/// at least 8. Every aligned run of 8 outputs comes from one aligned run of 8 inputs, which vector code relies on.
[[nodiscard]] std::vector<std::uint32_t> galois_permutation(std::size_t n, std::uint32_t galois_element);

/// The Galois element of a rotation of the n/2 slots to the left by `step` (negative: to the right), |step| < n/2, as
/// SEAL chooses it. Not for conjugation.
[[nodiscard]] std::uint32_t galois_element(std::size_t n, int step);

/// The way back: of the steps with this element the one closest to 0, to the left when two are (n/4). Nothing for what
/// is no rotation's element.
[[nodiscard]] std::optional<int> galois_step(std::size_t n, std::uint32_t galois_element);

}  // namespace einfer::kernels
