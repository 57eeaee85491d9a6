// What follows from encryption parameters is what SEAL makes of them.
#include "he/context.h"

#include "he/seal_context.h"
#include "protocol/model.h"
#include "support/encryption.h"

#include <gtest/gtest.h>

#include <sstream>

namespace einfer::test {
namespace {

struct Chain {
    std::size_t degree;
    std::vector<int> bits;
};

const Chain chains[] = {{2048, {27, 27}}, {4096, {36, 36, 37}}, {4096, {20, 20, 20, 20}}, {8192, {60, 40, 40, 60}}};

TEST(HeContext, PrimesAndLevelsAreSeals) {
    for (const auto& [degree, bits] : chains) {
        const he::Context context = make_context(degree, bits);
        EXPECT_EQ(context.poly_modulus_degree(), degree);
        EXPECT_EQ(context.slot_count(), degree / 2);
        EXPECT_EQ(context.data_prime_count(), bits.size() - 1);
        const auto expected = seal::CoeffModulus::Create(degree, bits);
        ASSERT_EQ(context.primes().size(), expected.size());
        for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(context.primes()[i], expected[i].value());

        seal::EncryptionParameters parameters(seal::scheme_type::ckks);
        parameters.set_poly_modulus_degree(degree);
        parameters.set_coeff_modulus(expected);
        const seal::SEALContext seals(parameters);
        EXPECT_EQ(context.key_parms_id(), seals.key_parms_id());
        std::size_t primes = context.data_prime_count();
        for (auto level = seals.first_context_data(); level; level = level->next_context_data(), --primes) {
            EXPECT_EQ(context.parms_id(primes), level->parms_id());
            const auto ours = context.level_primes(primes);
            ASSERT_EQ(ours.size(), level->parms().coeff_modulus().size());
            for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_EQ(ours[i], level->parms().coeff_modulus()[i].value());
        }
        EXPECT_EQ(primes, 0u) << "every level was seen";
        EXPECT_THROW(static_cast<void>(context.parms_id(bits.size() + 1)), std::out_of_range);
    }
}

TEST(HeContext, WhatSealRefusesIsInternal) {
    const Chain refused[] = {
        {4096, {36, 37, 37}},  // one bit beyond 128-bit security
        {1000, {30, 30}},     {0, {30, 30}}, {4096, {}},  {4096, {61, 30}},
        {4096, {1, 30}},      {4096, {-3}},  {512, {27}}, {65536, {60, 60}}, {32768, {20, 20, 60}},
    };
    for (const auto& [degree, bits] : refused) {
        const auto context = he::Context::create({degree, bits});
        EXPECT_EQ(text_of(context), "INTERNAL: the encryption parameters are not usable") << degree;
    }
}

/// A registry entry that passes must never fail later, when contexts are made; and a chain is refused only if SEAL
/// would.
TEST(HeContext, TheRegistrysChecksKnowWhatSealCanMake) {
    std::mt19937_64 random(5);
    int usable = 0, unusable = 0;
    for (int round = 0; round < 250; ++round) {
        protocol::ModelDescription model;
        model.encryption.poly_modulus_degree = std::size_t{4096} << random() % 4;
        model.encryption.scale = 1024;
        model.max_batch_size = 1;
        const int smallest = 20 + static_cast<int>(random() % 4);
        for (std::size_t left = 2 + random() % 8; left > 0; --left)
            model.encryption.coeff_modulus_bits.push_back(smallest + static_cast<int>(random() % 2));
        const auto fault = protocol::find_fault(model);
        if (fault && fault->reason.find("usable primes") == std::string::npos) continue;  // not secure
        bool seal_can = true;
        try {
            static_cast<void>(
                seal::CoeffModulus::Create(model.encryption.poly_modulus_degree, model.encryption.coeff_modulus_bits));
        } catch (const std::logic_error&) {
            seal_can = false;
        }
        EXPECT_EQ(!fault, seal_can) << model.encryption.poly_modulus_degree << ' ' << round;
        ++(seal_can ? usable : unusable);
    }
    EXPECT_GT(usable, 100);
    EXPECT_GT(unusable, 20);
}

TEST(HeContext, SeedsExpandAsSealLoadsThem) {
    for (const auto& [degree, bits] : chains) {
        const he::Context context = make_context(degree, bits);
        const keys::Session session = make_session(context, keys::EncryptionMode::Symmetric);
        const std::vector<std::uint8_t> bytes = session.encrypt(std::vector<double>{1.5, -2.25}, 1024).value();
        const wire::Ciphertext parsed = parse(bytes, context);
        ASSERT_TRUE(parsed.seed);

        seal::Ciphertext loaded;
        loaded.load(context.seal().context, reinterpret_cast<const seal::seal_byte*>(bytes.data()), bytes.size());
        const he::Ciphertext expected = he::from_seal(context, loaded);
        const he::Ciphertext ours = expand(parsed, context);
        EXPECT_EQ(ours.words, expected.words) << degree;
        for (std::size_t primes = 1; primes < context.data_prime_count(); ++primes) {
            std::vector<std::uint64_t> some(primes * degree);
            ASSERT_TRUE(context.expand_seed(*parsed.seed, primes, some));
            EXPECT_TRUE(std::equal(some.begin(), some.end(), ours.words.data() + ours.words.size() / 2)) << primes;
        }
        EXPECT_EQ(ours.prime_count, expected.prime_count);
        EXPECT_EQ(ours.scale, expected.scale);
    }
}

TEST(HeContext, BothGeneratorsAreKnownAndNoOther) {
    const he::Context context = make_context(2048, {27, 27});
    std::vector<std::uint64_t> words(2048), other(2048);
    wire::Seed seed{.generator = 1, .bytes = {}};
    ASSERT_TRUE(context.expand_seed(seed, words));
    seed.bytes[63] = 1;
    ASSERT_TRUE(context.expand_seed(seed, other));
    EXPECT_NE(words, other);
    seed = {.generator = 2, .bytes = {}};
    ASSERT_TRUE(context.expand_seed(seed, other));
    EXPECT_NE(words, other);
    for (const std::vector<std::uint64_t>& each : {words, other})
        EXPECT_TRUE(
            std::all_of(each.begin(), each.end(), [&](std::uint64_t word) { return word < context.primes()[0]; }));
    for (const int generator : {0, 3, 255}) {
        seed.generator = static_cast<std::uint8_t>(generator);
        EXPECT_EQ(code_of(context.expand_seed(seed, words)), "INVALID_CIPHERTEXT") << generator;
    }
    std::vector<std::uint64_t> short_by_one(2047);
    EXPECT_EQ(code_of(context.expand_seed({.generator = 1, .bytes = {}}, short_by_one)), "INTERNAL");
}

TEST(HeContext, CiphertextsGoToSealAndBack) {
    const he::Context context = make_context(4096, {36, 36, 37});
    const keys::Session session = make_session(context, keys::EncryptionMode::PublicKey);
    const he::Ciphertext ours = encrypt(session, {1, 2, 3}, 0x1p30);
    const seal::Ciphertext seals = he::to_seal(context, ours);
    EXPECT_TRUE(seal::is_valid_for(seals, context.seal().context));
    EXPECT_TRUE(seals.is_ntt_form());
    EXPECT_EQ(seals.correction_factor(), 1u);
    EXPECT_EQ(seals.parms_id(), context.parms_id(2));
    const he::Ciphertext again = he::from_seal(context, seals);
    EXPECT_EQ(again.words, ours.words);
    EXPECT_EQ(again.scale, ours.scale);
    EXPECT_EQ(again.size, 2u);
    EXPECT_EQ(again.prime_count, 2u);
}

}  // namespace
}  // namespace einfer::test
