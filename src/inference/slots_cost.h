// What the operations of the slots layout cost on one thread, in milliseconds, measured on AVX-512 IFMA; and in bytes.
// Private to src/inference.
#pragma once

#include "inference/slots_packing.h"

#include <span>

namespace einfer::inference {

/// Primes as far as the 52-bit multipliers go.
inline constexpr int fast_prime_bits = 50;

/// How much longer everything takes for primes beyond those, of a chain with the key-switching prime last.
[[nodiscard]] double wide_factor(std::span<const int> coeff_modulus_bits);

class SlotsCost {
public:
    /// Of ring degree `degree`; all primes together `primes`.
    SlotsCost(std::size_t degree, std::size_t primes)
        : degree_(static_cast<double>(degree)), primes_(static_cast<double>(primes)) {}

    /// A matrix at the level of `product_primes`, folded at that of `fold_primes`.
    [[nodiscard]] double matrix(const PackingCost& packing, std::size_t ciphertexts, std::size_t product_primes,
                                std::size_t fold_primes) const;
    [[nodiscard]] double product(std::size_t primes) const;  ///< of ciphertexts, relinearized
    [[nodiscard]] double rescale(std::size_t primes) const;
    [[nodiscard]] double key_bytes() const { return 8 * degree_ * primes_ * (primes_ - 1); }  ///< seeded

private:
    [[nodiscard]] double transform() const;
    [[nodiscard]] double decompose(double level) const { return (level + level * level) * transform(); }
    [[nodiscard]] double with_key(double level) const;
    [[nodiscard]] double divide(double level) const { return 2 * (level + 1) * transform(); }

    double degree_, primes_;
};

}  // namespace einfer::inference
