// Hex, SHA-256, times, identifiers.
#include "base/base64.h"
#include "base/clock.h"
#include "base/hex.h"
#include "base/ids.h"
#include "base/sha256.h"

#include <gtest/gtest.h>

#include <cstdio>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace einfer::test {
namespace {

std::span<const std::uint8_t> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

std::string sha256(std::string_view text) {
    Sha256 digest;
    digest.update(bytes_of(text));
    return digest.hex_digest();
}

TEST(Hex, EveryByteIsTwoLowerCaseDigits) {
    EXPECT_EQ(to_hex({}), "");
    std::vector<std::uint8_t> all;
    std::string expected;
    for (int byte = 0; byte < 256; ++byte) {
        all.push_back(static_cast<std::uint8_t>(byte));
        char digits[3];
        std::snprintf(digits, sizeof digits, "%02x", static_cast<unsigned>(byte));
        expected += digits;
    }
    EXPECT_EQ(to_hex(all), expected);
    std::string text = "0x";
    append_hex(text, all);
    EXPECT_EQ(text, "0x" + expected);
    append_hex(text, {});
    EXPECT_EQ(text, "0x" + expected);
}

TEST(Hex, LengthAndPlaceDoNotMatter) {  // of vector code and what is left over
    std::vector<std::uint8_t> bytes;
    for (int i = 0; i < 300; ++i) bytes.push_back(static_cast<std::uint8_t>(i * 37 + i / 256));
    for (std::size_t from = 0; from < 20; ++from)
        for (std::size_t count = 0; from + count <= bytes.size(); ++count) {
            const auto part = std::span(bytes).subspan(from, count);
            std::string text(2 * count + 2, '#'), expected = "#";
            write_hex(text.data() + 1, part);
            for (const std::uint8_t byte : part) {
                expected += "0123456789abcdef"[byte >> 4];
                expected += "0123456789abcdef"[byte & 15];
            }
            EXPECT_EQ(text, expected + '#');
        }
}

TEST(Base64, TestVectors) {  // RFC 4648 §10
    const auto base64 = [](std::string_view bytes) {
        std::string text((bytes.size() + 2) / 3 * 4 + 1, '#');
        write_base64(text.data(), bytes_of(bytes));
        return text;
    };
    EXPECT_EQ(base64(""), "#");
    EXPECT_EQ(base64("f"), "Zg==#");
    EXPECT_EQ(base64("fo"), "Zm8=#");
    EXPECT_EQ(base64("foo"), "Zm9v#");
    EXPECT_EQ(base64("foob"), "Zm9vYg==#");
    EXPECT_EQ(base64("fooba"), "Zm9vYmE=#");
    EXPECT_EQ(base64("foobar"), "Zm9vYmFy#");
    EXPECT_EQ(base64("\xff\xef\xbe\xfb\xf0"), "/++++/A=#");
}

TEST(Sha256, KnownAnswers) {  // FIPS 180-2, appendix B, and the empty message
    EXPECT_EQ(sha256(""), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    EXPECT_EQ(sha256("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    EXPECT_EQ(sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"),
              "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
    EXPECT_EQ(sha256(std::string(1000000, 'a')), "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
}

TEST(Sha256, PiecesDoNotMatter) {
    const std::string text(200, 'x');
    for (std::size_t cut = 0; cut <= text.size(); ++cut) {
        Sha256 digest;
        digest.update(bytes_of(text).first(cut));
        digest.update({});
        digest.update(bytes_of(text).subspan(cut));
        ASSERT_EQ(digest.hex_digest(), sha256(text)) << cut;
    }
}

TEST(Clock, ShowsRfc3339WithMilliseconds) {
    constexpr UnixMillis day = 24LL * 3600 * 1000;
    const std::pair<UnixMillis, std::string_view> expected[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {1, "1970-01-01T00:00:00.001Z"},
        {999, "1970-01-01T00:00:00.999Z"},
        {1000, "1970-01-01T00:00:01.000Z"},
        {day - 1, "1970-01-01T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {1709164799999, "2024-02-28T23:59:59.999Z"},
        {1709164800000, "2024-02-29T00:00:00.000Z"},
        {1772442904120, "2026-03-02T09:15:04.120Z"},
        {2147483648000, "2038-01-19T03:14:08.000Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {253402300799999, "9999-12-31T23:59:59.999Z"},
    };
    for (const auto& [time, text] : expected) EXPECT_EQ(to_rfc3339(time), text);
}

TEST(Clock, TextsSortAsTimesDo) {
    const UnixMillis now = system_now();
    EXPECT_GT(now, 1700000000000);
    for (UnixMillis step = 1; step < 1LL << 40; step *= 2) EXPECT_LT(to_rfc3339(now), to_rfc3339(now + step)) << step;
}

TEST(Ids, RandomOnesAreDistinctAndOfTheRightShape) {
    std::set<std::string> seen;
    std::set<char> digits;
    for (int i = 0; i < 1000; ++i) {
        const std::string id = random_id();
        EXPECT_TRUE(is_random_id(id)) << id;
        digits.insert(id.begin(), id.end());
        EXPECT_TRUE(seen.insert(id).second);
    }
    EXPECT_EQ(digits.size(), 16u);
}

TEST(Ids, NothingElseNamesAJob) {
    const std::string good(32, 'a');
    EXPECT_TRUE(is_random_id(good));
    EXPECT_FALSE(is_random_id(""));
    EXPECT_FALSE(is_random_id(good.substr(1)));
    EXPECT_FALSE(is_random_id(good + "a"));
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        const bool digit = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
        for (const std::size_t at : {0u, 15u, 31u}) {
            std::string id = good;
            id[at] = c;
            EXPECT_EQ(is_random_id(id), digit) << byte;
        }
    }
}

TEST(Ids, TokensAreShortAndPlain) {
    constexpr std::string_view allowed = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-";
    for (int byte = 0; byte < 256; ++byte) {
        const char c = static_cast<char>(byte);
        EXPECT_EQ(is_token(std::string(1, c)), allowed.find(c) != std::string_view::npos) << byte;
        EXPECT_EQ(is_token("a" + std::string(1, c) + "b"), allowed.find(c) != std::string_view::npos) << byte;
    }
    EXPECT_FALSE(is_token(""));
    EXPECT_TRUE(is_token(std::string(128, 'z')));
    EXPECT_FALSE(is_token(std::string(129, 'z')));
}

}  // namespace
}  // namespace einfer::test
