#include "tenants/rate_limiter.h"

#include <gtest/gtest.h>

#include <random>

namespace einfer::tenants {
namespace {

using namespace std::chrono_literals;
using Time = RateLimiter::Clock::time_point;

constexpr RateLimiter::Rate two_a_second{2, 4};
const Time start{};

TEST(RateLimiter, GrantsTheCapacityAtOnceAndThenTheRate) {
    RateLimiter limiter(10);
    for (int i = 0; i < 4; ++i) EXPECT_FALSE(limiter.take("a", two_a_second, 1, start));
    EXPECT_EQ(limiter.take("a", two_a_second, 1, start), 500ms);
    EXPECT_EQ(limiter.take("a", two_a_second, 1, start + 499ms), 1ms);
    EXPECT_FALSE(limiter.take("a", two_a_second, 1, start + 500ms));
    EXPECT_EQ(limiter.take("a", two_a_second, 1, start + 500ms), 500ms);
}

TEST(RateLimiter, NamesDoNotAffectEachOther) {
    RateLimiter limiter(10);
    while (!limiter.take("a", two_a_second, 1, start)) continue;
    EXPECT_FALSE(limiter.take("b", two_a_second, 4, start));
}

TEST(RateLimiter, MoreThanTheCapacityIsADebtOfAFullBucket) {
    RateLimiter limiter(10);
    EXPECT_FALSE(limiter.take("a", two_a_second, 10, start));
    EXPECT_EQ(limiter.take("a", two_a_second, 1, start), 3500ms);
    EXPECT_EQ(limiter.take("a", two_a_second, 10, start + 4s), 1s);
    EXPECT_FALSE(limiter.take("a", two_a_second, 10, start + 5s));
}

TEST(RateLimiter, WhatIsGivenBackCanBeTakenAgain) {
    RateLimiter limiter(10);
    EXPECT_FALSE(limiter.take("a", two_a_second, 4, start));
    limiter.give_back("a", two_a_second, 4);
    EXPECT_FALSE(limiter.take("a", two_a_second, 4, start));
    EXPECT_TRUE(limiter.take("a", two_a_second, 1, start));
}

TEST(RateLimiter, ARefusalTakesNothing) {
    RateLimiter limiter(10);
    EXPECT_FALSE(limiter.take("a", two_a_second, 3, start));
    for (int i = 0; i < 100; ++i) EXPECT_EQ(limiter.take("a", two_a_second, 2, start), 500ms);
    EXPECT_FALSE(limiter.take("a", two_a_second, 1, start));
}

TEST(RateLimiter, NeverGrantsMoreThanRateAndCapacityAllow) {
    std::mt19937 random(1);
    for (int round = 0; round < 50; ++round) {
        RateLimiter limiter(4);
        const RateLimiter::Rate rate{0.5 + random() % 100, 1.0 + random() % 20};
        Time now = start;
        double granted = 0;
        for (int i = 0; i < 500; ++i) {
            now += std::chrono::milliseconds(random() % 100);
            const double tokens = 1 + random() % static_cast<unsigned>(rate.capacity);
            if (!limiter.take("a", rate, tokens, now)) granted += tokens;
            const double seconds = std::chrono::duration<double>(now - start).count();
            ASSERT_LE(granted, rate.capacity + rate.per_second * seconds + 1e-6);
        }
        EXPECT_GT(granted, 0);
    }
}

TEST(RateLimiter, WaitingAsToldIsEnough) {
    RateLimiter limiter(4);
    std::mt19937 random(2);
    Time now = start;
    for (int i = 0; i < 1000; ++i) {
        const double tokens = 1 + random() % 4;
        if (const auto wait = limiter.take("a", two_a_second, tokens, now)) {
            now += *wait;
            ASSERT_FALSE(limiter.take("a", two_a_second, tokens, now));
        }
    }
}

TEST(RateLimiter, HoldsAtMostSoManyNames) {
    RateLimiter limiter(100);
    for (int i = 0; i < 1'000'000; ++i) {
        (void)limiter.take(std::to_string(i), two_a_second, 1, start + std::chrono::microseconds(i));
        ASSERT_LE(limiter.names(), 100u);
    }
}

TEST(RateLimiter, NobodyIsForgottenBeforeTheBucketIsFullAgain) {
    RateLimiter limiter(2);
    EXPECT_FALSE(limiter.take("a", two_a_second, 4, start));
    EXPECT_FALSE(limiter.take("b", two_a_second, 1, start));
    for (int i = 0; i < 100; ++i) (void)limiter.take("c" + std::to_string(i), two_a_second, 1, start + 100ms);
    EXPECT_TRUE(limiter.take("a", two_a_second, 4, start + 1900ms)) << "a flood of names has refilled the bucket";
    EXPECT_FALSE(limiter.take("a", two_a_second, 4, start + 2s));
}

TEST(RateLimiter, NamesWithoutRoomShareOneBucket) {
    RateLimiter limiter(1);
    EXPECT_FALSE(limiter.take("a", two_a_second, 4, start));
    EXPECT_FALSE(limiter.take("b", two_a_second, 3, start));
    EXPECT_FALSE(limiter.take("c", two_a_second, 1, start));
    EXPECT_TRUE(limiter.take("d", two_a_second, 1, start));
    limiter.give_back("c", two_a_second, 1);
    EXPECT_FALSE(limiter.take("d", two_a_second, 1, start));
    // There is room again once the first is full.
    EXPECT_FALSE(limiter.take("d", two_a_second, 4, start + 2s));
    EXPECT_EQ(limiter.names(), 1u);
}

}  // namespace
}  // namespace einfer::tenants
