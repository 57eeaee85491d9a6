// What evaluation works on: residues in NTT form as they lie in memory, polynomial-major then prime-major, at the level
// of the first `prime_count` data primes.
#pragma once

#include "he/residues.h"

#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace einfer::he {

struct Ciphertext {
    std::size_t prime_count = 0;
    std::size_t size = 0;  ///< polynomials
    double scale = 0;
    Residues words;  ///< size · prime_count · N
};

/// A ciphertext that somebody else keeps, in whole or by its first primes.
struct CiphertextView {
    std::size_t prime_count = 0;
    std::size_t size = 0;
    double scale = 0;
    const std::uint64_t* words = nullptr;
    std::size_t polynomial_stride = 0;  ///< words from one polynomial to the next

    CiphertextView() = default;
    CiphertextView(const Ciphertext& whole)  // NOLINT(google-explicit-constructor): a view, as of a string
        : prime_count(whole.prime_count),
          size(whole.size),
          scale(whole.scale),
          words(whole.words.data()),
          polynomial_stride(whole.size == 0 ? 0 : whole.words.size() / whole.size) {}

    [[nodiscard]] const std::uint64_t* polynomial(std::size_t index) const { return words + index * polynomial_stride; }
};

[[nodiscard]] inline std::vector<CiphertextView> views_of(const std::vector<Ciphertext>& ciphertexts) {
    return {ciphertexts.begin(), ciphertexts.end()};
}

/// An encoded vector of slots.
struct Plaintext {
    std::size_t prime_count = 0;
    double scale = 0;
    Residues words;  ///< prime_count · N
};

/// Switches one polynomial to the secret key: for each data prime (a digit) a ciphertext of two polynomials over all
/// primes, the key-switching prime last. Laid out as evaluation reads it, kernels::PairedFactors: prime-major, then
/// runs of 8 positions, then digits, then the two polynomials.
struct KeySwitchKey {
    Residues words;  ///< 2 · digits · primes · N
};

/// By Galois element.
using GaloisKeys = std::map<std::uint32_t, KeySwitchKey>;

}  // namespace einfer::he
