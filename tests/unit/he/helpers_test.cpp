// Cores lent to an evaluation: the answer is the same, and only one that is alone gets them.
#include "he/helpers.h"

#include "he/native_evaluator.h"
#include "he/seal_context.h"
#include "support/encryption.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <mutex>
#include <set>
#include <thread>

namespace einfer::test {
namespace {

class HelpersTest : public testing::Test {
protected:
    void SetUp() override { he::Helpers::set_threads(3); }
    void TearDown() override { he::Helpers::set_threads(1); }
};

/// Of twelve tasks; the first wait for a second thread when there should be one.
std::set<std::thread::id> threads_used(bool expect_others) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    std::mutex mutex;
    std::set<std::thread::id> seen;
    std::atomic<std::size_t> threads{0};
    he::Helpers::share_out(12, [&](std::size_t, std::size_t thread) {
        EXPECT_LT(thread, he::Helpers::threads());
        {
            const std::scoped_lock lock(mutex);
            seen.insert(std::this_thread::get_id());
            threads = seen.size();
        }
        while (expect_others && threads < 2 && std::chrono::steady_clock::now() < deadline) std::this_thread::yield();
    });
    return seen;
}

TEST_F(HelpersTest, AnEvaluationThatIsAloneGetsThem) {
    const he::Helpers::Evaluation one;
    EXPECT_GT(threads_used(true).size(), 1u);
}

TEST_F(HelpersTest, OneBesideAnotherKeepsToItsThread) {
    const he::Helpers::Evaluation one, another;
    EXPECT_EQ(threads_used(false), std::set{std::this_thread::get_id()});
}

TEST_F(HelpersTest, KeySwitchesComeToTheSame) {
    const he::Context context = make_context(8192, {50, 40, 40, 50});
    const auto evaluator = he::NativeEvaluator::create(context).value();
    seal::KeyGenerator generator(context.seal().context);
    seal::RelinKeys keys;
    generator.create_relin_keys(keys);
    const he::KeySwitchKey key = he::from_seal(context, keys.data()[0]);
    he::Ciphertext a{3, 3, 1024, {}};
    std::mt19937_64 random(1);
    for (std::size_t i = 0; i < 9 * 8192; ++i) a.words.push_back(random() % context.primes()[i / 8192 % 3]);
    const auto shared = evaluator->relinearize(a, key);
    he::Helpers::set_threads(1);
    const auto alone = evaluator->relinearize(a, key);
    ASSERT_TRUE(shared && alone);
    EXPECT_TRUE(shared->words == alone->words);
}

}  // namespace
}  // namespace einfer::test
