// The forms of ciphertext bytes: hex and base64 inside JSON, decoded while they arrive, and raw bytes behind it.
#pragma once

#include "base/error.h"

#include <array>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace einfer::protocol {

enum class Encoding { Hex, Base64, Binary };

/// "hex", "base64", "binary".
[[nodiscard]] std::string_view name(Encoding encoding);
/// Of a text form: JSON has no place for raw bytes.
[[nodiscard]] std::optional<Encoding> encoding_from(std::string_view name);

/// Appends `bytes` to `text`: lower-case hex, padded standard base64 (RFC 4648 §4), or as they are.
void append_encoded(std::string& text, Encoding encoding, std::span<const std::uint8_t> bytes);

/// Characters that `bytes` bytes take.
[[nodiscard]] std::size_t encoded_size(Encoding encoding, std::size_t bytes);

/// Push decoder of one payload. Hex in either case; base64 padded, standard alphabet, zero tail bits. Decoded bytes go
/// to `out` in runs of up to 16 KiB; chunking never changes the verdict.
class PayloadDecoder {
public:
    using Out = std::function<void(std::span<const std::uint8_t>)>;

    /// `encoding`: a text form.
    explicit PayloadDecoder(Encoding encoding) : encoding_(encoding) {}

    void feed(std::string_view text, const Out& out);

    /// INVALID_ENCODING: empty, a foreign character, an odd or unpadded length. Call once.
    [[nodiscard]] Result<void> finish() const;

private:
    void feed_hex(std::string_view text, const Out& out);
    void feed_base64(std::string_view text, const Out& out);

    Encoding encoding_;
    bool bad_ = false;
    bool any_ = false;
    bool padded_ = false;      // base64: the final quantum has been seen
    std::size_t carried_ = 0;  // characters waiting for the rest of their group
    std::array<char, 4> carry_{};
};

}  // namespace einfer::protocol
