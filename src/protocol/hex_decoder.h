// Hex digits into bytes, as fast as the machine can. Private to src/protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace einfer::protocol {

/// 2·count digits, of either case, into count bytes; false when a character is no digit, the bytes then being of no
/// use.
using HexDecode = bool (*)(const char* digits, std::uint8_t* bytes, std::size_t count);

struct HexVariant {
    std::string_view name;
    HexDecode decode = nullptr;
};

/// Those that this machine can run: the one in plain C++ first, which says what is right; the fastest last.
[[nodiscard]] std::span<const HexVariant> hex_variants();

/// By the fastest of them.
[[nodiscard]] bool decode_hex(const char* digits, std::uint8_t* bytes, std::size_t count);

#if defined(__x86_64__)
/// Only where the processor has AVX2.
[[nodiscard]] bool decode_hex_avx2(const char* digits, std::uint8_t* bytes, std::size_t count);
#endif

}  // namespace einfer::protocol
