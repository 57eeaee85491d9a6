// Our evaluator against SEAL's, bit for bit, over random parameters, levels and inputs. What SEAL has not (hoisting,
// sums of key switches) is compared with a composition that it has: the difference decrypts to less than a proven
// bound.
#include "he/native_evaluator.h"
#include "he/seal_evaluator.h"

#include "he/encoder.h"
#include "he/seal_context.h"
#include "kernels/galois.h"
#include "support/encryption.h"

#include <gtest/gtest.h>

#include <numbers>

namespace einfer::test {
namespace {

using he::Ciphertext;
using he::CiphertextView;

/// A parameter set, its keys, and both evaluators.
struct World {
    explicit World(std::size_t degree, const std::vector<int>& bits, std::uint64_t seed)
        : random(seed),
          context(make_context(degree, bits)),
          generator(context.seal().context),
          native(he::NativeEvaluator::create(context).value()),
          seals(context),
          encoder(context.seal().context),
          encryptor(context.seal().context, generator.secret_key()),
          decryptor(context.seal().context, generator.secret_key()) {
        if (context.data_prime_count() < 1) return;
        seal::RelinKeys keys;
        generator.create_relin_keys(keys);
        relin_key = he::from_seal(context, keys.data()[0]);
    }

    [[nodiscard]] he::GaloisKeys galois_keys(const std::vector<int>& steps) const {
        seal::GaloisKeys keys;
        generator.create_galois_keys(steps, keys);
        he::GaloisKeys made;
        for (const int step : steps) {
            const std::uint32_t element = kernels::galois_element(context.poly_modulus_degree(), step);
            made.emplace(element, he::from_seal(context, keys.key(element)));
        }
        return made;
    }

    /// Uniform residues: as good as any ciphertext where nothing is decrypted.
    [[nodiscard]] Ciphertext noise(std::size_t prime_count, std::size_t size, double scale) {
        Ciphertext made{prime_count, size, scale, {}};
        made.words.resize(size * prime_count * context.poly_modulus_degree());
        std::size_t at = 0;
        for (std::size_t polynomial = 0; polynomial < size; ++polynomial)
            for (std::size_t prime = 0; prime < prime_count; ++prime)
                for (std::size_t i = 0; i < context.poly_modulus_degree(); ++i) {
                    const std::uint64_t p = context.primes()[prime], extremes[] = {p - 1, 0, 1, p - 2};
                    made.words[at++] = random() % 8 == 0 ? extremes[random() % 4] : random() % p;
                }
        return made;
    }

    [[nodiscard]] he::Plaintext plain(std::size_t prime_count, double scale) {
        const auto values = random_values(context.slot_count(), 1, random);
        return he::encode(context, values, prime_count, scale).value();
    }

    [[nodiscard]] Ciphertext encrypt(const std::vector<double>& values, std::size_t prime_count, double scale) {
        seal::Plaintext encoded;
        encoder.encode(values, context.parms_id(prime_count), scale, encoded);
        seal::Ciphertext made;
        encryptor.encrypt_symmetric(encoded, made);
        return he::from_seal(context, made);
    }

    [[nodiscard]] std::vector<double> decrypt(const Ciphertext& ciphertext) {
        seal::Plaintext decrypted;
        decryptor.decrypt(he::to_seal(context, ciphertext), decrypted);
        std::vector<double> values;
        encoder.decode(decrypted, values);
        return values;
    }

    std::mt19937_64 random;
    const he::Context context;
    mutable seal::KeyGenerator generator;
    const std::unique_ptr<const he::NativeEvaluator> native;
    const he::SealEvaluator seals;
    seal::CKKSEncoder encoder;
    seal::Encryptor encryptor;
    seal::Decryptor decryptor;
    he::KeySwitchKey relin_key;
};

void expect_same(const Result<Ciphertext>& ours, const Result<Ciphertext>& seals, const std::string& what) {
    ASSERT_EQ(text_of(ours), text_of(seals)) << what;
    if (!ours) return;
    EXPECT_EQ(ours->prime_count, seals->prime_count) << what;
    EXPECT_EQ(ours->size, seals->size) << what;
    EXPECT_EQ(ours->scale, seals->scale) << what;
    EXPECT_TRUE(ours->words == seals->words) << what << ": not one bit may differ";
}

/// Chains of all shapes: wide and narrow primes, growing and shrinking, on both sides of the 50 bits of IFMA.
const std::vector<std::pair<std::size_t, std::vector<int>>> worlds{
    {4096, {36, 36, 37}},
    {4096, {54, 55}},
    {8192, {60, 40, 40, 60}},
    {8192, {30, 50, 49, 51, 38}},
    {2048, {27, 27}},
    {8192, {60, 25, 25, 25, 25, 58}},
    {8192, {20, 60, 60, 20, 58}},
    {16384, {50, 50, 50, 50, 50, 50, 50, 50}},
};

class NativeEvaluator : public testing::TestWithParam<std::size_t> {
protected:
    World world{worlds[GetParam()].first, worlds[GetParam()].second, GetParam()};
};
INSTANTIATE_TEST_SUITE_P(Chains, NativeEvaluator, testing::Range<std::size_t>(0, worlds.size()));

TEST_P(NativeEvaluator, EveryOperationAtEveryLevelIsSealsBitForBit) {
    const std::vector<int> steps{1, -3, 100, static_cast<int>(world.context.slot_count()) - 1};
    const auto keys = world.galois_keys(steps);
    for (std::size_t primes = 1; primes <= world.context.data_prime_count(); ++primes) {
        const std::string at = " at " + std::to_string(primes);
        const double room = world.context.modulus_bits(primes) / 2 - 3, scale = std::exp2(room);
        const Ciphertext a = world.noise(primes, 2, scale), b = world.noise(primes, 2, scale);
        const Ciphertext c = world.noise(primes, 3, scale);
        const auto both = [&](const std::string& what, auto operation) {
            expect_same(operation(*world.native), operation(world.seals), what + at);
        };
        both("add", [&](const auto& e) { return e.add(a, b); });
        both("add of three", [&](const auto& e) { return e.add(c, c); });
        for (const double constant : {0.0, 1.5, -0.75, 1e-9, -3.0})
            both("add_constant", [&](const auto& e) { return e.add_constant(a, constant); });
        const he::Plaintext plain = world.plain(primes, scale), other = world.plain(primes, scale);
        both("add_plain", [&](const auto& e) { return e.add_plain(a, plain); });
        both("add_plain to three", [&](const auto& e) { return e.add_plain(c, plain); });
        both("multiply_plain", [&](const auto& e) { return e.multiply_plain(a, plain); });
        both("multiply_plain of three", [&](const auto& e) { return e.multiply_plain(c, plain); });
        const std::vector<he::Plaintext> plains{plain, other};
        both("multiply_accumulate", [&](const auto& e) {
            return e.multiply_accumulate(std::vector<CiphertextView>{a, b}, plains);
        });
        both("multiply", [&](const auto& e) { return e.multiply(a, b); });
        both("square", [&](const auto& e) { return e.square(a); });
        both("relinearize", [&](const auto& e) { return e.relinearize(c, world.relin_key); });
        if (primes > 1) {
            both("rescale", [&](const auto& e) { return e.rescale(a); });
            both("rescale of three", [&](const auto& e) { return e.rescale(c); });
        }
        for (std::size_t lower = 1; lower <= primes; ++lower) {
            Ciphertext small = a;
            small.scale = 1024;
            both("mod_switch", [&](const auto& e) { return e.mod_switch(small, lower); });
        }
        for (const int step : steps) both("rotate", [&](const auto& e) { return e.rotate(a, step, keys); });
        both("rotate by nothing", [&](const auto& e) { return e.rotate(a, 0, keys); });
    }
}

TEST_P(NativeEvaluator, WeightedSumsOfRandomShapeAreSealsBitForBit) {
    for (int round = 0; round < 12; ++round) {
        const std::size_t primes = 1 + world.random() % world.context.data_prime_count();
        const int bits = world.context.modulus_bits(primes);
        const double scale = std::exp2(static_cast<double>(world.random() % 8 + 1));
        const double weight_scale = std::exp2(static_cast<double>(world.random() % static_cast<unsigned>(bits - 12)));
        const std::size_t count = 1 + world.random() % 40;
        std::vector<Ciphertext> inputs;
        for (std::size_t i = 0; i < std::min<std::size_t>(count, 5); ++i)
            inputs.push_back(world.noise(primes, 2, scale));
        std::vector<CiphertextView> views;
        std::vector<double> weights = random_values(count, 1, world.random);
        for (std::size_t i = 0; i < count; ++i) views.push_back(inputs[i % inputs.size()]);
        weights[0] = 1;
        for (double& weight : weights)
            if (world.random() % 5 == 0) weight = 0;
        const double constant = random_values(1, 1, world.random)[0];
        expect_same(world.native->weighted_sum(views, weights, constant, weight_scale),
                    world.seals.weighted_sum(views, weights, constant, weight_scale), "round " + std::to_string(round));
    }
}

TEST_P(NativeEvaluator, WhatSealRefusesIsRefused) {
    const std::size_t top = world.context.data_prime_count();
    const Ciphertext a = world.noise(top, 2, 1024), three = world.noise(top, 3, 1024);
    Ciphertext other_scale = a;
    other_scale.scale = 2048;
    const auto keys = world.galois_keys({1});
    const double huge = std::exp2(world.context.modulus_bits(top));
    const auto both = [&](auto operation) {
        const auto ours = operation(*world.native);
        EXPECT_EQ(text_of(ours), "INTERNAL: the evaluation failed");
        EXPECT_EQ(text_of(operation(world.seals)), text_of(ours));
    };
    both([&](const auto& e) { return e.add(a, other_scale); });
    both([&](const auto& e) { return e.add_constant(a, huge); });
    both([&](const auto& e) { return e.weighted_sum({}, {}, 1, 2); });
    both([&](const auto& e) { return e.weighted_sum(he::views_of({a}), std::vector<double>{1, 1}, 0, 2); });
    both([&](const auto& e) { return e.weighted_sum(he::views_of({a}), std::vector<double>{1e-9}, 0, 2); });
    both([&](const auto& e) { return e.weighted_sum(he::views_of({a}), std::vector<double>{1}, 0, huge); });
    both([&](const auto& e) { return e.weighted_sum(he::views_of({a}), std::vector<double>{1e300}, 0, 4); });
    both([&](const auto& e) { return e.add_plain(a, world.plain(top, 2048)); });
    both([&](const auto& e) { return e.rotate(a, 2, keys); });  // no key
    both([&](const auto& e) { return e.add_rotations(a, std::vector<int>{1, 2}, keys); });
    both([&](const auto& e) { return e.add_rotations(a, std::vector<int>{1, 0}, keys); });
    both([&](const auto& e) { return e.add_rotations(a, {}, keys); });
    both([&](const auto& e) { return e.relinearize(a, world.relin_key); });
    both([&](const auto& e) { return e.multiply(three, a); });
    if (top > 1) {
        const Ciphertext low = world.noise(1, 2, 1024);
        both([&](const auto& e) { return e.add(a, low); });
        both([&](const auto& e) { return e.multiply(a, low); });
        both([&](const auto& e) { return e.rescale(low); });
        both([&](const auto& e) { return e.mod_switch(low, 2); });
        both([&](const auto& e) { return e.multiply_plain(a, world.plain(1, 1024)); });
    }
}

TEST_P(NativeEvaluator, InputsThatCancelAreInvalid) {
    const Ciphertext a = world.noise(1, 2, 1024);
    const double opposite[] = {1, -1};
    const std::vector<CiphertextView> twice{a, a};
    expect_same(world.native->weighted_sum(twice, opposite, 0.5, 8), world.seals.weighted_sum(twice, opposite, 0.5, 8),
                "cancelled");
    EXPECT_EQ(code_of(world.native->weighted_sum(twice, opposite, 0.5, 8)), "INVALID_CIPHERTEXT");
}

/// Bound on a slot's difference between two ways of switching keys, in units of 1/scale. Digits are not centred: they
/// are in [0, q), so that in a slot, a root ζ of X^N + 1, they are up to q/2 · |Σ ±ζ^k| <= q/2 · 2/|1 − ζ| <= q·N/π
/// from their mean, besides which the random rest (deviation q·√(N/12)) is small. Each meets the noise of its key, of
/// deviation 3.2·√N, and is divided by the key-switching prime; then there is the rounding of the division. Six
/// deviations, twice, as both ways have their own.
double switch_bound(const he::Context& context, std::size_t primes) {
    const double degree = static_cast<double>(context.poly_modulus_degree());
    const double special = static_cast<double>(context.primes().back());
    double variance = degree * (1 + degree * 2 / 3) / 12;
    for (const std::uint64_t prime : context.level_primes(primes)) {
        const double digit =
            static_cast<double>(prime) / special * (degree / std::numbers::pi + std::sqrt(degree / 12));
        variance += digit * digit * 3.2 * 3.2 * degree;
    }
    return 2 * 6 * std::sqrt(variance);
}

TEST(NativeEvaluatorHoisting, RotatesAsSealDoesWithinTheBound) {
    for (const auto& [degree, bits] : worlds) {
        if (degree < 4096 || bits.size() < 4) continue;
        World world(degree, bits, 5);
        const std::size_t primes = world.context.data_prime_count();
        const double scale = std::exp2(std::min(40.0, world.context.modulus_bits(primes) - 10.0));
        const std::vector<int> steps{1, 2, 0, -1, 77};
        const auto keys = world.galois_keys({1, 2, -1, 77});
        const std::vector<double> values = random_values(world.context.slot_count(), 1, world.random);
        const Ciphertext a = world.encrypt(values, primes, scale);
        const auto ours = world.native->rotate_many(a, steps, keys);
        ASSERT_TRUE(ours) << text_of(ours);
        ASSERT_EQ(ours->size(), steps.size());
        const double bound = switch_bound(world.context, primes) / scale;
        for (std::size_t i = 0; i < steps.size(); ++i) {
            const auto seals = world.seals.rotate(a, steps[i], keys);
            ASSERT_TRUE(seals) << text_of(seals);
            EXPECT_LE(max_abs_diff(world.decrypt((*ours)[i]), world.decrypt(*seals)), bound)
                << degree << ' ' << steps[i];
        }
        EXPECT_EQ(code_of(world.native->rotate_many(a, std::vector<int>{3}, keys)), "INTERNAL") << "no key";
        for (const std::vector<int>& some : {std::vector<int>{77}, std::vector<int>{1, 2, -1}}) {
            const auto sum = world.native->add_rotations(a, some, keys),
                       other = world.seals.add_rotations(a, some, keys);
            ASSERT_TRUE(sum && other) << text_of(sum) << text_of(other);
            EXPECT_EQ(sum->scale, other->scale);
            const auto slots = world.decrypt(*sum);
            EXPECT_LE(max_abs_diff(slots, world.decrypt(*other)), static_cast<double>(some.size()) * bound);
            const std::size_t at = 5, count = values.size();
            double expected = values[at];
            for (const int step : some) expected += values[(at + count + static_cast<std::size_t>(step)) % count];
            EXPECT_NEAR(slots[at], expected, static_cast<double>(some.size() + 1) * bound + 1e4 / scale);
        }
    }
}

TEST(NativeEvaluatorTransform, MatricesAreSealsCompositionWithinTheBound) {
    World world(8192, {60, 40, 40, 60}, 9);
    const std::size_t slots = world.context.slot_count();
    const double scale = 0x1p40;
    for (const auto& [indices, babies] :
         std::vector<std::pair<std::vector<int>, int>>{{{0}, 1},
                                                       {{1}, 4},
                                                       {{0, 1, 2, 3, 4, 5, 6, 7, 8}, 3},
                                                       {{5, 64, 70, 200, static_cast<int>(slots) - 1}, 8}}) {
        for (const std::size_t primes : {std::size_t{3}, std::size_t{2}}) {
            he::Diagonals diagonals;
            for (const int index : indices) diagonals[index] = random_values(slots, 1, world.random);
            const auto transform = he::encode(world.context, diagonals, primes, scale, babies);
            ASSERT_TRUE(transform) << text_of(transform);
            const auto keys = world.galois_keys(transform->steps());
            const std::vector<double> values = random_values(slots, 1, world.random);
            const Ciphertext a = world.encrypt(values, primes, scale);
            const auto ours = world.native->apply(*transform, a, keys), seals = world.seals.apply(*transform, a, keys);
            ASSERT_TRUE(ours) << text_of(ours);
            ASSERT_TRUE(seals) << text_of(seals);
            EXPECT_EQ(ours->scale, seals->scale);
            EXPECT_EQ(ours->prime_count, primes);

            std::vector<double> expected(slots, 0.0);
            for (const auto& [index, diagonal] : diagonals)
                for (std::size_t i = 0; i < slots; ++i)
                    expected[i] += diagonal[i] * values[(i + static_cast<std::size_t>(index)) % slots];
            // Each diagonal, at most 1 in size, carries one baby's noise and the input's; each giant adds its own,
            // at the product's scale.
            const double fresh = 6 * std::sqrt(8192.0) * (3.2 + 1);
            const double bound =
                (static_cast<double>(indices.size()) * (switch_bound(world.context, primes) + fresh + 64) +
                 static_cast<double>(transform->giants.size()) * switch_bound(world.context, primes)) /
                scale;
            EXPECT_LE(max_abs_diff(world.decrypt(*ours), expected), bound);
            EXPECT_LE(max_abs_diff(world.decrypt(*seals), expected), bound);
        }
    }
}

TEST(NativeEvaluatorTransform, WhatDoesNotFitIsRefused) {
    const he::Context context = make_context(4096, {36, 36, 37});
    const std::vector<double> ones(2048, 1), zeros(2048, 0);
    EXPECT_EQ(code_of(he::encode(context, {{0, ones}}, 2, 1024, 4)), "OK");
    EXPECT_EQ(code_of(he::encode(context, {{0, zeros}}, 2, 1024, 4)), "INTERNAL");
    EXPECT_EQ(code_of(he::encode(context, {}, 2, 1024, 4)), "INTERNAL");
    EXPECT_EQ(code_of(he::encode(context, {{2048, ones}}, 2, 1024, 4)), "INTERNAL");
    EXPECT_EQ(code_of(he::encode(context, {{-1, ones}}, 2, 1024, 4)), "INTERNAL");
    EXPECT_EQ(code_of(he::encode(context, {{0, {1, 2}}}, 2, 1024, 4)), "INTERNAL");
    EXPECT_EQ(code_of(he::encode(context, {{0, ones}}, 3, 1024, 4)), "INTERNAL");
    EXPECT_EQ(code_of(he::encode(context, {{0, ones}}, 2, 1024, 0)), "INTERNAL");
}

/// What a plan may ask for is proved; what tables are made of is the machine's best kernels or the forced ones.
TEST(NativeEvaluatorScalars, EncodeAsSealsEncoderDoes) {
    const he::Context context = make_context(8192, {60, 40, 40, 60});
    const seal::CKKSEncoder encoder(context.seal().context);
    std::mt19937_64 random(4);
    for (int round = 0; round < 400; ++round) {
        const std::size_t primes = 1 + random() % 3;
        const double scale = std::exp2(static_cast<double>(random() % 150) - 20);
        const double value = random_values(1, 1, random)[0] * std::exp2(static_cast<double>(random() % 60) - 40);
        const auto ours = he::Scalar::encode(value, scale, context.modulus_bits(primes));
        seal::Plaintext plain;
        bool seal_can = true;
        try {
            encoder.encode(value, context.parms_id(primes), scale, plain);
        } catch (const std::exception&) {
            seal_can = false;
        }
        ASSERT_EQ(ours.has_value(), seal_can) << value << " at " << scale << " of " << primes;
        if (!ours) continue;
        for (std::size_t prime = 0; prime < primes; ++prime)
            ASSERT_EQ(ours->modulo(context.primes()[prime]), plain[prime * 8192]) << value << " at " << scale;
    }
}

}  // namespace
}  // namespace einfer::test
