// Every way to decode hex is the plain one.
#include "protocol/hex_decoder.h"

#include "base/hex.h"

#include <gtest/gtest.h>

#include <algorithm>

#include <cstring>
#include <random>
#include <string>
#include <vector>

namespace einfer::test {
namespace {

using protocol::hex_variants;

int value_of(int character) {
    if (character >= '0' && character <= '9') return character - '0';
    if (character >= 'a' && character <= 'f') return character - 'a' + 10;
    if (character >= 'A' && character <= 'F') return character - 'A' + 10;
    return -1;
}

TEST(HexDecoder, ThePlainOneIsAlwaysThere) { EXPECT_EQ(hex_variants().front().name, "plain"); }

/// Alone, and in each half of a vector's work.
TEST(HexDecoder, EveryPairOfCharacters) {
    for (const auto& variant : hex_variants())
        for (const std::size_t place : {std::size_t{0}, std::size_t{5}, std::size_t{16}, std::size_t{31}})
            for (int first = 0; first < 256; ++first)
                for (int second = 0; second < 256; ++second) {
                    std::string text(place == 0 ? 2 : 64, '0');
                    text[2 * place] = static_cast<char>(first);
                    text[2 * place + 1] = static_cast<char>(second);
                    std::vector<std::uint8_t> bytes(text.size() / 2);
                    const int high = value_of(first), low = value_of(second);
                    const bool good = high >= 0 && low >= 0;
                    ASSERT_EQ(variant.decode(text.data(), bytes.data(), bytes.size()), good)
                        << variant.name << ' ' << first << ' ' << second << ' ' << place;
                    if (good) {
                        ASSERT_EQ(bytes[place], high * 16 + low) << variant.name << ' ' << first << ' ' << second;
                    }
                }
}

TEST(HexDecoder, EveryLengthAndAlignment) {
    std::mt19937_64 random(1);
    for (const auto& variant : hex_variants())
        for (std::size_t count = 0; count < 200; ++count)
            for (std::size_t offset = 0; offset < 33; ++offset) {
                std::vector<std::uint8_t> expected(count);
                for (std::uint8_t& byte : expected) byte = static_cast<std::uint8_t>(random());
                const std::string text = std::string(offset, 'x') + to_hex(expected) + 'x';
                std::vector<std::uint8_t> bytes(offset + count + 1, 0xee);
                ASSERT_TRUE(variant.decode(text.data() + offset, bytes.data() + offset, count)) << variant.name;
                ASSERT_TRUE(std::equal(expected.begin(), expected.end(), bytes.data() + offset))
                    << variant.name << ' ' << count;
                ASSERT_EQ(bytes.back(), 0xee) << variant.name << " writes too far at " << count;
            }
}

TEST(HexDecoder, AForeignCharacterIsFoundAtEveryPlace) {
    for (const auto& variant : hex_variants())
        for (const std::size_t count : {std::size_t{31}, std::size_t{32}, std::size_t{33}, std::size_t{1000}}) {
            std::string text(2 * count, 'A');
            std::vector<std::uint8_t> bytes(count);
            for (std::size_t at = 0; at < text.size(); ++at)
                for (const char foreign : {'g', '/', ':', '@', '`', 'G', '\0', '\x7f', '\x80', '\xb0', '\xff'}) {
                    text[at] = foreign;
                    ASSERT_FALSE(variant.decode(text.data(), bytes.data(), count)) << variant.name << ' ' << at;
                    text[at] = 'A';
                }
            ASSERT_TRUE(variant.decode(text.data(), bytes.data(), count)) << variant.name;
        }
}

TEST(HexDecoder, TheFastestOneIsUsed) {
    std::vector<std::uint8_t> bytes(40);
    EXPECT_TRUE(protocol::decode_hex(std::string(80, 'f').data(), bytes.data(), bytes.size()));
    EXPECT_EQ(bytes, std::vector<std::uint8_t>(40, 0xff));
}

}  // namespace
}  // namespace einfer::test
