#include "client/failure.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <iterator>

namespace einfer::client {
namespace {

struct Range {
    char32_t first, last;
};
/// What a terminal obeys, what changes how others look, and what is not seen: controls, format characters, Unicode's
/// Default_Ignorable_Code_Point, the blank Braille pattern, private use.
constexpr Range unsafe[] = {
    {0x00, 0x1F},       {0x7F, 0x9F},       {0xAD, 0xAD},       {0x34F, 0x34F},      {0x61C, 0x61C},   {0x115F, 0x1160},
    {0x17B4, 0x17B5},   {0x180B, 0x180F},   {0x200B, 0x200F},   {0x2028, 0x202E},    {0x2060, 0x206F}, {0x2800, 0x2800},
    {0x3164, 0x3164},   {0xE000, 0xF8FF},   {0xFE00, 0xFE0F},   {0xFEFF, 0xFEFF},    {0xFFA0, 0xFFA0}, {0xFFF0, 0xFFFB},
    {0x13430, 0x1345F}, {0x1BCA0, 0x1BCA3}, {0x1D173, 0x1D17A}, {0xE0000, 0x10FFFF},
};

struct Character {
    std::size_t size = 1;  ///< bytes
    bool safe = false;
};

/// That which `text`, not empty, begins with. What is no UTF-8 is not safe.
Character first_of(std::string_view text) {
    const auto lead = static_cast<unsigned char>(text.front());
    const std::size_t size = lead < 0x80   ? 1
                             : lead < 0xc2 ? 0
                             : lead < 0xe0 ? 2
                             : lead < 0xf0 ? 3
                             : lead < 0xf5 ? 4
                                           : 0;
    if (size == 0 || size > text.size()) return {};
    char32_t code = size == 1 ? lead : lead & (0x7fu >> size);
    for (std::size_t i = 1; i < size; ++i) {
        const auto next = static_cast<unsigned char>(text[i]);
        if ((next & 0xc0) != 0x80) return {};
        code = code << 6 | (next & 0x3f);
    }
    return {size, std::none_of(std::begin(unsafe), std::end(unsafe),
                               [code](Range range) { return range.first <= code && code <= range.last; })};
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
        const Character first = first_of(text);
        safe += first.safe ? text.substr(0, first.size) : "?";
        text.remove_prefix(first.size);
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
