// Roots of unity for the negacyclic NTT modulo one prime, in SEAL's order, so that transformed polynomials are SEAL's
// word for word.
#pragma once

#include "kernels/modulus.h"

#include <cstddef>
#include <optional>
#include <vector>

namespace einfer::kernels {

/// Factors as two arrays, for vector loads.
struct Factors {
    std::vector<std::uint64_t> operands;
    std::vector<std::uint64_t> quotients;
    std::vector<std::uint64_t> quotients_52;  ///< floor(operand · 2^52 / p), for primes that fit_ifma()

    [[nodiscard]] Factor at(std::size_t index) const { return {operands[index], quotients[index]}; }
};

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
    [[nodiscard]] const Factor& inverse_size() const { return inverse_size_; }     ///< 1/n
    /// inverse_roots()[1] / n: the last step of the inverse transform, scaling included.
    [[nodiscard]] const Factor& last_inverse_root() const { return last_inverse_root_; }

private:
    NttTables(std::size_t n, const Modulus& modulus) : n_(n), modulus_(modulus) {}

    std::size_t n_;
    Modulus modulus_;
    Factors roots_, inverse_roots_;
    Factor inverse_size_, last_inverse_root_;
};

}  // namespace einfer::kernels
