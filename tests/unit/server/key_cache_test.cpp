// Evaluation keys in memory: no more than there is room for, read once.
#include "server/key_cache.h"

#include "support/verdict.h"

#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

namespace einfer::test {
namespace {

using server::KeyCache;

he::EvaluationKeys keys_of(std::size_t words) {
    he::EvaluationKeys keys;
    keys.relinearization.emplace().words.resize(words);
    return keys;
}

class KeyCacheTest : public testing::Test {
protected:
    KeyCache::Lease get(KeyCache& cache, const std::string& name, std::size_t words = 100) {
        return cache
            .get(name, 8 * words,
                 [&]() -> Result<he::EvaluationKeys> {
                     ++loads;
                     return keys_of(words);
                 })
            .value();
    }
    std::atomic<int> loads{0};
};

TEST_F(KeyCacheTest, KeepsTheLatest) {
    KeyCache cache(1600);
    for (const char* const name : {"a", "b", "a", "c", "a"}) static_cast<void>(get(cache, name));  // b goes for c
    EXPECT_EQ(loads, 3);
    EXPECT_EQ(cache.bytes(), 1600u);
    static_cast<void>(get(cache, "b"));
    EXPECT_EQ(loads, 4);
}

TEST_F(KeyCacheTest, WhatIsUsedStays) {
    KeyCache cache(1600);
    const auto a = get(cache, "a");
    for (const char* const name : {"b", "c", "d"}) static_cast<void>(get(cache, name));
    EXPECT_EQ((*a).bytes(), 800u);
    static_cast<void>(get(cache, "a"));
    EXPECT_EQ(loads, 4);
    EXPECT_EQ(cache.bytes(), 1600u);
}

TEST_F(KeyCacheTest, WaitsForRoom) {
    KeyCache cache(800);
    std::optional<KeyCache::Lease> a(get(cache, "a"));
    std::atomic<bool> got{false};
    auto waiting = std::async(std::launch::async, [&] {
        const auto b = get(cache, "b");
        got = true;
    });
    EXPECT_EQ(waiting.wait_for(std::chrono::milliseconds(50)), std::future_status::timeout);
    EXPECT_FALSE(got);
    EXPECT_EQ(cache.bytes(), 800u);
    a.reset();
    EXPECT_EQ(waiting.wait_for(std::chrono::seconds(60)), std::future_status::ready);
    EXPECT_TRUE(got);
}

TEST_F(KeyCacheTest, LargerOnesComeAlone) {
    KeyCache cache(800);
    static_cast<void>(get(cache, "a"));
    EXPECT_EQ((*get(cache, "large", 1000)).bytes(), 8000u);
    static_cast<void>(get(cache, "a"));
    EXPECT_EQ(cache.bytes(), 800u);
}

TEST_F(KeyCacheTest, LargeOnesGetTheirTurn) {
    KeyCache cache(800);
    std::atomic<bool> done{false};
    std::vector<std::jthread> threads;
    for (int i = 0; i < 3; ++i)
        threads.emplace_back([&] {
            while (!done) {
                const auto small = get(cache, "a");
                std::this_thread::yield();  // so that somebody uses it nearly always
            }
        });
    for (int i = 0; i < 20; ++i) EXPECT_EQ((*get(cache, "large", 1000)).bytes(), 8000u);
    done = true;
}

TEST_F(KeyCacheTest, AreLoadedOnce) {
    KeyCache cache(1u << 20);
    std::vector<std::jthread> threads;
    for (int i = 0; i < 8; ++i)
        threads.emplace_back([&] {
            for (int round = 0; round < 50; ++round) EXPECT_EQ((*get(cache, std::to_string(round))).bytes(), 800u);
        });
    threads.clear();
    EXPECT_EQ(loads, 50);
}

TEST_F(KeyCacheTest, DroppedOnesAreLoadedAgain) {
    KeyCache cache(1600);
    std::optional<KeyCache::Lease> a(get(cache, "a"));
    cache.drop("a");
    cache.drop("nobody");
    EXPECT_EQ((**a).bytes(), 800u);
    EXPECT_EQ(cache.bytes(), 800u);
    const auto again = get(cache, "a");
    EXPECT_EQ(loads, 2);
    EXPECT_EQ(cache.bytes(), 1600u);
    a.reset();
    EXPECT_EQ(cache.bytes(), 800u);
    cache.drop_unused_since(KeyCache::Clock::now());
    EXPECT_EQ(cache.bytes(), 800u);
}

TEST_F(KeyCacheTest, UnusedOnesAreFreed) {
    KeyCache cache(1600);
    static_cast<void>(get(cache, "a"));
    cache.drop_unused_since(KeyCache::Clock::now() - std::chrono::hours(1));
    EXPECT_EQ(cache.bytes(), 800u);
    cache.drop_unused_since(KeyCache::Clock::now());
    EXPECT_EQ(cache.bytes(), 0u);
}

TEST_F(KeyCacheTest, WhatCannotBeLoadedTakesNothing) {
    KeyCache cache(800);
    const auto failed = cache.get("a", 800, []() -> Result<he::EvaluationKeys> {
        return Error{ErrorCode::UnknownKey, "gone"};
    });
    EXPECT_EQ(text_of(failed), "UNKNOWN_KEY: gone");
    EXPECT_EQ(cache.bytes(), 0u);
    EXPECT_THROW(static_cast<void>(cache.get("a", 800, []() -> Result<he::EvaluationKeys> { throw std::bad_alloc(); })),
                 std::bad_alloc);
    EXPECT_EQ(cache.bytes(), 0u);
    static_cast<void>(get(cache, "a"));
    EXPECT_EQ(cache.bytes(), 800u);
}

}  // namespace
}  // namespace einfer::test
