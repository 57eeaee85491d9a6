// check_ciphertext: does a well-formed ciphertext fit a model?
#include "unit/wire/verdicts.h"

#include <cmath>

namespace einfer::test {
namespace {

/// Edges of what SEAL can have: 20 to 61 bits.
const std::vector<std::uint64_t> primes{(std::uint64_t{1} << 61) - 1, 1048573, (std::uint64_t{1} << 60) - 93};

constexpr std::size_t degree = 1024;
constexpr double model_scale = 1099511627776.0;

wire::CiphertextRules model_rules() {
    return {.parms_id = {11, 12, 13, 14},
            .key_parms_id = {21, 22, 23, 24},
            .poly_modulus_degree = degree,
            .primes = primes,
            .scale = model_scale};
}

wire::ParserLimits model_limits() {
    return {.max_serialized_bytes = 200000, .max_words = 4 * degree * 3, .min_size = 2, .max_size = 3};
}

std::string_view verdict_on(const Bytes& bytes, const wire::CiphertextRules& rules) {
    const auto parsed = parse_every_way(bytes, model_limits());
    EXPECT_EQ(verdict(parsed), accepted);
    return parsed ? verdict(wire::check_ciphertext(*parsed, rules)) : "";
}

std::string_view verdict_on(const CiphertextFields& fields) { return verdict_on(fields.serialize(), model_rules()); }

Bytes honest(std::uint64_t size = 2) { return CiphertextFields{.size = size, .coeff_modulus_size = 3}.serialize(); }

std::size_t word_at(std::size_t polynomial, std::size_t prime, std::size_t index) {
    return at::words + 8 * ((polynomial * primes.size() + prime) * degree + index);
}

TEST(CheckCiphertext, HonestOnesPass) {
    for (const bool seeded : {false, true})
        EXPECT_EQ(verdict_on({.coeff_modulus_size = 3, .seeded = seeded}), accepted);
    EXPECT_EQ(verdict_on({.size = 3, .coeff_modulus_size = 3}), accepted);
}

TEST(CheckCiphertext, OtherParametersAreIncompatible) {
    for (const std::array<std::uint64_t, 4>& parms_id :
         {std::array<std::uint64_t, 4>{0, 0, 0, 0}, {21, 22, 23, 24}, {12, 12, 13, 14}, {11, 12, 13, 15}}) {
        EXPECT_EQ(verdict_on({.parms_id = parms_id, .coeff_modulus_size = 3}), incompatible_ciphertext);
        EXPECT_EQ(verdict_on({.parms_id = parms_id, .coeff_modulus_size = 3, .seeded = true}), incompatible_ciphertext);
    }
    // A lower level has its own parms_id, and fewer primes.
    EXPECT_EQ(verdict_on({.parms_id = {31, 32, 33, 34}, .coeff_modulus_size = 2}), incompatible_ciphertext);
    EXPECT_EQ(verdict_on({.parms_id = {31, 32, 33, 34}, .poly_modulus_degree = 2048, .coeff_modulus_size = 1}),
              incompatible_ciphertext);
}

TEST(CheckCiphertext, SizesMustAgreeWithTheParmsId) {
    EXPECT_EQ(verdict_on({.coeff_modulus_size = 2}), invalid_ciphertext);
    EXPECT_EQ(verdict_on({.coeff_modulus_size = 4}), invalid_ciphertext);
    EXPECT_EQ(verdict_on({.poly_modulus_degree = 2048, .coeff_modulus_size = 2}), invalid_ciphertext);
    auto rules = model_rules();
    rules.poly_modulus_degree = 2048;
    EXPECT_EQ(verdict_on(honest(), rules), invalid_ciphertext);
    // The same number of words, cut differently.
    rules = model_rules();
    rules.primes = std::span(primes).first(2);
    EXPECT_EQ(verdict_on(CiphertextFields{}.serialize(), rules), accepted);
    EXPECT_EQ(verdict_on(CiphertextFields{.poly_modulus_degree = 2048, .coeff_modulus_size = 1}.serialize(), rules),
              invalid_ciphertext);
}

TEST(CheckCiphertext, ScaleMustBeTheVeryBits) {
    for (const double scale : {2 * model_scale, 0.5 * model_scale, 1e308, 1.0 + 1e-15, std::nextafter(model_scale, 0.0),
                               std::nextafter(model_scale, 1e300)})
        EXPECT_EQ(verdict_on({.coeff_modulus_size = 3, .scale = scale}), incompatible_ciphertext);
    auto rules = model_rules();
    rules.scale.reset();
    EXPECT_EQ(verdict_on(CiphertextFields{.coeff_modulus_size = 3, .scale = 1e308}.serialize(), rules), accepted);
}

TEST(CheckCiphertext, PublicKeysAndBgvAreInvalid) {
    EXPECT_EQ(verdict_on({.parms_id = {21, 22, 23, 24}, .coeff_modulus_size = 4, .scale = 1.0}), invalid_ciphertext);
    EXPECT_EQ(verdict_on({.parms_id = {41, 42, 43, 44}, .coeff_modulus_size = 3, .scale = 1.0}), invalid_ciphertext);
    // With one prime only, data level and key level are the same.
    auto rules = model_rules();
    rules.key_parms_id = rules.parms_id;
    EXPECT_EQ(verdict_on(CiphertextFields{.coeff_modulus_size = 3, .scale = 1.0}.serialize(), rules),
              invalid_ciphertext);
    // Without that, a scale of 1 is a scale like others.
    rules = model_rules();
    rules.scale = 1.0;
    EXPECT_EQ(verdict_on(CiphertextFields{.coeff_modulus_size = 3, .scale = 1.0}.serialize(), rules), accepted);
}

TEST(CheckCiphertext, EveryWordMustBeBelowItsPrime) {
    for (const std::size_t size : {2, 3}) {
        for (std::size_t polynomial = 0; polynomial < size; ++polynomial) {
            for (std::size_t prime = 0; prime < primes.size(); ++prime) {
                for (const std::size_t index : {std::size_t{0}, std::size_t{1}, std::size_t{511}, degree - 1}) {
                    const auto with = [&](std::uint64_t word) {
                        Bytes bytes = honest(size);
                        patch(bytes, word_at(polynomial, prime, index), word);
                        const auto parsed = wire::parse_ciphertext(bytes, model_limits());
                        return verdict(wire::check_ciphertext(parsed.value(), model_rules()));
                    };
                    const std::uint64_t q = primes[prime], top = std::uint64_t{1} << 63;
                    for (const std::uint64_t good : {std::uint64_t{0}, std::uint64_t{1}, q - 1})
                        EXPECT_EQ(with(good), accepted);
                    for (const std::uint64_t bad :
                         {q, q + 1, 2 * q, top - 1, top, top + 1, top + q - 1, top + q, top + q + 1, ~std::uint64_t{0}})
                        EXPECT_EQ(with(bad), invalid_ciphertext) << bad;
                }
            }
        }
    }
}

TEST(CheckCiphertext, SeededWordsAreCheckedToo) {
    Bytes bytes = CiphertextFields{.coeff_modulus_size = 3, .seeded = true}.serialize();
    EXPECT_EQ(verdict_on(bytes, model_rules()), accepted);
    patch(bytes, word_at(0, 2, degree - 1), primes[2]);
    EXPECT_EQ(verdict_on(bytes, model_rules()), invalid_ciphertext);
}

TEST(CheckCiphertext, TransparentModuloAnyPrimeIsInvalid) {
    for (const std::size_t size : {2, 3}) {
        for (std::size_t polynomial = 0; polynomial < size; ++polynomial) {
            for (std::size_t prime = 0; prime < primes.size(); ++prime) {
                Bytes bytes = honest(size);
                const auto row = bytes.begin() + static_cast<std::ptrdiff_t>(word_at(polynomial, prime, 0));
                std::fill(row, row + 8 * degree, std::uint8_t{0});
                // c0 may be zero: it alone hides nothing and leaks nothing.
                EXPECT_EQ(verdict_on(bytes, model_rules()), polynomial == 0 ? accepted : invalid_ciphertext);
                patch<std::uint64_t>(bytes, word_at(polynomial, prime, degree - 1), 1);
                EXPECT_EQ(verdict_on(bytes, model_rules()), accepted);
            }
        }
    }
}

TEST(CheckCiphertext, ErrorsNameTheField) {
    const std::pair<CiphertextFields, const char*> cases[] = {
        {{.parms_id = {1, 1, 1, 1}, .coeff_modulus_size = 3}, "parms_id"},
        {{.poly_modulus_degree = 2048, .coeff_modulus_size = 3}, "poly_modulus_degree"},
        {{.coeff_modulus_size = 2}, "coeff_modulus_size"},
        {{.coeff_modulus_size = 3, .scale = 5.0}, "scale"},
    };
    for (const auto& [fields, name] : cases) {
        const auto parsed = wire::parse_ciphertext(fields.serialize(), model_limits());
        const auto result = wire::check_ciphertext(parsed.value(), model_rules());
        ASSERT_FALSE(result);
        ASSERT_EQ(result.error().details.size(), 1U);
        EXPECT_EQ(result.error().details[0], std::pair(std::string("field"), std::string(name)));
    }
}

TEST(CheckCiphertext, ACiphertextMadeByHandIsNotBelieved) {
    wire::Ciphertext forged;
    forged.parms_id = {11, 12, 13, 14};
    forged.size = 2;
    forged.poly_modulus_degree = degree;
    forged.coeff_modulus_size = 3;
    forged.scale = model_scale;
    EXPECT_EQ(verdict(wire::check_ciphertext(forged, model_rules())), invalid_ciphertext);
}

}  // namespace
}  // namespace einfer::test
