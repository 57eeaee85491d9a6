#include "base/base64.h"

#include <array>
#include <cstring>

namespace einfer {
namespace {

constexpr char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Two characters for 12 bits: half the look-ups, in 8 KiB that stay in the first-level cache.
constexpr auto pairs = [] {
    std::array<std::array<char, 2>, 4096> all{};
    for (std::size_t i = 0; i < all.size(); ++i) all[i] = {alphabet[i >> 6], alphabet[i & 63]};
    return all;
}();

}  // namespace

void write_base64(char* text, std::span<const std::uint8_t> bytes) {
    const std::uint8_t* in = bytes.data();
    const std::size_t tail = bytes.size() % 3;
    for (const std::uint8_t* const end = in + (bytes.size() - tail); in != end; in += 3, text += 4) {
        const std::uint32_t group = std::uint32_t{in[0]} << 16 | std::uint32_t{in[1]} << 8 | in[2];
        std::memcpy(text, pairs[group >> 12].data(), 2);
        std::memcpy(text + 2, pairs[group & 4095].data(), 2);
    }
    if (tail == 0) return;
    const std::uint32_t group = std::uint32_t{in[0]} << 16 | (tail == 2 ? std::uint32_t{in[1]} << 8 : 0);
    std::memcpy(text, pairs[group >> 12].data(), 2);
    text[2] = tail == 2 ? alphabet[group >> 6 & 63] : '=';
    text[3] = '=';
}

}  // namespace einfer
