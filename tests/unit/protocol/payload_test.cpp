// Hex and base64 while they arrive.
#include "protocol/payload.h"

#include "base/hex.h"
#include "support/chunks.h"
#include "support/verdict.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace einfer::test {
namespace {

using namespace std::string_literals;
using protocol::Encoding;

struct Decoded {
    std::string verdict;
    std::vector<std::uint8_t> bytes;  ///< of an accepted payload
    bool operator==(const Decoded&) const = default;
};

/// A decoder that keeps what comes out; has the shape that feed_cut() and the others want.
class Sink {
public:
    explicit Sink(Encoding encoding) : decoder_(encoding) {}
    void feed(std::string_view text) {
        decoder_.feed(text, [this](std::span<const std::uint8_t> run) {
            EXPECT_LE(run.size(), 16u * 1024);
            EXPECT_FALSE(run.empty());
            bytes_.insert(bytes_.end(), run.begin(), run.end());
        });
    }
    Decoded finish() {
        const std::string verdict = code_of(decoder_.finish());
        return verdict == "OK" ? Decoded{verdict, bytes_} : Decoded{verdict, {}};
    }

private:
    protocol::PayloadDecoder decoder_;
    std::vector<std::uint8_t> bytes_;
};

/// One piece, every cut, byte by byte: one answer.
Decoded decode_every_way(Encoding encoding, std::string_view text) {
    Sink whole(encoding);
    whole.feed(text);
    const Decoded expected = whole.finish();
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        Sink sink(encoding);
        feed_cut(sink, text, cut);
        EXPECT_EQ(sink.finish(), expected) << text << " cut at " << cut;
    }
    Sink sink(encoding);
    feed_bytes(sink, text);
    EXPECT_EQ(sink.finish(), expected) << text;
    return expected;
}

std::vector<std::uint8_t> random_bytes(std::size_t size, std::mt19937_64& random) {
    std::vector<std::uint8_t> bytes(size);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    return bytes;
}

std::string encoded(Encoding encoding, std::span<const std::uint8_t> bytes) {
    std::string text;
    protocol::append_encoded(text, encoding, bytes);
    return text;
}

TEST(Encoding, NamesAreExact) {
    EXPECT_EQ(protocol::encoding_from("hex"), Encoding::Hex);
    EXPECT_EQ(protocol::encoding_from("base64"), Encoding::Base64);
    for (const Encoding encoding : {Encoding::Hex, Encoding::Base64})
        EXPECT_EQ(protocol::encoding_from(protocol::name(encoding)), encoding);
    for (const std::string& other :
         {""s, "HEX"s, "Hex"s, "hex "s, "hex\0"s, "base64url"s, "Base64"s, "base-64"s, "BASE64"s, "binary"s})
        EXPECT_FALSE(protocol::encoding_from(other)) << other;
}

TEST(Encoding, KnownTexts) {  // RFC 4648, section 10
    const std::pair<std::string_view, std::string_view> vectors[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/"},
    };
    for (const auto& [plain, text] : vectors) {
        const std::vector<std::uint8_t> bytes(plain.begin(), plain.end());
        EXPECT_EQ(encoded(Encoding::Base64, bytes), text);
        EXPECT_EQ(encoded(Encoding::Hex, bytes), to_hex(bytes));
        if (!text.empty()) {
            EXPECT_EQ(decode_every_way(Encoding::Base64, text), (Decoded{"OK", bytes}));
        }
    }
    std::string raw = "=";
    protocol::append_encoded(raw, Encoding::Binary, std::vector<std::uint8_t>{0xab, 0});
    EXPECT_EQ(raw, "=\xab\0"s);
    EXPECT_EQ(protocol::encoded_size(Encoding::Binary, 7), 7u);
    EXPECT_EQ(protocol::name(Encoding::Binary), "binary");
    std::string text = "=";
    protocol::append_encoded(text, Encoding::Hex, std::vector<std::uint8_t>{0xab});
    EXPECT_EQ(text, "=ab") << "appends";
}

TEST(PayloadDecoder, RoundTripsAllSizesInRandomPieces) {
    std::mt19937_64 random(1);
    std::vector<std::size_t> sizes{16383, 16384, 16385, 12288, 12289, 32768, 50000, 100001};
    for (std::size_t size = 1; size < 100; ++size) sizes.push_back(size);
    for (const Encoding encoding : {Encoding::Hex, Encoding::Base64})
        for (const std::size_t size : sizes) {
            const auto bytes = random_bytes(size, random);
            const std::string text = encoded(encoding, bytes);
            ASSERT_EQ(text.size(), protocol::encoded_size(encoding, size));
            for (const std::size_t largest : {text.size(), std::size_t{5}, std::size_t{9000}, std::size_t{40000}}) {
                Sink sink(encoding);
                feed_random(sink, text, random, largest);
                ASSERT_EQ(sink.finish(), (Decoded{"OK", bytes})) << size;
            }
        }
}

TEST(PayloadDecoder, SmallTextsInAnyPieces) {
    std::mt19937_64 random(2);
    for (const Encoding encoding : {Encoding::Hex, Encoding::Base64})
        for (std::size_t size = 1; size < 20; ++size) {
            const auto bytes = random_bytes(size, random);
            EXPECT_EQ(decode_every_way(encoding, encoded(encoding, bytes)), (Decoded{"OK", bytes}));
        }
}

TEST(PayloadDecoder, HexTakesEitherCase) {
    const Decoded expected{"OK", {0xab, 0xcd, 0xef, 0x01}};
    for (const char* text : {"abcdef01", "ABCDEF01", "aBCdEf01"})
        EXPECT_EQ(decode_every_way(Encoding::Hex, text), expected);
}

TEST(PayloadDecoder, EveryForeignCharacterIsRefusedEverywhere) {
    constexpr std::string_view hex = "0123456789abcdefABCDEF";
    constexpr std::string_view base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        for (std::size_t at = 0; at < 8; ++at) {
            std::string text = "AAAAAAAA";
            text[at] = c;
            const bool is_hex = hex.find(c) != std::string_view::npos;
            EXPECT_EQ(decode_every_way(Encoding::Hex, text).verdict == "OK", is_hex) << byte << " at " << at;
            const bool is_base64 = base64.find(c) != std::string_view::npos || (c == '=' && at == 7);
            EXPECT_EQ(decode_every_way(Encoding::Base64, text).verdict == "OK", is_base64) << byte << " at " << at;
        }
    }
}

TEST(PayloadDecoder, BadPayloadsAreInvalidEncoding) {
    const std::pair<Encoding, std::string> bad[] = {
        {Encoding::Hex, ""},
        {Encoding::Hex, "0"},
        {Encoding::Hex, "000"},
        {Encoding::Hex, "zz"},
        {Encoding::Hex, "0x00"},
        {Encoding::Hex, " 00"},
        {Encoding::Hex, "00 "},
        {Encoding::Hex, "00\n"},
        {Encoding::Hex, "00\0"s},
        {Encoding::Hex, "00\0\0"s},
        {Encoding::Hex,
         "0\0"
         "0"s},
        {Encoding::Hex, "\xc3\xa9"},
        {Encoding::Hex, "AAA="},
        {Encoding::Base64, ""},
        {Encoding::Base64, "A"},
        {Encoding::Base64, "AA"},
        {Encoding::Base64, "AAA"},
        {Encoding::Base64, "AAAAA"},
        {Encoding::Base64, "="},
        {Encoding::Base64, "===="},
        {Encoding::Base64, "A==="},
        {Encoding::Base64, "AA=A"},
        {Encoding::Base64, "=AAA"},
        {Encoding::Base64, "A=AA"},
        {Encoding::Base64, "AA="},
        {Encoding::Base64, "AA==="},
        {Encoding::Base64,
         "AA=="
         "AA=="},
        {Encoding::Base64,
         "AA=="
         "AAAA"},
        {Encoding::Base64,
         "AAA="
         "A"},
        {Encoding::Base64,
         "AAA=="
         "AAA"},
        {Encoding::Base64, "AB=="},
        {Encoding::Base64, "AAB="},
        {Encoding::Base64, "-_-_"},
        {Encoding::Base64, "AAAA\n"},
        {Encoding::Base64, "AAAA\r\nAAAA"},
        {Encoding::Base64, " AAAA"},
        {Encoding::Base64, "AA\0A"s},
    };
    for (const auto& [encoding, text] : bad)
        EXPECT_EQ(decode_every_way(encoding, text).verdict, "INVALID_ENCODING")
            << protocol::name(encoding) << ' ' << text;
}

TEST(PayloadDecoder, ABadCharacterDeepInsideIsFound) {
    for (const Encoding encoding : {Encoding::Hex, Encoding::Base64}) {
        std::string text(131072, 'A');
        for (const std::size_t at :
             {std::size_t{0}, std::size_t{32767}, std::size_t{32768}, std::size_t{65537}, text.size() - 1}) {
            std::string spoiled = text;
            spoiled[at] = '!';
            Sink sink(encoding);
            sink.feed(spoiled);
            EXPECT_EQ(sink.finish().verdict, "INVALID_ENCODING") << at;
        }
    }
}

/// Of each group's last characters exactly those with zero tail bits are accepted: every text has one decoding.
TEST(PayloadDecoder, EveryTailOfTwoAndThreeCharacters) {
    constexpr std::string_view base64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    std::set<std::string> decodings;
    const auto feed = [](const std::string& text) {
        Sink sink(Encoding::Base64);
        sink.feed(text);
        return sink.finish();
    };
    for (std::size_t a = 0; a < 64; ++a)
        for (std::size_t b = 0; b < 64; ++b) {
            const std::string two{base64[a], base64[b], '=', '='};
            const Decoded one_byte = feed(two);
            ASSERT_EQ(one_byte.verdict, b % 16 == 0 ? "OK" : "INVALID_ENCODING") << two;
            if (one_byte.verdict == "OK") {
                EXPECT_EQ(one_byte.bytes, (std::vector<std::uint8_t>{static_cast<std::uint8_t>(a << 2 | b >> 4)}));
                EXPECT_TRUE(decodings.insert(to_hex(one_byte.bytes)).second) << two;
                EXPECT_EQ(encoded(Encoding::Base64, one_byte.bytes), two);
            }
            for (std::size_t c = 0; c < 64; ++c) {
                const std::string three{base64[a], base64[b], base64[c], '='};
                ASSERT_EQ(feed(three).verdict, c % 4 == 0 ? "OK" : "INVALID_ENCODING") << three;
            }
        }
    EXPECT_EQ(decodings.size(), 256u);
}

}  // namespace
}  // namespace einfer::test
