// Histograms of durations.
#include "server/phases.h"

#include <gtest/gtest.h>

#include <set>
#include <thread>
#include <vector>

namespace einfer::test {
namespace {

using server::Phase;
using server::Phases;
using namespace std::chrono_literals;
using std::chrono::nanoseconds;

TEST(Phases, BoundsAreOneTwoFive) {
    const auto& bounds = Phases::bounds();
    EXPECT_EQ(bounds.front(), 10us);
    EXPECT_EQ(bounds[1], 20us);
    EXPECT_EQ(bounds[2], 50us);
    EXPECT_EQ(bounds[3], 100us);
    EXPECT_EQ(bounds.back(), 100s);
    for (std::size_t i = 3; i < bounds.size(); ++i) EXPECT_EQ(bounds[i], 10 * bounds[i - 3]);
}

TEST(Phases, EachHasAName) {
    std::set<std::string_view> names;
    for (std::size_t i = 0; i < server::phase_count; ++i) names.insert(name(static_cast<Phase>(i)));
    EXPECT_EQ(names.size(), server::phase_count);
    EXPECT_FALSE(names.contains(""));
}

TEST(Phases, ABucketEndsAtItsBound) {
    const auto& bounds = Phases::bounds();
    for (std::size_t i = 0; i < bounds.size(); ++i) {
        Phases phases;
        phases.record(Phase::Store, bounds[i]);
        phases.record(Phase::Store, bounds[i] + 1ns);
        const auto taken = phases.snapshot(Phase::Store);
        EXPECT_EQ(taken.buckets[i], 1u);
        EXPECT_EQ(taken.buckets[i + 1], 1u);
        EXPECT_EQ(taken.count, 2u);
    }
}

TEST(Phases, SumsAreSeconds) {
    Phases phases;
    phases.record(Phase::Total, 250ms);
    phases.record(Phase::Total, 2s);
    EXPECT_DOUBLE_EQ(phases.snapshot(Phase::Total).sum_seconds, 2.25);
    EXPECT_EQ(phases.snapshot(Phase::Receive).count, 0u) << "another phase";
}

TEST(Phases, WhatIsUnknownIsNotRecordedAndNothingIsNegative) {
    Phases phases;
    phases.record(Phase::Queue, std::optional<nanoseconds>());
    EXPECT_EQ(phases.snapshot(Phase::Queue).count, 0u);
    phases.record(Phase::Queue, std::optional<nanoseconds>(-1s));
    EXPECT_EQ(phases.snapshot(Phase::Queue).buckets.front(), 1u);
    EXPECT_EQ(phases.snapshot(Phase::Queue).sum_seconds, 0);
    phases.record(Phase::Queue, 1000h);
    EXPECT_EQ(phases.snapshot(Phase::Queue).buckets.back(), 1u);
}

TEST(Phases, ManyThreadsLoseNothing) {
    Phases phases;
    {
        std::vector<std::jthread> threads;
        for (int i = 0; i < 4; ++i)
            threads.emplace_back([&phases] {
                for (int j = 0; j < 1000; ++j) phases.record(Phase::Evaluate, 1ms);
            });
    }
    const auto taken = phases.snapshot(Phase::Evaluate);
    EXPECT_EQ(taken.count, 4000u);
    EXPECT_DOUBLE_EQ(taken.sum_seconds, 4.0);
}

}  // namespace
}  // namespace einfer::test
