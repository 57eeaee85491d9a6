// Parses evaluation keys in several chunkings and compares verdicts and contents.
#pragma once

#include "support/verdict.h"
#include "unit/wire/keys.h"
#include "unit/wire/verdicts.h"

#include <gtest/gtest.h>

namespace einfer::test {

/// The result of the whole buffer, its content into `kept`; any chunking must give the same.
[[nodiscard]] inline Result<wire::KeysReport> parse_keys_every_way(KeyKind kind, const Bytes& bytes,
                                                                   const wire::KeyRules& rules, KeptKeys& kept,
                                                                   MemoryBudget* budget = nullptr) {
    const std::size_t polynomial = rules.poly_modulus_degree * rules.primes.size();
    const auto whole = parse_keys_in_chunks(kind, bytes, rules, kept, budget, [&] { return bytes.size(); });
    std::mt19937_64 random(bytes.size());
    std::uniform_int_distribution<std::size_t> small(0, 40), large(0, 9000);
    const auto compare = [&](auto next_chunk) {
        KeptKeys other(polynomial);
        const auto result = parse_keys_in_chunks(kind, bytes, rules, other, budget, next_chunk);
        EXPECT_EQ(text_of(whole), text_of(result));
        if (!whole || !result) return;
        EXPECT_EQ(whole->keys, result->keys);
        EXPECT_EQ(whole->full_digits, result->full_digits);
        EXPECT_EQ(whole->seeded_digits, result->seeded_digits);
        EXPECT_TRUE(kept.keys == other.keys);
    };
    compare([] { return std::size_t{1}; });
    compare([&] { return small(random); });
    compare([&] { return large(random); });
    return whole;
}

[[nodiscard]] inline Result<wire::KeysReport> parse_keys_every_way(KeyKind kind, const Bytes& bytes,
                                                                   const wire::KeyRules& rules,
                                                                   MemoryBudget* budget = nullptr) {
    KeptKeys kept(rules.poly_modulus_degree * rules.primes.size());
    return parse_keys_every_way(kind, bytes, rules, kept, budget);
}

}  // namespace einfer::test
