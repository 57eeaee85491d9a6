// Roots of unity for the negacyclic NTT modulo one prime, in SEAL's order, so that transformed polynomials are SEAL's
// word for word.
#pragma once

#include "kernels/modulus.h"

#include <cstddef>
#include <optional>
#include <vector>

namespace einfer::kernels {

/// Factors as arrays, for vector loads.
struct Factors {
    std::vector<std::uint64_t> operands;
    std::vector<std::uint64_t> quotients;
    std::vector<std::uint64_t> quotients_52;  ///< floor(operand · 2^52 / p), for primes that fit_ifma(); else empty

    [[nodiscard]] Factor at(std::size_t index) const { return {operands[index], quotients[index]}; }
};

/// The factors of the last two levels of runs of 64 values, in the order of eight lanes that have a row of eight values
/// each: for each run 2 · 8 of the nodes of four values, row by row the first of each, then the second; then 4 · 8 of the
/// nodes of two values. Empty for fewer than 64 values.
inline constexpr std::size_t lane_run = 64;
inline constexpr std::size_t lane_factors = 48;

/// The butterflies form a binary tree: node 1 spans all n values, node k's halves are 2k and 2k+1. Node k of the
/// forward transform multiplies its upper half by roots[k] = ψ^bitreverse(k), ψ the smallest primitive 2n-th root of
/// unity.
class NttTables {
public:
    /// Nothing unless n is a power of two, at least 2, and prime ≡ 1 (mod 2n).
    static std::optional<NttTables> create(std::size_t n, const Modulus& prime);

    [[nodiscard]] std::size_t size() const { return n_; }
    [[nodiscard]] const Modulus& modulus() const { return modulus_; }
    [[nodiscard]] const Factors& roots() const { return roots_; }
    [[nodiscard]] const Factors& inverse_roots() const { return inverse_roots_; }  ///< of the same nodes
    [[nodiscard]] const Factors& lane_roots() const { return lane_roots_; }
    [[nodiscard]] const Factors& inverse_lane_roots() const { return inverse_lane_roots_; }
    [[nodiscard]] const Factor& inverse_size() const { return inverse_size_; }     ///< 1/n
    /// inverse_roots()[1] / n: the last step of the inverse transform, scaling included.
    [[nodiscard]] const Factor& last_inverse_root() const { return last_inverse_root_; }

private:
    NttTables(std::size_t n, const Modulus& modulus) : n_(n), modulus_(modulus) {}

    std::size_t n_;
    Modulus modulus_;
    Factors roots_, inverse_roots_, lane_roots_, inverse_lane_roots_;
    Factor inverse_size_, last_inverse_root_;
};

}  // namespace einfer::kernels
