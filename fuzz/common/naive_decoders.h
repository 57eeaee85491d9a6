// Hex and base64 decoded the slow and obvious way, from the contract's words: what the fast decoders are held against.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace einfer::fuzz {

/// Not empty, digits of either case, two for each byte.
[[nodiscard]] inline std::optional<std::string> naive_hex(std::string_view text) {
    constexpr std::string_view digits = "0123456789abcdef";
    const auto value = [&](char c) { return digits.find(c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c); };
    if (text.empty() || text.size() % 2 != 0) return std::nullopt;
    std::string bytes;
    for (std::size_t i = 0; i < text.size(); i += 2) {
        const std::size_t high = value(text[i]), low = value(text[i + 1]);
        if (high == std::string_view::npos || low == std::string_view::npos) return std::nullopt;
        bytes += static_cast<char>(16 * high + low);
    }
    return bytes;
}

/// RFC 4648 section 4: not empty, padded, standard alphabet, tail bits zero, nothing behind the padding.
[[nodiscard]] inline std::optional<std::string> naive_base64(std::string_view text) {
    constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    if (text.empty() || text.size() % 4 != 0) return std::nullopt;
    const std::size_t padding = text.ends_with("==") ? 2 : text.ends_with('=') ? 1 : 0;
    std::string bytes;
    std::uint32_t bits = 0;
    int count = 0;
    for (const char c : text.substr(0, text.size() - padding)) {
        const std::size_t value = alphabet.find(c);
        if (value == std::string_view::npos) return std::nullopt;
        bits = (bits << 6 | static_cast<std::uint32_t>(value)) & 0xffff;
        count += 6;
        if (count < 8) continue;
        count -= 8;
        bytes += static_cast<char>(bits >> count & 0xff);
    }
    if ((bits & ((1u << count) - 1)) != 0) return std::nullopt;
    return bytes;
}

}  // namespace einfer::fuzz
