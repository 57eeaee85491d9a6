// Encrypt, check as the server does, decrypt.
#include "keys/session.h"

#include "keys/transform_tables.h"
#include "support/encryption.h"
#include "support/seal_bytes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <thread>
#include <vector>

namespace einfer::test {
namespace {

using keys::EncryptionMode;

class SessionTest : public testing::TestWithParam<EncryptionMode> {
protected:
    static constexpr double scale = 0x1p30;
    const he::Context context = make_context(4096, {36, 36, 37});
};

/// What is an oracle here must not be what it judges: only the client has SEAL's transforms on our kernels.
TEST_P(SessionTest, SealIsUnmodifiedInThisProgram) {
    const keys::Session session = make_session(context, GetParam());
    ASSERT_TRUE(session.encrypt(std::vector<double>{1.5}, scale));
    EXPECT_EQ(keys::transforms_on_kernels(), 0u);
}

TEST_P(SessionTest, ValuesComeBack) {
    const keys::Session session = make_session(context, GetParam());
    EXPECT_EQ(session.context().poly_modulus_degree(), 4096u);
    std::mt19937_64 random(7);
    for (const std::size_t count : {std::size_t{1}, std::size_t{2}, std::size_t{17}, context.slot_count()}) {
        std::vector<double> values = random_values(count, 8, random);
        const auto bytes = session.encrypt(values, scale);
        ASSERT_TRUE(bytes);
        const wire::Ciphertext parsed = parse(*bytes, context);
        EXPECT_EQ(text_of(wire::check_ciphertext(parsed, rules_of(context, scale))), "OK");
        EXPECT_EQ(parsed.seed.has_value(), GetParam() == EncryptionMode::Symmetric);
        EXPECT_EQ(parsed.seal_minor, keys::seal_minor_version());
        const auto decrypted = session.decrypt(expand(parsed, context), context.slot_count());
        ASSERT_TRUE(decrypted);
        values.resize(context.slot_count());  // the other slots are zero
        EXPECT_LE(max_abs_diff(*decrypted, values), 1e-4);
        const auto first = session.decrypt(expand(parsed, context), count);
        ASSERT_EQ(first->size(), count);
    }
}

TEST_P(SessionTest, SizesAreExact) {
    const keys::Session session = make_session(context, GetParam());
    const std::size_t full = wire::serialized_size(2, 4096, 2);
    const std::size_t size = session.encrypt(std::vector<double>{1}, scale)->size();
    if (GetParam() == EncryptionMode::PublicKey)
        EXPECT_EQ(size, full);
    else
        EXPECT_EQ(size, wire::serialized_size(1, 4096, 2) + 81);
    EXPECT_EQ(session.encrypted_size(), size);
    for (const std::size_t other : {std::size_t{0}, size - 1, size + 1}) {
        std::vector<std::uint8_t> bytes(other);
        EXPECT_FALSE(session.encrypt(std::vector<double>{1}, scale, bytes));
    }
}

TEST_P(SessionTest, ThreadsMayEncryptAtTheSameTime) {
    const keys::Session session = make_session(context, GetParam());
    std::vector<std::vector<std::uint8_t>> encrypted(12, std::vector<std::uint8_t>(session.encrypted_size()));
    std::vector<std::thread> threads;
    for (std::size_t t = 0; t < 3; ++t)
        threads.emplace_back([&, t] {
            for (std::size_t i = t; i < encrypted.size(); i += 3)
                EXPECT_TRUE(session.encrypt(std::vector{static_cast<double>(i)}, scale, encrypted[i]));
        });
    for (std::thread& thread : threads) thread.join();
    for (std::size_t i = 0; i < encrypted.size(); ++i) {  // after the threads: nothing of theirs is needed
        const auto decrypted = session.decrypt(expand(parse(encrypted[i], context), context), 1);
        EXPECT_NEAR(decrypted->front(), static_cast<double>(i), 1e-4);
    }
}

TEST_P(SessionTest, EncryptionIsProbabilistic) {
    const keys::Session session = make_session(context, GetParam());
    const std::vector<double> values{1, 2, 3};
    EXPECT_NE(*session.encrypt(values, scale), *session.encrypt(values, scale));
}

TEST_P(SessionTest, EachHasItsOwnKey) {
    const keys::Session session = make_session(context, GetParam()), other = make_session(context, GetParam());
    const he::Ciphertext ciphertext = encrypt(session, {1, 2, 3}, scale);
    EXPECT_GT(std::abs(other.decrypt(ciphertext, 1)->front() - 1), 1000);
}

TEST_P(SessionTest, ValuesThatDoNotFitAreRefusedWithoutDetail) {
    const keys::Session session = make_session(context, GetParam());
    const std::vector<double> bad[] = {{1e300},        {0x1p60},
                                       {-0x1p60},      {1, std::numeric_limits<double>::infinity()},
                                       {std::nan("")}, std::vector<double>(2049, 1.0)};
    for (const auto& values : bad)
        EXPECT_EQ(text_of(session.encrypt(values, scale)),
                  "INTERNAL: encryption failed: a value is too large for the model's parameters");
    EXPECT_FALSE(session.encrypt(std::vector<double>{1}, 0x1p100));
    EXPECT_FALSE(session.encrypt(std::vector<double>{1}, 0));
}

TEST_P(SessionTest, SurvivesAMove) {
    keys::Session session = make_session(context, GetParam());
    const he::Ciphertext ciphertext = encrypt(session, {42}, scale);
    const keys::Session moved = std::move(session);
    EXPECT_NEAR(moved.decrypt(ciphertext, 1)->front(), 42, 1e-4);
}

INSTANTIATE_TEST_SUITE_P(Modes, SessionTest, testing::Values(EncryptionMode::Symmetric, EncryptionMode::PublicKey),
                         [](const auto& instance) {
                             return instance.param == EncryptionMode::Symmetric ? "Symmetric" : "PublicKey";
                         });

}  // namespace
}  // namespace einfer::test
