// What SEAL writes is accepted, and what is accepted SEAL loads to the same words.
#include "unit/wire/keys_verdicts.h"

#include "wire/encryption_parameters.h"

namespace einfer::test {
namespace {

constexpr seal::compr_mode_type modes[] = {seal::compr_mode_type::none, seal::compr_mode_type::zlib,
                                           seal::compr_mode_type::zstd};
constexpr KeyKind kinds[] = {KeyKind::relinearization, KeyKind::galois};

Bytes compressed(const Bytes& bytes, seal::compr_mode_type mode) {
    return serialized(Bytes(bytes.begin() + 16, bytes.end()), static_cast<std::uint8_t>(mode), bytes[at::minor]);
}

TEST(EvaluationKeysOracle, WhatSealWritesIsAcceptedToTheSameWords) {
    for (const std::vector<int>& bits : {std::vector<int>{40, 40}, {30, 30, 40}, {40, 30, 30, 30, 50}}) {
        KeysOracle world(bits, {1, -1, 7, 0});
        for (const KeyKind kind : kinds)
            for (const bool seeded : {false, true}) {
                const Bytes bytes = world.make(kind, seeded);
                const auto seals = world.load(kind, bytes).value();
                for (const auto mode : modes) {
                    KeptKeys kept(world.polynomial_words());
                    const auto report = parse_keys_every_way(kind, compressed(bytes, mode), world.rules(), kept);
                    ASSERT_EQ(text_of(report), "OK");
                    const std::size_t keys = kind == KeyKind::relinearization ? 1 : 4;
                    EXPECT_EQ(report->seal_minor, SEAL_VERSION_MINOR);
                    EXPECT_EQ(report->keys, keys);
                    EXPECT_EQ(report->seeded_digits, seeded ? keys * (bits.size() - 1) : 0);
                    EXPECT_EQ(report->full_digits, seeded ? 0 : keys * (bits.size() - 1));
                    EXPECT_TRUE(world.same(kept, seals));
                    EXPECT_TRUE(std::ranges::is_sorted(kept.keys, {}, &KeptKeys::Key::element));
                }
            }
    }
}

TEST(EvaluationKeysOracle, SealsOwnCompressionIsAccepted) {
    KeysOracle world;
    seal::RelinKeys relin_keys;
    world.oracle.keys().create_relin_keys(relin_keys);
    for (const auto mode : modes) {
        EXPECT_EQ(text_of(parse_keys_every_way(KeyKind::relinearization, saved(relin_keys, mode), world.rules())),
                  "OK");
        EXPECT_EQ(text_of(parse_keys_every_way(KeyKind::galois,
                                               saved(world.oracle.keys().create_galois_keys(std::vector{1, -1}), mode),
                                               world.rules())),
                  "OK");
    }
}

TEST(EvaluationKeysOracle, FullAndSeededEntriesMayBeMixed) {
    KeysOracle world;
    for (const KeyKind kind : kinds) {
        const Bytes seeded = world.make(kind, true);
        const auto seals = world.load(kind, seeded).value();
        for (const std::size_t expanded : {0, 1}) {  // the entry that loses its seed
            KeysFields fields = KeysFields::of(seeded);
            std::size_t rows = 0;
            for (std::size_t row = 0; row < fields.rows.size(); ++row)
                if (!fields.rows[row].empty()) {
                    fields.rows[row][expanded] = saved(seals[row][expanded]);
                    ++rows;
                }
            const Bytes mixed = fields.serialize();
            for (const auto mode : modes) {
                KeptKeys kept(world.polynomial_words());
                const auto report = parse_keys_every_way(kind, compressed(mixed, mode), world.rules(), kept);
                ASSERT_EQ(text_of(report), "OK");
                EXPECT_EQ(report->full_digits, rows);
                EXPECT_EQ(report->seeded_digits, rows);
                EXPECT_TRUE(world.same(kept, world.load(kind, mixed).value()));
            }
        }
    }
}

TEST(EvaluationKeysOracle, EveryMinorIsAccepted) {
    KeysOracle world;
    for (const KeyKind kind : kinds)
        for (const bool seeded : {false, true}) {
            const Bytes own = world.make(kind, seeded);
            const auto seals = world.load(kind, own).value();
            for (std::uint8_t minor = 0; minor <= wire::max_seal_minor; ++minor) {
                const Bytes bytes = keys_with_minor(own, minor);
                EXPECT_EQ(keys_with_minor(bytes, SEAL_VERSION_MINOR), own);
                KeptKeys kept(world.polynomial_words());
                const auto report = parse_keys_every_way(kind, bytes, world.rules(), kept);
                ASSERT_EQ(text_of(report), "OK");
                EXPECT_EQ(report->seal_minor, minor);
                EXPECT_TRUE(world.same(kept, seals));
            }
        }
}

TEST(EvaluationKeysOracle, TheRowsAscendWithTheElements) {
    // Every power of two, as for all rotations, and the elements in whatever order the steps have.
    KeysOracle world({40, 40}, {1, 2, 4, 8, 16, 32, 64, 128, 256, -1, -2, -4});
    KeptKeys kept(world.polynomial_words());
    const Bytes bytes = world.make(KeyKind::galois, true);
    ASSERT_EQ(text_of(parse_keys_every_way(KeyKind::galois, bytes, world.rules(), kept)), "OK");
    std::vector<std::uint32_t> elements;
    for (const auto& key : kept.keys) elements.push_back(key.element);
    EXPECT_EQ(elements, world.elements());
    // Fewer or more than wanted.
    EXPECT_EQ(
        verdict(parse_keys_every_way(KeyKind::galois, world.make(KeyKind::galois, true, {1, 2, 4}), world.rules())),
        incompatible_ciphertext);
    KeysOracle less({40, 40}, {1, 2});
    EXPECT_EQ(verdict(parse_keys_every_way(KeyKind::galois, less.make(KeyKind::galois, true, {1, 2, 4}), less.rules())),
              invalid_ciphertext);
}

TEST(EvaluationKeysOracle, KeysOfOtherParametersDoNotFit) {
    KeysOracle world({30, 30, 40}), other({30, 40, 40}), longer({30, 30, 30, 40});
    for (KeysOracle* const foreign : {&other, &longer})
        for (const KeyKind kind : kinds)
            for (const bool seeded : {false, true}) {
                const auto result = parse_keys_every_way(kind, foreign->make(kind, seeded), world.rules());
                EXPECT_EQ(verdict(result), incompatible_ciphertext) << text_of(result);
                EXPECT_EQ(detail_of(result.error(), "field"), "parms_id");
            }
}

/// Random damage: what is still accepted, SEAL loads to the same words.
TEST(EvaluationKeysOracle, MutationsThatAreAcceptedSealLoadsToTheSameWords) {
    KeysOracle world({40, 40}, {1, 3});
    std::mt19937_64 random(20240301 + static_cast<std::uint64_t>(GTEST_FLAG_GET(random_seed)));
    std::size_t accepted_ones = 0, refused_ones = 0;
    std::vector<std::pair<KeyKind, Bytes>> honest;
    for (const KeyKind kind : kinds)
        for (const bool seeded : {false, true}) honest.emplace_back(kind, world.make(kind, seeded));
    for (int round = 0; round < 4000; ++round) {
        auto [kind, bytes] = honest[random() % honest.size()];
        for (auto left = 1 + random() % 2; left > 0; --left) {
            const std::size_t where =
                random() % 3 == 0 ? random() % std::min<std::size_t>(bytes.size(), 240) : random() % bytes.size();
            switch (random() % 6) {
                case 0: bytes[where] = static_cast<std::uint8_t>(random()); break;
                case 1: bytes.resize(where); break;
                case 2: bytes.insert(bytes.begin() + static_cast<std::ptrdiff_t>(where), 1 + random() % 9, 0); break;
                case 3:
                    if (bytes.size() >= 16) patch<std::uint64_t>(bytes, at::object_size, bytes.size());
                    break;
                default: bytes[where] ^= static_cast<std::uint8_t>(1u << random() % 8); break;
            }
            if (bytes.size() < 20) break;
        }
        const auto mode = modes[random() % 3];
        if (mode != seal::compr_mode_type::none && bytes.size() > 16) bytes = compressed(bytes, mode);
        KeptKeys kept(world.polynomial_words()), other(world.polynomial_words());
        const auto whole =
            parse_keys_in_chunks(kind, bytes, world.rules(), kept, nullptr, [&] { return bytes.size(); });
        const auto cut =
            parse_keys_in_chunks(kind, bytes, world.rules(), other, nullptr, [&] { return 1 + random() % 3000; });
        ASSERT_EQ(text_of(whole), text_of(cut)) << "round " << round;
        if (!whole) {
            ++refused_ones;
            continue;
        }
        ++accepted_ones;
        Bytes own = bytes;
        if (own[at::minor] != SEAL_VERSION_MINOR) continue;
        const auto seals = world.load(kind, own);
        ASSERT_TRUE(seals) << "round " << round;
        ASSERT_TRUE(world.same(kept, *seals)) << "round " << round;
    }
    EXPECT_GT(accepted_ones, 200U);
    EXPECT_GT(refused_ones, 1000U);
}

TEST(EvaluationKeysOracle, SizesAreThoseThatSealWrites) {
    for (const std::vector<int>& bits : {std::vector<int>{36, 37}, {30, 30, 40}}) {
        KeysOracle world(bits, {1, 2, -5});
        const std::size_t n = Oracle::degree, k = bits.size();
        EXPECT_EQ(wire::relin_keys_size(n, k), world.make(KeyKind::relinearization, false).size());
        EXPECT_EQ(wire::seeded_relin_keys_size(n, k), world.make(KeyKind::relinearization, true).size());
        EXPECT_EQ(wire::galois_keys_size(n, k, 3), world.make(KeyKind::galois, false).size());
        EXPECT_EQ(wire::seeded_galois_keys_size(n, k, 3), world.make(KeyKind::galois, true).size());
    }
}

}  // namespace
}  // namespace einfer::test
