// Random damage: whatever we still accept, SEAL must load to the same words, and any chunking must agree.
#include "unit/wire/compressed.h"
#include "unit/wire/oracle.h"
#include "unit/wire/verdicts.h"

#include <array>
#include <random>

namespace einfer::test {
namespace {

class Mutator {
public:
    explicit Mutator(std::uint64_t seed) : random_(seed) {}

    std::uint64_t below(std::uint64_t bound) {
        return std::uniform_int_distribution<std::uint64_t>(0, bound - 1)(random_);
    }

    /// One to three changes, half of them among the fields at the front.
    void damage(Bytes& bytes) {
        for (auto left = 1 + below(3); left > 0 && bytes.size() > 16; --left) damage_once(bytes);
    }

private:
    std::size_t position(const Bytes& bytes) {
        switch (below(4)) {
            case 0:
            case 1: return below(std::min<std::size_t>(bytes.size(), 130));
            case 2: return bytes.size() - 1 - below(std::min<std::size_t>(bytes.size(), 90));
            default: return below(bytes.size());
        }
    }

    std::uint64_t interesting() {
        constexpr std::array<std::uint64_t, 20> values{0,    1,          2,          3,          4,          16,   17,
                                                       24,   81,         97,         1023,       1024,       2048, 3072,
                                                       6144, 1ULL << 30, 1ULL << 34, 1ULL << 61, 1ULL << 63, ~0ULL};
        return values[below(values.size())];
    }

    void damage_once(Bytes& bytes) {
        const std::size_t where = position(bytes);
        const auto iterator = bytes.begin() + static_cast<std::ptrdiff_t>(where);
        switch (below(8)) {
            case 0: bytes[where] ^= static_cast<std::uint8_t>(1U << below(8)); break;
            case 1: bytes[where] = static_cast<std::uint8_t>(below(256)); break;
            case 2:
                if (where + 8 <= bytes.size()) patch(bytes, where, interesting());
                break;
            case 3:
                if (where + 8 <= bytes.size()) {
                    const std::uint64_t step = below(2) == 0 ? 1 : ~std::uint64_t{0};
                    patch(bytes, where, peek<std::uint64_t>(bytes, where) + step);
                }
                break;
            case 4: bytes.resize(where); break;
            case 5: bytes.insert(iterator, 1 + below(20), static_cast<std::uint8_t>(below(256))); break;
            case 6:
                bytes.erase(iterator,
                            iterator + static_cast<std::ptrdiff_t>(std::min(below(20), bytes.size() - where)));
                break;
            default:  // fit the declared size to the length, so that what is behind it is looked at
                patch<std::uint64_t>(bytes, at::object_size, bytes.size());
                break;
        }
    }

    std::mt19937_64 random_;
};

/// What SEAL can load: this SEAL's minor in every header, which inside compressed bodies means to inflate them.
Bytes for_seal(const Bytes& bytes) {
    if (bytes[at::compression] == none) return with_own_minor(bytes);
    const std::span compressed = std::span(bytes).subspan(16);
    Bytes body(200000);
    if (bytes[at::compression] == zlib) {
        uLongf size = body.size();
        EXPECT_EQ(uncompress(body.data(), &size, compressed.data(), compressed.size()), Z_OK);
        body.resize(size);
    } else {
        const std::size_t size = ZSTD_decompress(body.data(), body.size(), compressed.data(), compressed.size());
        EXPECT_EQ(ZSTD_isError(size), 0U);
        body.resize(size);
    }
    return with_own_minor(with_header(body, SEAL_VERSION_MINOR));
}

TEST(Mutations, WhatIsAcceptedSealLoadsToTheSameWords) {
    const Oracle oracle({30, 30, 40});
    auto rules = oracle.rules();
    MemoryBudget budget(1 << 20);
    auto limits = oracle.limits(3);
    limits.budget = &budget;
    const Bytes plain[] = {saved(oracle.encrypt()), saved(oracle.encrypt_seeded())};
    std::vector<std::array<Bytes, 3>> honest;  // by compression
    for (const Bytes& bytes : plain) {
        const Bytes body(bytes.begin() + 16, bytes.end());
        honest.push_back(
            {bytes, serialized(body, zlib, SEAL_VERSION_MINOR), serialized(body, zstd, SEAL_VERSION_MINOR)});
    }

    // Fixed, unless --gtest_random_seed asks for others.
    Mutator mutator(20240229 + static_cast<std::uint64_t>(GTEST_FLAG_GET(random_seed)));
    std::size_t parsed_ones = 0, fitting_ones = 0, refused_ones = 0;
    constexpr std::size_t rounds = 20000;
    for (std::size_t round = 0; round < rounds; ++round) {
        const auto compression = static_cast<std::uint8_t>(round % 3);
        const bool inside = round % 4 == 0 && compression != none;
        Bytes bytes = honest[mutator.below(2)][inside ? none : compression];
        mutator.damage(bytes);
        if (inside) {
            const auto header = static_cast<std::ptrdiff_t>(std::min<std::size_t>(16, bytes.size()));
            const Bytes body(bytes.begin() + header, bytes.end());
            bytes = compression == zstd ? serialized(body, zstd, SEAL_VERSION_MINOR)
                                        : with_header(deflated(body, {.level = 1}), SEAL_VERSION_MINOR, zlib);
        }

        const auto result = wire::parse_ciphertext(bytes, limits);
        expect_same(result, parse_in_chunks(bytes, limits, [&] { return std::size_t{1} + mutator.below(3000); }),
                    bytes);
        if (!result) {
            EXPECT_NE(verdict(result), overloaded);
            EXPECT_EQ(budget.used(), 0U);
            ++refused_ones;
            continue;
        }
        ++parsed_ones;
        EXPECT_LE(budget.used(), 8 * limits.max_words);
        rules.scale = result->scale;  // any parsed scale is SEAL's business too
        if (!wire::check_ciphertext(*result, rules)) continue;
        ++fitting_ones;
        const auto loaded = oracle.load(for_seal(bytes));
        ASSERT_TRUE(loaded) << "round " << round;
        ASSERT_TRUE(same(*result, *loaded)) << "round " << round;
        ASSERT_TRUE(seal::is_valid_for(*loaded, oracle.context())) << "round " << round;
    }
    EXPECT_EQ(budget.used(), 0U);
    // The test means something only if both outcomes are common.
    EXPECT_GT(refused_ones, rounds / 4);
    EXPECT_GT(parsed_ones, rounds / 10);
    EXPECT_GT(fitting_ones, rounds / 20);
    RecordProperty("refused", static_cast<int>(refused_ones));
    RecordProperty("parsed", static_cast<int>(parsed_ones));
    RecordProperty("fitting", static_cast<int>(fitting_ones));
}

}  // namespace
}  // namespace einfer::test
