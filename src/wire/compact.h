// Answers of the `coefficients` layout in the fewest bits: of the first polynomial only the coefficients that are
// answers, of the second all, each modulo 2^bits. No SEAL reads it; docs/architecture/compact.md has the bytes.
#pragma once

#include "base/error.h"
#include "base/packing.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace einfer::wire {

inline constexpr int max_compact_bits = 60;

struct CompactShape {
    std::size_t poly_modulus_degree = 0;
    int bits = 0;                             ///< 1 to max_compact_bits
    std::vector<std::uint32_t> value_counts;  ///< answers, by result

    [[nodiscard]] std::size_t size() const;  ///< bytes
};

/// Of an answer for `rows` rows.
[[nodiscard]] CompactShape compact_shape(const LinearPacking& packing, std::size_t rows);

/// One result: numbers below 2^bits.
struct CompactResult {
    std::vector<std::uint64_t> values;  ///< the coefficients of the first polynomial that are answers, in their order
    std::vector<std::uint64_t> second;  ///< N coefficients of the second polynomial
};

/// `results` have the sizes of `shape`.
[[nodiscard]] std::vector<std::uint8_t> write_compact(const CompactShape& shape,
                                                      std::span<const CompactResult> results);

/// INVALID_CIPHERTEXT unless the bytes are of exactly this shape, with a second polynomial that is not zero. Takes no
/// memory before the sizes are proved.
[[nodiscard]] Result<std::vector<CompactResult>> read_compact(std::span<const std::uint8_t> bytes,
                                                              const CompactShape& shape);

/// Whether bytes begin as such answers do.
[[nodiscard]] bool is_compact(std::span<const std::uint8_t> bytes);

}  // namespace einfer::wire
