// Bytes to lower-case hexadecimal text. (Decoding untrusted text is protocol/payload_decoder.h.)
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace einfer {

[[nodiscard]] std::string to_hex(std::span<const std::uint8_t> bytes);

/// Appends to `text`; for large payloads.
void append_hex(std::string& text, std::span<const std::uint8_t> bytes);

/// Writes 2 · bytes.size() characters to `text`, which does not overlap `bytes`.
void write_hex(char* text, std::span<const std::uint8_t> bytes);

}  // namespace einfer
