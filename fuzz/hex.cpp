// Hexadecimal payloads.
//
// Oracle: the verdict and the bytes are those of a naive decoder, in any chunking; bytes come in runs of 16 KiB at
// most. Decoded and encoded again, only the case of digits may have changed; any bytes survive the way there and back.
#include "common/input.h"
#include "common/naive_decoders.h"
#include "common/require.h"
#include "protocol/payload.h"

#include <algorithm>
#include <optional>

namespace einfer::fuzz {
namespace {

using protocol::Encoding;
using protocol::PayloadDecoder;

std::optional<std::string> decoded(std::string_view text, std::uint8_t chunking, bool whole) {
    PayloadDecoder decoder(Encoding::Hex);
    std::string bytes;
    const auto feed = [&](std::string_view piece) {
        decoder.feed(piece, [&](std::span<const std::uint8_t> run) {
            require(!run.empty() && run.size() <= 16 * 1024, "a run has 1 to 16384 bytes");
            bytes.append(run.begin(), run.end());
        });
    };
    if (whole)
        feed(text);
    else
        feed_in_chunks(text, chunking, feed);
    const auto finished = decoder.finish();
    if (finished) return bytes;
    require(finished.error().code == ErrorCode::InvalidEncoding, "a fault is INVALID_ENCODING");
    return std::nullopt;
}

char lower(char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; }

}  // namespace
}  // namespace einfer::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace einfer::fuzz;
    Input input(data, size);
    const std::uint8_t chunking = input.byte();
    const unsigned power = input.byte() % 7;
    const std::string text = repeated(input.text(), power);

    const auto bytes = decoded(text, chunking, true);
    require(bytes == naive_hex(text), "the naive decoder agrees", text);
    require(decoded(text, chunking, false) == bytes, "chunking changes nothing", text);
    if (bytes) {
        std::string again, canonical(text.size(), ' ');
        append_encoded(again, Encoding::Hex, {reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size()});
        std::transform(text.begin(), text.end(), canonical.begin(), lower);
        require(again == canonical, "encoded again it is the same text", text);
    }

    std::string encoded;
    append_encoded(encoded, Encoding::Hex, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    require(encoded.size() == einfer::protocol::encoded_size(Encoding::Hex, text.size()), "the size is as foretold");
    if (!text.empty()) require(decoded(encoded, chunking, false) == text, "any bytes survive encoding and decoding");
    return 0;
}
