// Where things are in a ciphertext's body: what follows the outer header, inflated.
#pragma once

#include "wire/seal_header.h"

#include <cstddef>

namespace einfer::wire::layout {

inline constexpr std::size_t parms_id = 0;
inline constexpr std::size_t is_ntt_form = 32;
inline constexpr std::size_t size = 33;
inline constexpr std::size_t poly_modulus_degree = 41;
inline constexpr std::size_t coeff_modulus_size = 49;
inline constexpr std::size_t scale = 57;
inline constexpr std::size_t correction_factor = 65;
inline constexpr std::size_t words_header = 73;
inline constexpr std::size_t word_count = 89;
inline constexpr std::size_t words = 97;  ///< all before is the metadata

/// The nested object around n words: header, n, words.
[[nodiscard]] constexpr std::uint64_t words_object_size(std::uint64_t count) {
    return seal_header_size + 8 + 8 * count;
}

/// Only after the words of a seeded ciphertext: header, generator, 64 bytes.
inline constexpr std::size_t seed_generator = seal_header_size;
inline constexpr std::size_t seed_bytes = seed_generator + 1;
inline constexpr std::size_t seed_object_size = seed_bytes + 64;

/// In a SecretKey (a Plaintext: parms_id, coeff_count, scale) the nested header is here.
inline constexpr std::size_t plaintext_header = 48;

}  // namespace einfer::wire::layout
