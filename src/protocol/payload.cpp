#include "protocol/payload.h"

#include "base/hex.h"
#include "protocol/hex_decoder.h"

#include <string.h>  // explicit_bzero

#include <algorithm>

namespace einfer::protocol {
namespace {

constexpr std::size_t run_bytes = 16 * 1024;
constexpr std::uint8_t foreign = 0xff;

constexpr std::string_view base64_alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

constexpr auto base64_values = [] {
    std::array<std::uint8_t, 256> values{};
    values.fill(foreign);
    for (std::size_t i = 0; i < base64_alphabet.size(); ++i)
        values[static_cast<unsigned char>(base64_alphabet[i])] = static_cast<std::uint8_t>(i);
    return values;
}();

/// Decoded bytes on their way out, wiped when they are gone: they may be a secret key that was sent by mistake.
class Run {
public:
    Run() {}  // NOLINT(modernize-use-equals-default): bytes_ is not to be filled with zeros
    ~Run() { ::explicit_bzero(bytes_.data(), used_); }
    Run(const Run&) = delete;
    Run& operator=(const Run&) = delete;
    /// Room for so many bytes, at most run_bytes.
    std::uint8_t* use(std::size_t bytes) {
        used_ = std::max(used_, bytes);
        return bytes_.data();
    }
    const std::uint8_t* data() { return bytes_.data(); }

private:
    std::array<std::uint8_t, run_bytes> bytes_;
    std::size_t used_ = 0;
};

std::uint8_t base64_value(char c) { return base64_values[static_cast<unsigned char>(c)]; }

/// Three bytes from four characters of the alphabet; false when one is foreign.
bool decode_quantum(const char* in, std::uint8_t* out) {
    const std::uint8_t a = base64_value(in[0]), b = base64_value(in[1]), c = base64_value(in[2]),
                       d = base64_value(in[3]);
    out[0] = static_cast<std::uint8_t>(a << 2 | b >> 4);
    out[1] = static_cast<std::uint8_t>(b << 4 | c >> 2);
    out[2] = static_cast<std::uint8_t>(c << 6 | d);
    return ((a | b | c | d) & 0xc0) == 0;
}

/// Bytes in the final, padded quantum: 1 or 2; 0 when it is not a valid one.
std::size_t decode_padded(const char* in, std::uint8_t* out) {
    const std::size_t bytes = in[2] == '=' ? 1 : 2;
    if (in[3] != '=') return 0;
    const char full[4] = {in[0], in[1], bytes == 1 ? 'A' : in[2], 'A'};
    std::uint8_t decoded[3];
    if (!decode_quantum(full, decoded) || decoded[bytes] != 0) return 0;  // tail bits must be zero
    std::copy_n(decoded, bytes, out);
    return bytes;
}

}  // namespace

std::string_view name(Encoding encoding) {
    switch (encoding) {
        case Encoding::Hex: return "hex";
        case Encoding::Base64: return "base64";
        case Encoding::Binary: return "binary";
    }
    return "";
}

std::optional<Encoding> encoding_from(std::string_view text) {
    for (const Encoding encoding : {Encoding::Hex, Encoding::Base64})
        if (text == name(encoding)) return encoding;
    return std::nullopt;
}

std::size_t encoded_size(Encoding encoding, std::size_t bytes) {
    switch (encoding) {
        case Encoding::Hex: return 2 * bytes;
        case Encoding::Base64: return (bytes + 2) / 3 * 4;
        case Encoding::Binary: return bytes;
    }
    return 0;
}

void append_encoded(std::string& text, Encoding encoding, std::span<const std::uint8_t> bytes) {
    if (encoding == Encoding::Hex) return append_hex(text, bytes);
    if (encoding == Encoding::Binary) {
        text.append(bytes.begin(), bytes.end());
        return;
    }
    const std::size_t start = text.size();
    text.resize(start + encoded_size(encoding, bytes.size()));
    char* out = text.data() + start;
    for (std::size_t i = 0; i < bytes.size(); i += 3) {
        const std::size_t left = bytes.size() - i;
        const std::uint32_t group = static_cast<std::uint32_t>(bytes[i]) << 16 |
                                    static_cast<std::uint32_t>(left > 1 ? bytes[i + 1] : 0) << 8 |
                                    static_cast<std::uint32_t>(left > 2 ? bytes[i + 2] : 0);
        *out++ = base64_alphabet[group >> 18 & 63];
        *out++ = base64_alphabet[group >> 12 & 63];
        *out++ = left > 1 ? base64_alphabet[group >> 6 & 63] : '=';
        *out++ = left > 2 ? base64_alphabet[group & 63] : '=';
    }
}

void PayloadDecoder::feed(std::string_view text, const Out& out) {
    if (bad_ || text.empty()) return;
    any_ = true;
    if (encoding_ == Encoding::Hex)
        feed_hex(text, out);
    else
        feed_base64(text, out);
}

void PayloadDecoder::feed_hex(std::string_view text, const Out& out) {
    Run run;
    if (carried_ == 1) {
        carry_[1] = text[0];
        text.remove_prefix(1);
        carried_ = 0;
        bad_ = !decode_hex(carry_.data(), run.use(1), 1);
        if (!bad_) out({run.data(), 1});
    }
    while (!bad_ && text.size() >= 2) {
        const std::size_t bytes = std::min(text.size() / 2, run_bytes);
        bad_ = !decode_hex(text.data(), run.use(bytes), bytes);
        if (!bad_) out({run.data(), bytes});
        text.remove_prefix(2 * bytes);
    }
    if (!bad_ && !text.empty()) {
        carry_[0] = text[0];
        carried_ = 1;
    }
}

void PayloadDecoder::feed_base64(std::string_view text, const Out& out) {
    Run run;
    std::size_t bytes = 0;
    const auto flush = [&] {
        if (bytes > 0) out({run.data(), bytes});
        bytes = 0;
    };
    const auto quantum = [&](const char* in) {
        if (padded_) return false;  // nothing may follow the padding
        if (bytes + 3 > run_bytes) flush();
        if (in[3] == '=') {
            padded_ = true;
            const std::size_t tail = decode_padded(in, run.use(bytes + 3) + bytes);
            bytes += tail;
            return tail != 0;
        }
        if (!decode_quantum(in, run.use(bytes + 3) + bytes)) return false;
        bytes += 3;
        return true;
    };
    while (carried_ > 0 && carried_ < 4 && !text.empty()) {
        carry_[carried_++] = text[0];
        text.remove_prefix(1);
    }
    if (carried_ == 4) {
        carried_ = 0;
        bad_ = !quantum(carry_.data());
    }
    while (!bad_ && text.size() >= 4) {
        bad_ = !quantum(text.data());
        text.remove_prefix(4);
    }
    if (!bad_ && !text.empty()) {
        carried_ = text.size();
        std::copy(text.begin(), text.end(), carry_.begin());
    }
    if (!bad_) flush();
}

Result<void> PayloadDecoder::finish() const {
    if (!any_) return Error{ErrorCode::InvalidEncoding, "a payload is empty"};
    if (!bad_ && carried_ == 0) return {};
    if (encoding_ == Encoding::Hex)
        return Error{ErrorCode::InvalidEncoding, "a payload is not hexadecimal: digits only, two for each byte"};
    return Error{ErrorCode::InvalidEncoding, "a payload is not base64: standard alphabet, padded, no white space"};
}

}  // namespace einfer::protocol
