// The 128-bit bounds of the HomomorphicEncryption.org security standard (2018), ternary secrets, classical attacks.
#pragma once

#include <cstddef>

namespace einfer {

/// Largest total coefficient modulus in bits, key-switching prime included, that leaves 128-bit security at ring degree
/// `poly_modulus_degree`; 0 for a degree the standard does not list.
[[nodiscard]] constexpr int max_coeff_modulus_bits_128(std::size_t poly_modulus_degree) {
    switch (poly_modulus_degree) {
        case 1024: return 27;
        case 2048: return 54;
        case 4096: return 109;
        case 8192: return 218;
        case 16384: return 438;
        case 32768: return 881;
        default: return 0;
    }
}

inline constexpr std::size_t max_poly_modulus_degree = 32768;
/// SEAL's own bounds on one prime.
inline constexpr int min_prime_bits = 20;
inline constexpr int max_prime_bits = 60;

}  // namespace einfer
