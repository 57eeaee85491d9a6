#include "base/hex.h"

#include <array>
#include <cstring>

namespace einfer {
namespace {

constexpr auto digit_pairs = [] {
    std::array<std::array<char, 2>, 256> pairs{};
    constexpr char digits[] = "0123456789abcdef";
    for (std::size_t i = 0; i < pairs.size(); ++i) pairs[i] = {digits[i >> 4], digits[i & 15]};
    return pairs;
}();

}  // namespace

void append_hex(std::string& text, std::span<const std::uint8_t> bytes) {
    const std::size_t start = text.size();
    text.resize(start + 2 * bytes.size());
    char* out = text.data() + start;
    for (const std::uint8_t byte : bytes) {
        std::memcpy(out, digit_pairs[byte].data(), 2);
        out += 2;
    }
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
    std::string text;
    append_hex(text, bytes);
    return text;
}

}  // namespace einfer
