// The 16 bytes in front of every SEAL 4.x object, outer and nested.
#pragma once

#include "wire/ciphertext.h"
#include "wire/fault.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace einfer::wire {

inline constexpr std::size_t seal_header_size = 16;

struct SealHeader {
    std::uint8_t minor = 0;
    Compression compression = Compression::none;
    std::uint64_t size = 0;  ///< of the whole object, header included
};

/// Reads an outer header into `header`, or says what is wrong with it. Nothing is left to the reader's tolerance:
/// the reserved field must be zero, the size possible.
[[nodiscard]] MaybeFault read_outer_header(std::span<const std::uint8_t, seal_header_size> bytes, SealHeader& header);

/// Whether these 16 bytes are exactly the header of an uncompressed nested object of `size` bytes.
[[nodiscard]] bool is_nested_header(const std::uint8_t* bytes, std::uint8_t minor, std::uint64_t size);

/// Whether a header of any 4.x object starts here.
[[nodiscard]] bool looks_like_header(const std::uint8_t* bytes);

/// Writes the header of an uncompressed object; returns the position after it.
std::uint8_t* write_header(std::uint8_t* to, std::uint8_t minor, std::uint64_t size);

}  // namespace einfer::wire
