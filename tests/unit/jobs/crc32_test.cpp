// Every way to compute the CRC is zlib's CRC.
#include "jobs/crc32.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace einfer::test {
namespace {

std::vector<std::uint8_t> random_bytes(std::size_t size) {
    std::mt19937_64 random(size);
    std::vector<std::uint8_t> bytes(size);
    for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
    return bytes;
}

const std::uint8_t* at(const std::vector<std::uint8_t>& bytes, std::size_t offset) { return bytes.data() + offset; }

TEST(Crc32, TheKnownOne) {  // every catalogue's check value
    const std::string_view digits = "123456789";
    for (const auto& variant : jobs::crc32_variants())
        EXPECT_EQ(variant.compute(0, reinterpret_cast<const std::uint8_t*>(digits.data()), digits.size()), 0xcbf43926u)
            << variant.name;
    EXPECT_EQ(jobs::crc32_variants().front().name, "zlib");
}

TEST(Crc32, VariantsAgreeAtEveryLengthAndAlignment) {
    const auto bytes = random_bytes(700);
    const auto right = jobs::crc32_variants().front().compute;
    for (const auto& variant : jobs::crc32_variants())
        for (std::size_t offset = 0; offset < 17; ++offset)
            for (std::size_t size = 0; size <= 600; ++size)
                for (const std::uint32_t crc : {0u, 0x12345678u, 0xffffffffu})
                    ASSERT_EQ(variant.compute(crc, at(bytes, offset), size), right(crc, at(bytes, offset), size))
                        << variant.name << ' ' << offset << ' ' << size;
}

TEST(Crc32, PiecesDoNotMatter) {
    const auto bytes = random_bytes(2'100'003);
    const std::uint32_t whole = jobs::crc32_variants().front().compute(0, bytes.data(), bytes.size());
    for (const auto& variant : jobs::crc32_variants()) {
        EXPECT_EQ(variant.compute(0, bytes.data(), bytes.size()), whole) << variant.name;
        for (const std::size_t cut : {std::size_t{1}, std::size_t{64}, std::size_t{1'000'001}, bytes.size()})
            EXPECT_EQ(variant.compute(variant.compute(0, bytes.data(), cut), at(bytes, cut), bytes.size() - cut), whole)
                << variant.name << ' ' << cut;
    }
    EXPECT_EQ(jobs::crc32_of(0, bytes.data(), bytes.size()), whole);
    EXPECT_EQ(jobs::crc32_of(7, nullptr, 0), 7u);
}

TEST(Crc32, EveryBitCounts) {
    auto bytes = random_bytes(160);
    for (const auto& variant : jobs::crc32_variants()) {
        const std::uint32_t before = variant.compute(0, bytes.data(), bytes.size());
        for (std::size_t bit = 0; bit < 8 * bytes.size(); ++bit) {
            bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
            EXPECT_NE(variant.compute(0, bytes.data(), bytes.size()), before) << variant.name << ' ' << bit;
            bytes[bit / 8] ^= static_cast<std::uint8_t>(1u << bit % 8);
        }
    }
}

}  // namespace
}  // namespace einfer::test
