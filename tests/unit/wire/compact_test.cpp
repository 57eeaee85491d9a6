#include "wire/compact.h"

#include <gtest/gtest.h>

#include <random>

namespace einfer::wire {
namespace {

std::vector<CompactResult> random_results(const CompactShape& shape, unsigned seed) {
    std::mt19937_64 random(seed);
    const std::uint64_t mask = (std::uint64_t{1} << shape.bits) - 1;
    std::vector<CompactResult> results(shape.value_counts.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
        results[i].values.resize(shape.value_counts[i]);
        results[i].second.resize(shape.poly_modulus_degree);
        for (auto* numbers : {&results[i].values, &results[i].second})
            for (std::uint64_t& number : *numbers) number = random() & mask;
        results[i].second.back() = mask;
    }
    return results;
}

TEST(Compact, EveryWidthComesBack) {
    for (int bits = 1; bits <= max_compact_bits; ++bits) {
        const CompactShape shape{64, bits, {1, 7, 0, 13}};
        const auto results = random_results(shape, 1);
        const auto bytes = write_compact(shape, results);
        ASSERT_EQ(bytes.size(), shape.size());
        EXPECT_TRUE(is_compact(bytes));
        const auto read = read_compact(bytes, shape);
        ASSERT_TRUE(read) << bits;
        for (std::size_t i = 0; i < results.size(); ++i) {
            EXPECT_EQ((*read)[i].values, results[i].values) << bits;
            EXPECT_EQ((*read)[i].second, results[i].second) << bits;
        }
    }
}

TEST(Compact, OneByteOfTheFormat) {
    const auto bytes = write_compact({2, 12, {1}}, std::vector<CompactResult>{{{0xABC}, {0x123, 0x456}}});
    EXPECT_EQ(bytes, (std::vector<std::uint8_t>{'E',  'I',  'C',  'C',  1,   12, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0,  //
                                                0xBC, 0x0A, 0x23, 0x61, 0x45}));
}

TEST(Compact, AnythingElseIsRefused) {
    const CompactShape shape{16, 13, {3}};
    const auto good = write_compact(shape, random_results(shape, 2));
    ASSERT_TRUE(read_compact(good, shape));
    for (std::size_t at = 0; at < 16; ++at) {
        auto changed = good;
        changed[at] ^= 1;
        EXPECT_FALSE(read_compact(changed, shape)) << at;
    }
    for (std::size_t size = 0; size < good.size(); ++size)
        EXPECT_FALSE(read_compact(std::span(good).first(size), shape));
    auto longer = good;
    longer.push_back(0);
    EXPECT_FALSE(read_compact(longer, shape));
    auto dirty = good;  // 39 bits of values: the 40th fills up
    dirty[16 + 4] |= 0x80;
    EXPECT_FALSE(read_compact(dirty, shape));
    auto nothing = good;
    std::fill(nothing.begin() + 16 + 5, nothing.end(), std::uint8_t{0});
    const auto refused = read_compact(nothing, shape);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::InvalidCiphertext);
    EXPECT_FALSE(read_compact({}, shape));
    EXPECT_FALSE(is_compact({}));
}

}  // namespace
}  // namespace einfer::wire
