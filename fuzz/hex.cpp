// Hexadecimal payloads.
//
// Oracle: the verdict and the bytes are those of a naive decoder, in any chunking; bytes come in runs of 16 KiB at
// most. Decoded and encoded again, only the case of digits may have changed; any bytes survive the way there and back.
#include "common/decode_payload.h"
#include "common/input.h"
#include "common/naive_decoders.h"
#include "common/require.h"

#include <algorithm>
#include <optional>

namespace einfer::fuzz {
namespace {

using protocol::Encoding;

char lower(char c) { return c >= 'A' && c <= 'F' ? static_cast<char>(c + 32) : c; }

}  // namespace
}  // namespace einfer::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace einfer::fuzz;
    Input input(data, size);
    const std::uint8_t chunking = input.byte();
    const unsigned power = input.byte() % 7;
    const std::string text = repeated(input.text(), power);

    const auto bytes = decoded(Encoding::Hex, text, chunking, true);
    require(bytes == naive_hex(text), "the naive decoder agrees", text);
    require(decoded(Encoding::Hex, text, chunking, false) == bytes, "chunking changes nothing", text);
    if (bytes) {
        std::string again, canonical(text.size(), ' ');
        append_encoded(again, Encoding::Hex, {reinterpret_cast<const std::uint8_t*>(bytes->data()), bytes->size()});
        std::transform(text.begin(), text.end(), canonical.begin(), lower);
        require(again == canonical, "encoded again it is the same text", text);
    }

    std::string encoded;
    append_encoded(encoded, Encoding::Hex, {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    require(encoded.size() == einfer::protocol::encoded_size(Encoding::Hex, text.size()), "the size is as foretold");
    if (!text.empty())
        require(decoded(Encoding::Hex, encoded, chunking, false) == text, "any bytes survive encoding and decoding");
    return 0;
}
