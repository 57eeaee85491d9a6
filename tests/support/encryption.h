// Ciphertexts from the key-holder's side to the evaluator's: encrypt, parse strictly, expand, as the server does it.
#pragma once

#include "he/context.h"
#include "keys/session.h"
#include "support/verdict.h"
#include "wire/ciphertext.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <span>
#include <vector>

namespace einfer::test {

[[nodiscard]] inline he::Context make_context(std::size_t degree, const std::vector<int>& bits) {
    return he::Context::create({degree, bits}).value();
}

[[nodiscard]] inline keys::Session make_session(const he::Context& context, keys::EncryptionMode mode) {
    return keys::Session::create(context, mode).value();
}

[[nodiscard]] inline wire::Ciphertext parse(std::span<const std::uint8_t> bytes, const he::Context& context) {
    const std::size_t degree = context.poly_modulus_degree(), primes = context.data_prime_count();
    return wire::parse_ciphertext(bytes, {.max_serialized_bytes = wire::max_serialized_size(2, degree, primes),
                                          .max_words = 2 * degree * primes})
        .value();
}

[[nodiscard]] inline wire::CiphertextRules rules_of(const he::Context& context, double scale) {
    return {.parms_id = context.parms_id(context.data_prime_count()),
            .key_parms_id = context.key_parms_id(),
            .poly_modulus_degree = context.poly_modulus_degree(),
            .primes = context.level_primes(context.data_prime_count()),
            .scale = scale};
}

/// At the first data level, a seed expanded.
[[nodiscard]] inline he::Ciphertext expand(const wire::Ciphertext& parsed, const he::Context& context) {
    he::Ciphertext ciphertext{parsed.coeff_modulus_size, parsed.size, parsed.scale, {}};
    const auto words = parsed.words.span();
    ciphertext.words.assign(words.begin(), words.end());
    if (parsed.seed) {
        const std::size_t polynomial = words.size();
        ciphertext.words.resize(2 * polynomial);
        EXPECT_TRUE(context.expand_seed(*parsed.seed, std::span(ciphertext.words).subspan(polynomial)));
    }
    return ciphertext;
}

[[nodiscard]] inline he::Ciphertext encrypt(const keys::Session& session, const std::vector<double>& values,
                                            double scale) {
    return expand(parse(session.encrypt(values, scale).value(), session.context()), session.context());
}

[[nodiscard]] inline std::vector<double> random_values(std::size_t count, double bound, std::mt19937_64& random) {
    std::uniform_real_distribution<double> value(-bound, bound);
    std::vector<double> values(count);
    for (double& each : values) each = value(random);
    return values;
}

[[nodiscard]] inline double max_abs_diff(std::span<const double> one, std::span<const double> other) {
    EXPECT_EQ(one.size(), other.size());
    double largest = 0;
    for (std::size_t i = 0; i < std::min(one.size(), other.size()); ++i)
        largest = std::max(largest, std::abs(one[i] - other[i]));
    return largest;
}

}  // namespace einfer::test
