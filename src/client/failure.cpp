#include "client/failure.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace einfer::client {
namespace {

/// Bytes of the UTF-8 sequence that `text` begins with, if it is of a character that a terminal obeys or that changes
/// how others look; otherwise 0.
std::size_t unsafe_sequence(std::string_view text) {
    const auto at = [text](std::size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0; };
    const int a = at(0), b = at(1), c = at(2);
    if (a < 0x20 || a == 0x7f) return 1;
    if (a == 0xc2 && ((b >= 0x80 && b < 0xa0) || b == 0xad)) return 2;  // U+0080 to U+009F; soft hyphen
    if (a == 0xd8 && b == 0x9c) return 2;                               // U+061C, Arabic letter mark
    if (a == 0xe1 && b == 0xa0 && c == 0x8e) return 3;                  // U+180E
    if (a == 0xe2 && b == 0x80 && ((c >= 0x8b && c <= 0x8f) || (c >= 0xa8 && c <= 0xae))) return 3;  // to U+202E
    if (a == 0xe2 && b == 0x81 && c >= 0xa0 && c <= 0xaf) return 3;                                  // U+2060 to U+206F
    if (a == 0xef && b == 0xbb && c == 0xbf) return 3;                                               // U+FEFF
    if (a == 0xf3 && b == 0xa0 && (c == 0x80 || c == 0x81)) return 4;  // U+E0000 to U+E007F, tags
    return 0;
}

}  // namespace

std::string printable(std::string_view text, std::size_t max_bytes) {
    const bool cut = text.size() > max_bytes;
    if (cut) {
        text = text.substr(0, max_bytes);
        // Not in the middle of a UTF-8 sequence.
        while (!text.empty() && (static_cast<unsigned char>(text.back()) & 0xc0) == 0x80) text.remove_suffix(1);
        if (!text.empty() && static_cast<unsigned char>(text.back()) >= 0xc0) text.remove_suffix(1);
    }
    std::string safe;
    safe.reserve(text.size());
    while (!text.empty()) {
        const std::size_t unsafe = unsafe_sequence(text);
        safe += unsafe != 0 ? '?' : text.front();
        text.remove_prefix(std::min(std::max<std::size_t>(unsafe, 1), text.size()));
    }
    if (cut) safe += "...";
    return safe;
}

std::string to_text(double value) {
    std::array<char, 32> buffer{};
    const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
    return {buffer.data(), end};
}

}  // namespace einfer::client
