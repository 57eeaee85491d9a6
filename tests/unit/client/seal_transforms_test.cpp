// SEAL's transforms on our kernels give what SEAL gives. A context without tables has SEAL's own, in the same program.
#include "he/seal_context.h"
#include "keys/session.h"
#include "keys/transform_tables.h"
#include "support/encryption.h"

#include <seal/util/ntt.h>

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <thread>
#include <vector>

namespace einfer::test {
namespace {

using keys::register_tables;
using keys::transforms_on_kernels;
using Words = std::vector<std::uint64_t>;

/// Primes for 52-bit products and wider ones; no other test has these.
class SealTransformsTest : public testing::Test {
protected:
    void SetUp() override {
        for (const std::uint64_t prime : context.primes())
            ASSERT_EQ(keys::find_tables(context.poly_modulus_degree(), prime), nullptr);
    }

    /// The four functions on each prime's random words, lazy results made canonical.
    [[nodiscard]] std::vector<Words> transform_all() const {
        std::vector<Words> results;
        std::mt19937_64 random(11);
        const auto key_level = context.seal().context.key_context_data();
        for (std::size_t i = 0; i < context.primes().size(); ++i) {
            const std::uint64_t p = context.primes()[i];
            const seal::util::NTTTables& tables = key_level->small_ntt_tables()[i];
            const auto add = [&](std::uint64_t bound,
                                 void (*transform)(seal::util::CoeffIter, const seal::util::NTTTables&)) {
                Words words(context.poly_modulus_degree());
                for (std::uint64_t& word : words) word = random() % bound;
                words[0] = bound - 1;
                transform(words.data(), tables);
                for (std::uint64_t& word : words) word %= p;
                results.push_back(std::move(words));
            };
            add(p, seal::util::ntt_negacyclic_harvey);
            add(4 * p, seal::util::ntt_negacyclic_harvey_lazy);
            add(p, seal::util::inverse_ntt_negacyclic_harvey);
            add(2 * p, seal::util::inverse_ntt_negacyclic_harvey);
            add(2 * p, seal::util::inverse_ntt_negacyclic_harvey_lazy);
        }
        return results;
    }

    static constexpr double scale = 0x1p40;
    const he::Context context = make_context(8192, {60, 50, 41, 60});
};

TEST_F(SealTransformsTest, AllFourAreTheSameWords) {
    const std::uint64_t before = transforms_on_kernels();
    const auto seals = transform_all();
    EXPECT_EQ(transforms_on_kernels(), before);
    const auto tables = register_tables(context);
    ASSERT_EQ(tables.size(), context.primes().size());
    EXPECT_TRUE(seals == transform_all());
    EXPECT_EQ(transforms_on_kernels(), before + seals.size());
}

TEST_F(SealTransformsTest, CanonicalResultsNeedNoReduction) {
    const auto tables = register_tables(context);
    const auto key_level = context.seal().context.key_context_data();
    for (std::size_t i = 0; i < context.primes().size(); ++i) {
        const std::uint64_t p = context.primes()[i];
        Words words(context.poly_modulus_degree(), p - 1);
        seal::util::ntt_negacyclic_harvey(words.data(), key_level->small_ntt_tables()[i]);
        EXPECT_LT(*std::max_element(words.begin(), words.end()), p);
        seal::util::inverse_ntt_negacyclic_harvey(words.data(), key_level->small_ntt_tables()[i]);
        EXPECT_EQ(words, Words(context.poly_modulus_degree(), p - 1));
    }
}

TEST_F(SealTransformsTest, EncodingsAreTheSameWords) {
    seal::CKKSEncoder encoder(context.seal().context);
    std::mt19937_64 random(12);
    const std::vector<double> values = random_values(context.slot_count(), 8, random);
    seal::Plaintext seals, ours;
    encoder.encode(values, scale, seals);
    const std::uint64_t before = transforms_on_kernels();
    const auto tables = register_tables(context);
    encoder.encode(values, scale, ours);
    EXPECT_EQ(transforms_on_kernels(), before + context.data_prime_count());
    ASSERT_EQ(ours.coeff_count(), seals.coeff_count());
    EXPECT_TRUE(std::equal(ours.data(), ours.data() + ours.coeff_count(), seals.data()));
}

/// Keys and ciphertexts made on our kernels are SEAL's to SEAL's own arithmetic.
TEST_F(SealTransformsTest, UnmodifiedSealDecrypts) {
    const seal::SEALContext& parameters = context.seal().context;
    seal::CKKSEncoder encoder(parameters);
    std::mt19937_64 random(13);
    std::vector<double> values = random_values(context.slot_count(), 8, random);
    seal::SecretKey secret;
    seal::Ciphertext symmetric, asymmetric;
    {
        const std::uint64_t before = transforms_on_kernels();
        const auto tables = register_tables(context);
        seal::KeyGenerator generator(parameters);
        secret = generator.secret_key();
        seal::PublicKey key;
        generator.create_public_key(key);
        const seal::Encryptor encryptor(parameters, key, secret);
        seal::Plaintext plain;
        encoder.encode(values, scale, plain);
        encryptor.encrypt(plain, asymmetric);
        encryptor.encrypt_symmetric(plain, symmetric);
        EXPECT_GE(transforms_on_kernels(), before + 4 * context.data_prime_count());
    }
    const std::uint64_t before = transforms_on_kernels();
    seal::Decryptor decryptor(parameters, secret);
    for (const seal::Ciphertext& each : {symmetric, asymmetric}) {
        seal::Plaintext plain;
        std::vector<double> decoded;
        decryptor.decrypt(each, plain);
        encoder.decode(plain, decoded);
        EXPECT_LE(max_abs_diff(decoded, values), 1e-4);
    }
    EXPECT_EQ(transforms_on_kernels(), before);
}

TEST_F(SealTransformsTest, ASessionHasThem) {
    for (const keys::EncryptionMode mode : {keys::EncryptionMode::Symmetric, keys::EncryptionMode::PublicKey}) {
        const keys::Session session = make_session(context, mode);
        const std::uint64_t before = transforms_on_kernels();
        const he::Ciphertext ciphertext = encrypt(session, {1.5, -2.25}, scale);
        EXPECT_GE(transforms_on_kernels(), before + 2 * context.data_prime_count());
        EXPECT_LE(max_abs_diff(session.decrypt(ciphertext, 2).value(), std::vector<double>{1.5, -2.25}), 1e-4);
    }
}

/// Sessions of one context share tables, and those in use stay when others end.
TEST_F(SealTransformsTest, SessionsComeAndGo) {
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
        threads.emplace_back([&] {
            for (int round = 0; round < 3; ++round) {
                const keys::Session session = make_session(context, keys::EncryptionMode::Symmetric);
                const he::Ciphertext ciphertext = encrypt(session, {3.5}, scale);
                EXPECT_LE(max_abs_diff(session.decrypt(ciphertext, 1).value(), std::vector<double>{3.5}), 1e-4);
            }
        });
    for (std::thread& thread : threads) thread.join();
    for (const std::uint64_t prime : context.primes())
        EXPECT_EQ(keys::find_tables(context.poly_modulus_degree(), prime), nullptr);
}

}  // namespace
}  // namespace einfer::test
