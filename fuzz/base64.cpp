// Base64 payloads.
//
// Oracle: the verdict and the bytes are those of a naive decoder, in any chunking; bytes come in runs of 16 KiB at
// most. OpenSSL decodes what is accepted to the same bytes, and encodes any bytes to the text that we do. Base64 is
// canonical: decoded and encoded again it is the same text.
#include "common/decode_payload.h"
#include "common/input.h"
#include "common/naive_decoders.h"
#include "common/require.h"

#include <openssl/evp.h>

#include <optional>
#include <vector>

namespace einfer::fuzz {
namespace {

using protocol::Encoding;

const unsigned char* unsigned_bytes(std::string_view text) {
    return reinterpret_cast<const unsigned char*>(text.data());
}

std::string openssl_encoded(std::string_view bytes) {
    std::vector<unsigned char> text(4 * (bytes.size() / 3 + 1) + 1);
    const int size = EVP_EncodeBlock(text.data(), unsigned_bytes(bytes), static_cast<int>(bytes.size()));
    return {text.begin(), text.begin() + size};
}

/// With zero bytes where there was padding.
std::optional<std::string> openssl_decoded(std::string_view text) {
    std::vector<unsigned char> bytes(3 * (text.size() / 4 + 1));
    const int size = EVP_DecodeBlock(bytes.data(), unsigned_bytes(text), static_cast<int>(text.size()));
    if (size < 0) return std::nullopt;
    return std::string(bytes.begin(), bytes.begin() + size);
}

std::string ours_encoded(std::string_view bytes) {
    std::string text;
    append_encoded(text, Encoding::Base64, {unsigned_bytes(bytes), bytes.size()});
    return text;
}

}  // namespace
}  // namespace einfer::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace einfer::fuzz;
    Input input(data, size);
    const std::uint8_t chunking = input.byte();
    const unsigned power = input.byte() % 7;
    const std::string text = repeated(input.text(), power);

    const auto bytes = decoded(Encoding::Base64, text, chunking, true);
    require(bytes == naive_base64(text), "the naive decoder agrees", text);
    require(decoded(Encoding::Base64, text, chunking, false) == bytes, "chunking changes nothing", text);
    if (bytes) {
        require(ours_encoded(*bytes) == text, "encoded again it is the same text", text);
        const auto theirs = openssl_decoded(text);
        require(theirs && theirs->size() - bytes->size() <= 2 && theirs->starts_with(*bytes), "OpenSSL agrees", text);
    }

    const std::string encoded = ours_encoded(text);
    require(encoded == openssl_encoded(text), "OpenSSL encodes the same", text);
    require(encoded.size() == einfer::protocol::encoded_size(Encoding::Base64, text.size()), "the size is as foretold");
    if (!text.empty())
        require(decoded(Encoding::Base64, encoded, chunking, false) == text, "any bytes survive encoding and decoding");
    return 0;
}
