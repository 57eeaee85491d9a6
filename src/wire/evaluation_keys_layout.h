// Where things are in RelinKeys and GaloisKeys: what follows the outer header, inflated. A row is one key: the number
// of its entries in 8 bytes, and each entry a ciphertext with header at the key level.
#pragma once

#include "wire/ciphertext_layout.h"

#include <cstddef>
#include <cstdint>

namespace einfer::wire::layout {

inline constexpr std::size_t keys_parms_id = 0;
inline constexpr std::size_t keys_rows = 32;  ///< their number
inline constexpr std::size_t keys_first_row = 40;

/// All before an entry's words.
inline constexpr std::size_t key_entry_words = seal_header_size + words;

[[nodiscard]] constexpr std::size_t full_key_entry_size(std::size_t degree, std::size_t primes) {
    return key_entry_words + 2 * 8 * degree * primes;
}

[[nodiscard]] constexpr std::size_t seeded_key_entry_size(std::size_t degree, std::size_t primes) {
    return key_entry_words + 8 * degree * primes + seed_object_size;
}

}  // namespace einfer::wire::layout
