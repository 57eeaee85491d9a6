// What SEAL writes we accept; what we accept SEAL loads to the same words; what we write is what SEAL writes.
#include "unit/wire/oracle.h"

#include "unit/wire/compressed.h"
#include "unit/wire/verdicts.h"

#include <seal/util/rlwe.h>

namespace einfer::test {
namespace {

constexpr seal::compr_mode_type modes[] = {seal::compr_mode_type::none, seal::compr_mode_type::zlib,
                                           seal::compr_mode_type::zstd};

TEST(Oracle, WhatSealWritesIsAcceptedToTheSameWords) {
    const Oracle oracle;
    for (const auto mode : modes) {
        const seal::Ciphertext full = oracle.encrypt();
        const Bytes bytes = saved(full, mode);
        ASSERT_EQ(bytes[at::compression], static_cast<std::uint8_t>(mode));
        const auto parsed = parse_every_way(bytes, oracle.limits());
        ASSERT_EQ(verdict(parsed), accepted);
        EXPECT_EQ(parsed->seal_minor, SEAL_VERSION_MINOR);
        EXPECT_FALSE(parsed->seed);
        EXPECT_TRUE(same(*parsed, full));
        EXPECT_EQ(verdict(wire::check_ciphertext(*parsed, oracle.rules())), accepted);

        const Bytes seeded_bytes = saved(oracle.encrypt_seeded(), mode);
        const auto seeded = parse_every_way(seeded_bytes, oracle.limits());
        ASSERT_EQ(verdict(seeded), accepted);
        EXPECT_TRUE(seeded->seed);
        EXPECT_TRUE(same(*seeded, oracle.load(seeded_bytes).value()));
        EXPECT_EQ(verdict(wire::check_ciphertext(*seeded, oracle.rules())), accepted);
    }
}

TEST(Oracle, TheSeedIsTheOneThatSealExpands) {
    const Oracle oracle;
    const Bytes bytes = saved(oracle.encrypt_seeded());
    const auto parsed = wire::parse_ciphertext(bytes, oracle.limits());
    const seal::Ciphertext loaded = oracle.load(bytes).value();

    seal::prng_seed_type seed;
    std::memcpy(seed.data(), parsed->seed->bytes.data(), sizeof seed);
    const seal::UniformRandomGeneratorInfo info(static_cast<seal::prng_type>(parsed->seed->generator), seed);
    std::vector<std::uint64_t> second(loaded.poly_modulus_degree() * loaded.coeff_modulus_size());
    seal::util::sample_poly_uniform(info.make_prng(), oracle.context().first_context_data()->parms(), second.data());
    EXPECT_TRUE(std::equal(second.begin(), second.end(), loaded.data(1)));
}

TEST(Oracle, EveryMinorIsAcceptedAndLoadsOncePatchedBack) {
    const Oracle oracle;
    for (const Bytes& own : {saved(oracle.encrypt()), saved(oracle.encrypt_seeded())}) {
        const seal::Ciphertext expected = oracle.load(own).value();
        for (std::uint8_t minor = 0; minor <= wire::max_seal_minor; ++minor) {
            Bytes bytes = own;
            bytes[at::minor] = minor;
            bytes[at::words_header + at::minor] = minor;
            if (own.size() < wire::serialized_size(2, Oracle::degree, 3))
                bytes[at::words + 8 * Oracle::degree * 3 + at::minor] = minor;
            EXPECT_EQ(with_own_minor(bytes), own);
            for (const std::uint8_t compression : {none, zlib, zstd}) {
                const Bytes body(bytes.begin() + 16, bytes.end());
                const auto parsed = parse_every_way(serialized(body, compression, minor), oracle.limits());
                ASSERT_EQ(verdict(parsed), accepted);
                EXPECT_EQ(parsed->seal_minor, minor);
                EXPECT_TRUE(same(*parsed, expected));
            }
        }
    }
}

TEST(Oracle, ObjectsOfOtherKindsAreRefused) {
    Oracle oracle;
    seal::PublicKey public_key;
    oracle.keys().create_public_key(public_key);
    seal::RelinKeys relin_keys;
    oracle.keys().create_relin_keys(relin_keys);
    seal::GaloisKeys galois_keys;
    oracle.keys().create_galois_keys(std::vector<int>{1}, galois_keys);
    wire::ParserLimits wide{.max_serialized_bytes = 64 << 20, .max_words = 8 << 20};
    for (const auto mode : modes) {
        EXPECT_EQ(verdict(parse_every_way(saved(relin_keys, mode), wide)), invalid_ciphertext);
        EXPECT_EQ(verdict(wire::parse_ciphertext(saved(galois_keys, mode), wide)), invalid_ciphertext);
        EXPECT_EQ(verdict(parse_every_way(saved(oracle.context().key_context_data()->parms(), mode), wide)),
                  invalid_ciphertext);
        // A public key is a well-formed ciphertext, one level too high for the limits, and for the rules in any case.
        EXPECT_EQ(verdict(parse_every_way(saved(public_key, mode), oracle.limits())),
                  mode == seal::compr_mode_type::none ? payload_too_large : invalid_ciphertext);
        const auto parsed = parse_every_way(saved(public_key, mode), wide);
        ASSERT_EQ(verdict(parsed), accepted);
        EXPECT_EQ(verdict(wire::check_ciphertext(*parsed, oracle.rules())), invalid_ciphertext);
    }
}

TEST(Oracle, BfvAndBgvCiphertextsAreRefused) {
    const Oracle oracle;
    for (const auto scheme : {seal::scheme_type::bfv, seal::scheme_type::bgv}) {
        seal::EncryptionParameters parms(scheme);
        parms.set_poly_modulus_degree(1024);
        parms.set_coeff_modulus(seal::CoeffModulus::Create(1024, {40, 30, 30, 40}));
        parms.set_plain_modulus(65537);
        const seal::SEALContext context(parms, true, seal::sec_level_type::none);
        seal::KeyGenerator keys(context);
        const seal::Encryptor encryptor(context, keys.secret_key());
        seal::Ciphertext ciphertext;
        encryptor.encrypt_symmetric(seal::Plaintext("1x^1 + 2"), ciphertext);
        for (const auto mode : modes) {
            const auto parsed = parse_every_way(saved(ciphertext, mode), oracle.limits());
            const auto result = parsed ? verdict(wire::check_ciphertext(*parsed, oracle.rules())) : verdict(parsed);
            EXPECT_EQ(result, invalid_ciphertext);
        }
    }
}

TEST(Oracle, TransparentCiphertextsAreRefused) {
    const Oracle oracle;
    seal::Ciphertext ciphertext = oracle.encrypt();
    std::fill(ciphertext.data(1), ciphertext.data(1) + Oracle::degree * 3, 0);
    const auto parsed = parse_every_way(saved(ciphertext), oracle.limits());
    ASSERT_EQ(verdict(parsed), accepted);
    EXPECT_EQ(verdict(wire::check_ciphertext(*parsed, oracle.rules())), invalid_ciphertext);
}

TEST(Writer, WritesWhatSealWritesAtEveryLevelAndSize) {
    Oracle oracle;
    const seal::Evaluator evaluator(oracle.context());
    const seal::Ciphertext two = oracle.encrypt();
    seal::Ciphertext three;
    evaluator.multiply(two, two, three);
    three.scale() = Oracle::scale;  // so that it still fits the last level
    for (seal::Ciphertext ciphertext : {two, three}) {
        for (;;) {
            const std::size_t words = ciphertext.size() * Oracle::degree * ciphertext.coeff_modulus_size();
            wire::CiphertextView view{.seal_minor = SEAL_VERSION_MINOR,
                                      .parms_id = ciphertext.parms_id(),
                                      .size = ciphertext.size(),
                                      .poly_modulus_degree = Oracle::degree,
                                      .coeff_modulus_size = ciphertext.coeff_modulus_size(),
                                      .scale = ciphertext.scale(),
                                      .words = {ciphertext.data(), words}};
            const Bytes own = wire::write_ciphertext(view);
            EXPECT_EQ(own, saved(ciphertext));
            EXPECT_EQ(own.size(),
                      wire::serialized_size(ciphertext.size(), Oracle::degree, ciphertext.coeff_modulus_size()));
            for (std::uint8_t minor = 0; minor <= wire::max_seal_minor; ++minor) {
                view.seal_minor = minor;
                const Bytes bytes = wire::write_ciphertext(view);
                const auto parsed = parse_every_way(bytes, oracle.limits(3));
                ASSERT_EQ(verdict(parsed), accepted);
                EXPECT_EQ(parsed->seal_minor, minor);
                EXPECT_TRUE(same(*parsed, ciphertext));
                auto rules = oracle.rules(ciphertext.parms_id());
                rules.scale = ciphertext.scale();
                EXPECT_EQ(verdict(wire::check_ciphertext(*parsed, rules)), accepted);
                const auto loaded = oracle.load(with_own_minor(bytes));
                ASSERT_TRUE(loaded);
                EXPECT_TRUE(same(*parsed, *loaded));
            }
            if (ciphertext.coeff_modulus_size() == 1) break;
            evaluator.mod_switch_to_next_inplace(ciphertext);
        }
    }
}

}  // namespace
}  // namespace einfer::test
