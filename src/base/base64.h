// Bytes to padded standard base64 (RFC 4648 §4). (Decoding untrusted text is protocol/payload.h.)
#pragma once

#include <cstdint>
#include <span>

namespace einfer {

/// Writes ⌈bytes.size() / 3⌉ · 4 characters to `text`, which does not overlap `bytes`.
void write_base64(char* text, std::span<const std::uint8_t> bytes);

}  // namespace einfer
