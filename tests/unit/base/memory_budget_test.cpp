#include "base/memory_budget.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <random>
#include <thread>
#include <type_traits>
#include <vector>

namespace einfer::test {
namespace {

TEST(MemoryBudget, TakesUpToItsLimitAndNotAByteMore) {
    MemoryBudget budget(100);
    EXPECT_EQ(budget.limit(), 100u);
    EXPECT_TRUE(budget.try_take(60));
    EXPECT_FALSE(budget.try_take(41));
    EXPECT_EQ(budget.used(), 60u) << "a refusal takes nothing";
    EXPECT_TRUE(budget.try_take(40));
    EXPECT_FALSE(budget.try_take(1));
    EXPECT_TRUE(budget.try_take(0));
    budget.give_back(100);
    EXPECT_EQ(budget.used(), 0u);
    EXPECT_TRUE(budget.try_take(100));
}

TEST(MemoryBudget, SumsThatOverflowAreRefused) {
    MemoryBudget budget(SIZE_MAX);
    EXPECT_TRUE(budget.try_take(SIZE_MAX - 1));
    EXPECT_FALSE(budget.try_take(SIZE_MAX));
    EXPECT_FALSE(budget.try_take(2));
    EXPECT_TRUE(budget.try_take(1));
    EXPECT_EQ(budget.used(), SIZE_MAX);
    MemoryBudget none(0);
    EXPECT_TRUE(none.try_take(0));
    EXPECT_FALSE(none.try_take(1));
}

TEST(MemoryBudget, ThreadsNeverHoldMoreThanTheLimit) {
    constexpr std::size_t limit = 1000;
    MemoryBudget budget(limit);
    std::atomic<std::size_t> held{0};
    std::atomic<std::size_t> most{0};
    std::vector<std::thread> threads;
    for (unsigned seed = 0; seed < 4; ++seed)
        threads.emplace_back([&, seed] {
            std::mt19937 random(seed);
            std::uniform_int_distribution<std::size_t> size(1, limit);
            for (int round = 0; round < 5000; ++round) {
                const std::size_t bytes = size(random);
                if (!budget.try_take(bytes)) continue;
                const std::size_t now = held += bytes;
                std::size_t seen = most;
                while (now > seen && !most.compare_exchange_weak(seen, now)) {
                }
                held -= bytes;
                budget.give_back(bytes);
            }
        });
    for (std::thread& thread : threads) thread.join();
    EXPECT_LE(most, limit);
    EXPECT_GT(most, 0u);
    EXPECT_EQ(budget.used(), 0u);
}

TEST(Reservation, GrowsShrinksAndGivesBack) {
    MemoryBudget budget(100);
    {
        Reservation reservation(budget);
        EXPECT_EQ(reservation.bytes(), 0u);
        EXPECT_TRUE(reservation.grow(30));
        EXPECT_TRUE(reservation.grow(40));
        EXPECT_EQ(reservation.bytes(), 70u);
        EXPECT_FALSE(reservation.grow(31));
        EXPECT_EQ(reservation.bytes(), 70u);
        EXPECT_EQ(budget.used(), 70u);
        reservation.shrink_to(80);
        EXPECT_EQ(reservation.bytes(), 70u);
        reservation.shrink_to(10);
        EXPECT_EQ(reservation.bytes(), 10u);
        EXPECT_EQ(budget.used(), 10u);
        reservation.release();
        EXPECT_EQ(budget.used(), 0u);
        EXPECT_TRUE(reservation.grow(100)) << "usable after release";
    }
    EXPECT_EQ(budget.used(), 0u);
}

TEST(Reservation, MovesCarryTheBytes) {
    MemoryBudget budget(100), other(100);
    Reservation first(budget);
    ASSERT_TRUE(first.grow(10));
    Reservation second(std::move(first));
    EXPECT_EQ(second.bytes(), 10u);
    EXPECT_EQ(budget.used(), 10u);

    Reservation third(other);
    ASSERT_TRUE(third.grow(5));
    third = std::move(second);
    EXPECT_EQ(other.used(), 0u) << "assignment gives back what was held";
    EXPECT_EQ(third.bytes(), 10u);
    EXPECT_EQ(budget.used(), 10u);
    ASSERT_TRUE(third.grow(1));
    EXPECT_EQ(budget.used(), 11u);

    Reservation& same = third;
    third = std::move(same);
    EXPECT_EQ(third.bytes(), 11u);
    third = Reservation();
    EXPECT_EQ(budget.used(), 0u);
    static_assert(!std::is_copy_constructible_v<Reservation> && !std::is_copy_assignable_v<Reservation>);
}

TEST(MemoryBudgetShare, TakesFromTheWholeAndGivesBack) {
    MemoryBudget whole(1000);
    MemoryBudget share(whole, 8);
    {
        Reservation reservation(share);
        ASSERT_TRUE(reservation.grow(600));
        EXPECT_EQ(share.used(), 600u);
        EXPECT_EQ(whole.used(), 600u);
    }
    EXPECT_EQ(share.used(), 0u);
    EXPECT_EQ(whole.used(), 0u);
}

TEST(MemoryBudgetShare, LeavesSomethingForTheNextOne) {
    MemoryBudget whole(900);
    MemoryBudget greedy(whole, 8), late(whole, 8);
    while (greedy.try_take(1)) continue;
    EXPECT_EQ(greedy.used(), 800u);
    ASSERT_TRUE(late.try_take(50));
    EXPECT_FALSE(greedy.try_take(1)) << "it has to shrink first";
    greedy.give_back(800);
    late.give_back(50);
    EXPECT_EQ(whole.used(), 0u);
}

TEST(MemoryBudgetShare, SharesConvergeWhateverTheOrder) {
    MemoryBudget whole(1700);
    MemoryBudget one(whole, 8), two(whole, 8);
    for (int i = 0; i < 10'000; ++i) (void)(i % 2 == 0 ? one : two).try_take(1);
    EXPECT_EQ(one.used(), 800u);
    EXPECT_EQ(two.used(), 800u);
}

TEST(MemoryBudgetShare, KeepsToTheWholeThoughOthersTakeFromIt) {
    MemoryBudget whole(100);
    MemoryBudget share(whole, 8);
    ASSERT_TRUE(whole.try_take(95));
    EXPECT_FALSE(share.try_take(6));
    EXPECT_FALSE(share.try_take(SIZE_MAX));
    EXPECT_TRUE(share.try_take(4));
    EXPECT_EQ(whole.used(), 99u);
}

TEST(Reservation, WithoutABudgetEverythingIsGranted) {
    Reservation reservation;
    EXPECT_TRUE(reservation.grow(SIZE_MAX));
    EXPECT_EQ(reservation.bytes(), 0u);
    reservation.shrink_to(0);
    reservation.release();
}

}  // namespace
}  // namespace einfer::test
