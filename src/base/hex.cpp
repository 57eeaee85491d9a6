#include "base/hex.h"

namespace einfer {
namespace {

/// Arithmetic instead of a table: compilers make vector code of it for every instruction set.
char digit(std::uint8_t value) { return static_cast<char>(value + '0' + (value > 9 ? 'a' - '0' - 10 : 0)); }

}  // namespace

void write_hex(char* text, std::span<const std::uint8_t> bytes) {
    char* const __restrict__ out = text;
    const std::uint8_t* const __restrict__ in = bytes.data();
    const std::size_t count = bytes.size();
    for (std::size_t i = 0; i < count; ++i) {
        out[2 * i] = digit(in[i] >> 4);
        out[2 * i + 1] = digit(in[i] & 15);
    }
}

void append_hex(std::string& text, std::span<const std::uint8_t> bytes) {
    const std::size_t start = text.size();
    text.resize(start + 2 * bytes.size());
    write_hex(text.data() + start, bytes);
}

std::string to_hex(std::span<const std::uint8_t> bytes) {
    std::string text;
    append_hex(text, bytes);
    return text;
}

}  // namespace einfer
