#include "protocol/hex_decoder.h"

#include <algorithm>
#include <array>

namespace einfer::protocol {
namespace {

/// Values of hex digits into `values`; non-zero when a character is no digit. Branch-free arithmetic on bytes, because
/// compilers make vector code of it for every instruction set; a table look-up would be several times slower.
std::uint8_t hex_digit_values(const char* digits, std::uint8_t* values, std::size_t count) {
    std::uint8_t bad = 0;
    for (std::size_t i = 0; i < count; ++i) {
        const auto c = static_cast<std::uint8_t>(digits[i]);
        const auto decimal = static_cast<std::uint8_t>(c - '0');
        const auto letter = static_cast<std::uint8_t>((c | 0x20) - 'a');
        values[i] = decimal <= 9 ? decimal : static_cast<std::uint8_t>(letter + 10);
        bad |= static_cast<std::uint8_t>(decimal > 9) & static_cast<std::uint8_t>(letter > 5);
    }
    return bad;
}

bool decode_hex_plain(const char* digits, std::uint8_t* bytes, std::size_t count) {
    constexpr std::size_t block = 512;  // bytes; the digit values stay in the first-level cache
    std::array<std::uint8_t, 2 * block> values;
    std::uint8_t bad = 0;
    for (std::size_t start = 0; start < count; start += block) {
        const std::size_t now = std::min(block, count - start);
        bad |= hex_digit_values(digits + 2 * start, values.data(), 2 * now);
        for (std::size_t i = 0; i < now; ++i)
            bytes[start + i] = static_cast<std::uint8_t>(values[2 * i] << 4 | values[2 * i + 1]);
    }
    return bad == 0;
}

struct Variants {
    Variants() {
#if defined(__x86_64__)
        if (__builtin_cpu_supports("avx2") != 0) all[count++] = {"avx2", decode_hex_avx2};
#endif
    }
    std::array<HexVariant, 2> all{HexVariant{"plain", decode_hex_plain}};
    std::size_t count = 1;
};

}  // namespace

std::span<const HexVariant> hex_variants() {
    static const Variants variants;
    return std::span(variants.all).first(variants.count);
}

bool decode_hex(const char* digits, std::uint8_t* bytes, std::size_t count) {
    static const HexDecode fastest = hex_variants().back().decode;
    return fastest(digits, bytes, count);
}

}  // namespace einfer::protocol
