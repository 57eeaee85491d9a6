// Words that are checked, and dropped, while they arrive: nothing but memory may tell the difference.
#include "unit/wire/verdicts.h"

#include <vector>

namespace einfer::test {
namespace {

const std::vector<std::uint64_t> primes{(std::uint64_t{1} << 61) - 1, 1048573, (std::uint64_t{1} << 60) - 93};
constexpr std::size_t degree = 1024;
constexpr wire::ParmsId parms_id{11, 12, 13, 14};

wire::CiphertextRules rules() {
    return {.parms_id = parms_id,
            .key_parms_id = {21, 22, 23, 24},
            .poly_modulus_degree = degree,
            .primes = primes,
            .scale = std::nullopt};
}

wire::Level level(std::size_t kept_primes) { return {parms_id, degree, primes, kept_primes}; }

wire::ParserLimits limits(std::span<const wire::Level> levels = {}) {
    return {
        .max_serialized_bytes = 200000, .max_words = 3 * degree * 3, .min_size = 2, .max_size = 3, .levels = levels};
}

std::size_t word_at(std::size_t polynomial, std::size_t prime, std::size_t index) {
    return at::words + 8 * ((polynomial * primes.size() + prime) * degree + index);
}

std::string text_of_fault(const Result<void>& result) {
    return result ? "OK" : std::string(verdict(result)) + ": " + result.error().message;
}

/// What a check of the whole says must be what the parser found, however the bytes were cut.
void expect_same_verdict(const Bytes& bytes) {
    const auto whole = wire::parse_ciphertext(bytes, limits());
    ASSERT_TRUE(whole);
    ASSERT_FALSE(whole->report);
    const std::string expected = text_of_fault(wire::check_ciphertext(*whole, rules()));
    for (std::size_t kept = 0; kept <= primes.size(); ++kept) {
        const std::vector levels{wire::Level{{1}, degree, primes, 1}, level(kept)};
        std::mt19937_64 random(kept);
        std::uniform_int_distribution<std::size_t> any(1, 9000);
        for (const std::size_t largest : {bytes.size(), std::size_t{1}, std::size_t{7}, std::size_t{0}}) {
            const auto parsed =
                parse_in_chunks(bytes, limits(levels), [&] { return largest > 0 ? largest : any(random); });
            ASSERT_TRUE(parsed);
            ASSERT_TRUE(parsed->report);
            EXPECT_EQ(text_of_fault(wire::check_ciphertext(*parsed, rules())), expected) << kept << ' ' << largest;
            EXPECT_EQ(text_of_fault(wire::check_words(*parsed, rules())), expected);
        }
    }
}

CiphertextFields fields(std::uint64_t size, bool seeded = false) {
    return {.size = size, .coeff_modulus_size = 3, .seeded = seeded};
}

TEST(Level, HonestOnesPass) {
    expect_same_verdict(fields(2).serialize());
    expect_same_verdict(fields(3).serialize());
    expect_same_verdict(fields(2, true).serialize());
}

TEST(Level, AnyRowsFaultIsFound) {
    for (std::size_t polynomial = 0; polynomial < 3; ++polynomial)
        for (std::size_t prime = 0; prime < primes.size(); ++prime) {
            for (const std::size_t index : {std::size_t{0}, degree - 1})
                for (const std::uint64_t word : {primes[prime] - 1, primes[prime], ~std::uint64_t{0}}) {
                    Bytes bytes = fields(3).serialize();
                    patch(bytes, word_at(polynomial, prime, index), word);
                    expect_same_verdict(bytes);
                }
            Bytes bytes = fields(3).serialize();
            const auto row = bytes.begin() + static_cast<std::ptrdiff_t>(word_at(polynomial, prime, 0));
            std::fill(row, row + 8 * degree, std::uint8_t{0});
            expect_same_verdict(bytes);
        }
}

TEST(Level, TheFirstFaultInOrderIsTheOneReported) {
    for (const bool transparent_first : {true, false}) {
        Bytes bytes = fields(2).serialize();
        const auto row = bytes.begin() + static_cast<std::ptrdiff_t>(word_at(1, transparent_first ? 0 : 2, 0));
        std::fill(row, row + 8 * degree, std::uint8_t{0});
        patch(bytes, word_at(1, 1, 5), primes[1]);
        expect_same_verdict(bytes);
    }
}

TEST(Level, SeededWordsAreCheckedToo) {
    Bytes bytes = fields(2, true).serialize();
    patch(bytes, word_at(0, 2, degree - 1), primes[2]);
    expect_same_verdict(bytes);
}

TEST(Level, TheLeadingPrimesOfEachPolynomialAreStored) {
    for (const bool seeded : {false, true}) {
        const Bytes bytes = fields(2, seeded).serialize();
        const auto whole = wire::parse_ciphertext(bytes, limits());
        EXPECT_EQ(whole->stored_primes, primes.size());
        const std::size_t polynomials = seeded ? 1 : 2;
        for (std::size_t kept = 0; kept <= primes.size(); ++kept) {
            const std::vector levels{level(kept)};
            const auto parsed = parse_every_way(bytes, limits(levels));
            ASSERT_TRUE(parsed);
            EXPECT_EQ(parsed->stored_primes, kept);
            EXPECT_EQ(parsed->coeff_modulus_size, primes.size());
            EXPECT_EQ(parsed->seed.has_value(), seeded);
            ASSERT_EQ(parsed->words.size(), polynomials * kept * degree);
            for (std::size_t polynomial = 0; polynomial < polynomials; ++polynomial)
                EXPECT_TRUE(std::ranges::equal(
                    parsed->words.span().subspan(polynomial * kept * degree, kept * degree),
                    whole->words.span().subspan(polynomial * primes.size() * degree, kept * degree)));
        }
    }
}

TEST(Level, OnlyWhatIsStoredIsTakenFromTheBudget) {
    const Bytes bytes = fields(2).serialize();
    for (std::size_t kept = 0; kept <= primes.size(); ++kept) {
        const std::vector levels{level(kept)};
        const std::size_t needed = 2 * kept * degree * 8;
        MemoryBudget enough(needed);
        wire::ParserLimits bounded = limits(levels);
        bounded.budget = &enough;
        {
            const auto parsed = wire::parse_ciphertext(bytes, bounded);
            ASSERT_TRUE(parsed);
            EXPECT_EQ(enough.used(), needed);
            EXPECT_EQ(parsed->memory.bytes(), needed);
        }
        EXPECT_EQ(enough.used(), 0u);
        if (needed == 0) continue;
        MemoryBudget tight(needed - 1);
        bounded.budget = &tight;
        EXPECT_EQ(verdict(wire::parse_ciphertext(bytes, bounded)), overloaded);
    }
}

TEST(Level, WordsOfAnotherLevelAreNeitherStoredNorBelieved) {
    const std::vector<std::uint64_t> fewer{primes[0], primes[1]};
    const std::vector<wire::Level> others[] = {
        {{{1, 2, 3, 4}, degree, primes, 3}},
        {{parms_id, 2 * degree, primes, 3}},  // the sizes contradict the parms_id
        {{parms_id, degree, fewer, 2}},
    };
    for (const auto& levels : others) {
        const auto parsed = parse_every_way(fields(2).serialize(), limits(levels));
        ASSERT_TRUE(parsed);
        EXPECT_EQ(parsed->words.size(), 0u);
        EXPECT_FALSE(parsed->report);
        EXPECT_EQ(verdict(wire::check_words(*parsed, rules())), invalid_ciphertext);
    }
}

TEST(Level, AReportOnOneLevelSaysNothingOfAnother) {
    const std::vector levels{level(1)};
    const auto parsed = wire::parse_ciphertext(fields(2).serialize(), limits(levels));
    wire::CiphertextRules other = rules();
    other.parms_id = {1, 2, 3, 4};
    EXPECT_EQ(verdict(wire::check_ciphertext(*parsed, other)), incompatible_ciphertext);
    EXPECT_EQ(verdict(wire::check_words(*parsed, other)), invalid_ciphertext);
}

}  // namespace
}  // namespace einfer::test
