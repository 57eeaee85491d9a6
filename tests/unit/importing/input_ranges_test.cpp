// Ranges of inputs, from rows.
#include "importing/input_ranges.h"

#include "unit/importing/support.h"

#include <gtest/gtest.h>

#include <cmath>

namespace einfer::test {
namespace {

using importing::choose_ranges;
using importing::InputRanges;
using importing::Range;
using Bounds = std::vector<double>;

InputRanges ranges(const Rows& rows, const inference::Shape& input, std::optional<Range> given = {}) {
    auto made = choose_ranges(input, rows, given);
    EXPECT_TRUE(made) << verdict_of(made);
    return made ? *made : InputRanges{};
}

TEST(InputRanges, FeaturesAlikeShareOne) {
    const InputRanges made = ranges({{0, -2, 5}, {3, 1, 9}}, {3, 1, 1});
    EXPECT_TRUE(made.common);
    EXPECT_EQ(made.lower, Bounds({-2, -2, -2}));
    EXPECT_EQ(made.upper, Bounds({9, 9, 9}));
}

TEST(InputRanges, OthersHaveOneEachHalfAsWideAgain) {
    const InputRanges made = ranges({{0, 100, 7}, {1, 500, 7}}, {3, 1, 1});
    EXPECT_FALSE(made.common);
    EXPECT_EQ(made.lower, Bounds({-0.5, -100, -193})) << "the constant takes the median width, 400";
    EXPECT_EQ(made.upper, Bounds({1.5, 700, 207}));
}

TEST(InputRanges, ImagesShareOneHoweverTheirPixelsDiffer) {
    const Rows rows{{0, 0, 0, 0}, {0, 1, 255, 3}};
    EXPECT_TRUE(ranges(rows, {1, 2, 2}).common);
    EXPECT_FALSE(ranges(rows, {4, 1, 1}).common);
    Rows flat(2, Bounds(16));
    for (std::size_t i = 0; i < 5; ++i) flat[1][i] = 255;
    flat[1][7] = 1;
    const InputRanges pixels = ranges(flat, {16, 1, 1});
    EXPECT_TRUE(pixels.common) << "they begin at one number, and many end at one";
    EXPECT_EQ(pixels.upper[15], 255);
}

TEST(InputRanges, AreShortNumbersThatHoldEveryRow) {
    std::mt19937_64 random(1);
    std::uniform_real_distribution<double> exponent(-8, 8);
    for (int i = 0; i < 500; ++i) {
        Rows rows = some_rows(3, 4, random);
        for (std::size_t feature = 0; feature < 4; ++feature) {
            const double factor = std::pow(10.0, exponent(random));
            for (auto& row : rows) row[feature] *= factor;
        }
        const InputRanges made = ranges(rows, {4, 1, 1});
        for (const auto& row : rows) EXPECT_TRUE(importing::contains(made.lower, made.upper, row));
        for (std::size_t feature = 0; feature < 4; ++feature) {
            EXPECT_LT(made.lower[feature], made.upper[feature]);
            if (made.common) continue;
            const auto [least, most] = std::minmax({rows[0][feature], rows[1][feature], rows[2][feature]});
            EXPECT_NEAR(made.upper[feature] - made.lower[feature], 2 * (most - least), 0.05 * (most - least));
        }
    }
}

TEST(InputRanges, LargeNumbersCloseTogetherStayInside) {
    for (const double start : {1.7e12, 1.7e15}) {
        const Rows rows{{start, 0}, {start + 1, 1}, {start + 7, 2}};
        const InputRanges made = ranges(rows, {2, 1, 1});
        EXPECT_LT(made.lower[0], made.upper[0]);
        for (const auto& row : rows) EXPECT_TRUE(importing::contains(made.lower, made.upper, row));
    }
}

TEST(InputRanges, LargeConstantsAreRangesToo) {
    for (const double constant : {1.7e18, -3e300, 1e15, 0.0}) {
        const Rows rows{{constant, 0, 0}, {constant, 100, 1}, {constant, -100, 2}};
        const InputRanges made = ranges(rows, {3, 1, 1});
        EXPECT_FALSE(made.common);
        EXPECT_LT(made.lower[0], constant);
        EXPECT_GT(made.upper[0], constant);
    }
}

TEST(InputRanges, TheGivenOneIsTaken) {
    const InputRanges made = ranges({{0, 100}}, {2, 1, 1}, Range{-1, 255});
    EXPECT_TRUE(made.common);
    EXPECT_EQ(made.lower, Bounds({-1, -1}));
    EXPECT_EQ(made.upper, Bounds({255, 255}));
}

TEST(InputRanges, WhatCannotBeOneIsRefused) {
    const Rows rows{{0, 1}, {5, 1}};
    const inference::Shape two{2, 1, 1};
    EXPECT_EQ(verdict_of(choose_ranges(two, rows, Range{0, 4})),
              "--range: feature 1 of calibration row 2 is 5, outside of it");
    EXPECT_EQ(verdict_of(choose_ranges(two, rows, Range{4, 4})),
              "--range: needs two finite numbers, the lower one first");
    EXPECT_TRUE(
        verdict_of(choose_ranges(two, Rows{{1, 2}, {1, 2}}, {})).starts_with("--calibration: all its rows are the"));
    EXPECT_TRUE(verdict_of(choose_ranges(two, Rows{{-1e308, 2}, {1e308, 2}}, {})).starts_with("--calibration: "));
}

}  // namespace
}  // namespace einfer::test
