// Every instruction set against scalar code, and scalar code against plain arithmetic: at the edges, at odd lengths,
// for primes of every size. What this machine cannot run is said, and does not count.
#include "kernels/kernels.h"

#include "kernels/galois.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <iostream>
#include <numeric>
#include <random>
#include <vector>

namespace einfer::test {
namespace {

using kernels::Kernels;
using kernels::Modulus;
using kernels::Wide;
using Words = std::vector<std::uint64_t>;

bool is_prime(std::uint64_t n) {
    const Modulus modulus(n);
    for (const std::uint64_t base : {2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37})
        if (modulus.power(base % n, n - 1) != 1) return false;
    return true;
}

/// The largest prime of `bits` bits that has transforms of 2^16 values.
std::uint64_t prime_of(int bits) {
    constexpr std::uint64_t step = 1 << 17;
    for (std::uint64_t n = (std::uint64_t{1} << bits) - step + 1;; n -= step)
        if (is_prime(n)) return n;
}

/// Around the bounds of every kernel: 49, 50 and 51 bits of IFMA's, 60 of all.
constexpr int prime_bits[] = {20, 30, 31, 32, 33, 40, 49, 50, 51, 52, 59, 60};
constexpr std::size_t lengths[] = {0, 1, 3, 4, 7, 8, 9, 15, 16, 17, 64, 100};

class KernelsTest : public testing::TestWithParam<std::size_t> {
protected:
    void SetUp() override {
        const kernels::Candidate& candidate = kernels::candidates()[GetParam()];
        if (!candidate.supported) {
            // Running it would end the process. scripts/run-tests.sh shows this line, so that it is not taken for
            // passed.
            std::cout << "NOT TESTED HERE: this machine has no " << candidate.kernels->name << std::endl;
            GTEST_SKIP() << "this machine has no " << candidate.kernels->name;
        }
        ours = candidate.kernels;
    }

    /// Residues with the extreme ones among them.
    Words residues(std::size_t n, const Modulus& modulus) {
        Words words(n);
        for (std::size_t i = 0; i < n; ++i) {
            const std::uint64_t extremes[] = {modulus.value() - 1, 0, 1, modulus.value() / 2};
            words[i] = random() % 3 == 0 ? extremes[random() % 4] : random() % modulus.value();
        }
        return words;
    }
    /// All at their largest: sums come closest to overflow.
    static Words largest(std::size_t n, const Modulus& modulus) { return Words(n, modulus.value() - 1); }

    /// As kernels::PairedFactors has them, `gap` words between two runs.
    static Words interleave(const std::vector<Words>& first, const std::vector<Words>& second, std::size_t gap) {
        Words paired;
        for (std::size_t start = 0; start < first[0].size(); start += 8) {
            for (std::size_t k = 0; k < first.size(); ++k)
                for (const Words& from : {first[k], second[k]})
                    paired.insert(paired.end(), from.begin() + static_cast<std::ptrdiff_t>(start),
                                  from.begin() + static_cast<std::ptrdiff_t>(start + 8));
            paired.insert(paired.end(), gap, ~0ull);
        }
        return paired;
    }

    const Kernels* ours = nullptr;
    const Kernels& scalar = kernels::scalar_kernels;
    std::mt19937_64 random{11};
};

std::string name_of(const testing::TestParamInfo<std::size_t>& info) {
    return std::string(kernels::candidates()[info.param].kernels->name);
}
INSTANTIATE_TEST_SUITE_P(Each, KernelsTest, testing::Range<std::size_t>(0, 4), name_of);

TEST_P(KernelsTest, ElementwiseOperations) {
    for (const int bits : prime_bits) {
        const Modulus modulus(prime_of(bits));
        for (const std::size_t n : lengths) {
            for (const bool extreme : {false, true}) {
                const Words a = extreme ? largest(n, modulus) : residues(n, modulus);
                const Words b = extreme ? largest(n, modulus) : residues(n, modulus);
                const Words c = residues(n, modulus);
                const std::uint64_t constant = extreme ? modulus.value() - 1 : random() % modulus.value();
                const auto expect = [&](const char* what, auto operation, auto exact) {
                    Words out(n, ~0ull);
                    operation(out.data());
                    for (std::size_t i = 0; i < n; ++i)
                        ASSERT_EQ(out[i], exact(i)) << what << ' ' << bits << ' ' << n << ' ' << i;
                };
                const auto mod = [&](Wide number) { return static_cast<std::uint64_t>(number % modulus.value()); };
                const Wide p = modulus.value();
                expect(
                    "add", [&](auto* out) { ours->add(modulus, n, a.data(), b.data(), out); },
                    [&](std::size_t i) { return mod(Wide{a[i]} + b[i]); });
                expect(
                    "subtract", [&](auto* out) { ours->subtract(modulus, n, a.data(), b.data(), out); },
                    [&](std::size_t i) { return mod(Wide{a[i]} + p - b[i]); });
                expect(
                    "add_constant", [&](auto* out) { ours->add_constant(modulus, n, a.data(), constant, out); },
                    [&](std::size_t i) { return mod(Wide{a[i]} + constant); });
                expect(
                    "multiply", [&](auto* out) { ours->multiply(modulus, n, a.data(), b.data(), out); },
                    [&](std::size_t i) { return mod(Wide{a[i]} * b[i]); });
                const kernels::Factor by = modulus.factor(constant);
                expect(
                    "subtract_multiply",
                    [&](auto* out) { ours->subtract_multiply(modulus, n, a.data(), b.data(), by, nullptr, out); },
                    [&](std::size_t i) { return mod((Wide{a[i]} + p - b[i]) * constant); });
                expect(
                    "subtract_multiply, addend",
                    [&](auto* out) { ours->subtract_multiply(modulus, n, a.data(), b.data(), by, c.data(), out); },
                    [&](std::size_t i) { return mod(mod((Wide{a[i]} + p - b[i]) * constant) + Wide{c[i]}); });
                // In place.
                Words in_place = a;
                ours->multiply(modulus, n, in_place.data(), in_place.data(), in_place.data());
                for (std::size_t i = 0; i < n; ++i) ASSERT_EQ(in_place[i], mod(Wide{a[i]} * a[i]));
            }
        }
    }
}

TEST_P(KernelsTest, ReduceTakesWordsOfWiderPrimes) {
    for (const int bits : prime_bits) {
        const Modulus modulus(prime_of(bits));
        for (const std::size_t n : lengths) {
            Words words(n);
            for (std::uint64_t& word : words) word = random() % 4 == 0 ? (1ull << 62) - 1 : random() >> 2;
            for (const std::uint64_t addend : {std::uint64_t{0}, modulus.value(), (std::uint64_t{1} << 62)}) {
                Words out(n);
                ours->reduce(modulus, n, words.data(), addend, out.data());
                for (std::size_t i = 0; i < n; ++i)
                    ASSERT_EQ(out[i], (words[i] + addend) % modulus.value()) << bits << ' ' << words[i];
            }
        }
    }
}

TEST_P(KernelsTest, SumsOfAnyNumberOfTerms) {
    constexpr std::size_t counts[] = {1, 2, 5, 6, 7, 8, 12, 13, 15, 16, 17, 31, 40, 254, 255, 256, 300};
    for (const int bits : prime_bits) {
        const Modulus modulus(prime_of(bits));
        for (const std::size_t count : counts) {
            for (const std::size_t n : {std::size_t{8}, std::size_t{16}, std::size_t{11}}) {
                const bool extreme = count % 2 == 0;
                std::vector<Words> values, factors, others;
                std::vector<kernels::Term> terms;
                std::vector<kernels::ScaledTerm> scaled;
                std::vector<const std::uint64_t*> each;
                for (std::size_t k = 0; k < count; ++k) {
                    values.push_back(extreme ? largest(n, modulus) : residues(n, modulus));
                    factors.push_back(extreme ? largest(n, modulus) : residues(n, modulus));
                    others.push_back(residues(n, modulus));
                }
                for (std::size_t k = 0; k < count; ++k) {
                    terms.push_back({values[k].data(), factors[k].data()});
                    scaled.push_back({values[k].data(), factors[k].empty() ? 0 : factors[k][0]});
                    each.push_back(values[k].data());
                }
                const std::uint64_t constant = modulus.value() - 1;
                const auto exact = [&](std::size_t i, const std::vector<Words>& by, bool first_only,
                                       std::uint64_t plus) {
                    std::uint64_t sum = plus;
                    for (std::size_t k = 0; k < count; ++k)
                        sum = static_cast<std::uint64_t>((Wide{values[k][i]} * by[k][first_only ? 0 : i] + sum) %
                                                         modulus.value());
                    return sum;
                };
                Words out(n), other(n);
                ours->sum_of_products(modulus, n, terms, out.data());
                for (std::size_t i = 0; i < n; ++i)
                    ASSERT_EQ(out[i], exact(i, factors, false, 0)) << bits << ' ' << count;
                ours->weighted_sum(modulus, n, scaled, constant, out.data());
                for (std::size_t i = 0; i < n; ++i)
                    ASSERT_EQ(out[i], exact(i, factors, true, constant)) << bits << ' ' << count;
                if (n % 8 != 0) continue;
                const Words paired = interleave(factors, others, 5);
                ours->pair_of_sums(modulus, n, each, {paired.data(), 16 * count + 5}, nullptr, out.data(),
                                   other.data());
                for (std::size_t i = 0; i < n; ++i) {
                    ASSERT_EQ(out[i], exact(i, factors, false, 0)) << bits << ' ' << count;
                    ASSERT_EQ(other[i], exact(i, others, false, 0)) << bits << ' ' << count;
                }
            }
        }
    }
}

TEST_P(KernelsTest, TransformsAreTheScalarOnes) {
    for (const int bits : prime_bits) {
        const Modulus modulus(prime_of(bits));
        for (std::size_t n = 2; n <= 32768; n *= 2) {
            if (modulus.value() % (2 * n) != 1) continue;
            const auto tables = kernels::NttTables::create(n, modulus);
            ASSERT_TRUE(tables) << bits << ' ' << n;
            for (const bool extreme : {false, true}) {
                Words values = extreme ? largest(n, modulus) : residues(n, modulus);
                const Words before = values;
                Words expected(n);
                scalar.ntt_forward(*tables, values.data(), expected.data());
                Words out(n, 7);
                ours->ntt_forward(*tables, values.data(), out.data());
                ASSERT_EQ(out, expected) << bits << ' ' << n;
                ASSERT_EQ(values, before) << "the input is left alone";
                // What is not reduced yet: up to 4p − 1.
                for (std::size_t i = 0; i < n; ++i) values[i] += (extreme ? 3 : random() % 4) * modulus.value();
                ours->ntt_forward(*tables, values.data(), values.data());
                ASSERT_EQ(values, expected) << bits << ' ' << n;

                ours->ntt_inverse(*tables, expected.data(), out.data());
                ASSERT_EQ(out, before) << bits << ' ' << n;
                ours->ntt_inverse(*tables, values.data(), values.data());
                ASSERT_EQ(values, before) << bits << ' ' << n;
            }
        }
    }
}

TEST_P(KernelsTest, PermutationsOfAutomorphisms) {
    const Modulus modulus(prime_of(50));
    for (const std::size_t n : {std::size_t{8}, std::size_t{64}, std::size_t{4096}}) {
        for (const std::uint32_t element :
             {3u, 5u, 9u, static_cast<std::uint32_t>(2 * n - 1), static_cast<std::uint32_t>(random() % n * 2 + 1)}) {
            const auto table = kernels::galois_permutation(n, element);
            const Words values = residues(n, modulus), one = residues(n, modulus), two = residues(n, modulus);
            Words out(n), expected(n), first(n), second(n), expected_first(n), expected_second(n);
            scalar.permute(n, table.data(), values.data(), expected.data());
            ours->permute(n, table.data(), values.data(), out.data());
            ASSERT_EQ(out, expected) << n << ' ' << element;
            const std::vector<const std::uint64_t*> each{values.data(), one.data()};
            const Words paired = interleave({one, two}, {two, values}, 0);
            scalar.pair_of_sums(modulus, n, each, {paired.data(), 32}, table.data(), expected_first.data(),
                                expected_second.data());
            for (std::size_t i = 0; i < n; ++i)
                ASSERT_EQ(expected_first[i],
                          static_cast<std::uint64_t>((Wide{values[table[i]]} * one[i] + Wide{one[table[i]]} * two[i]) %
                                                     modulus.value()));
            ours->pair_of_sums(modulus, n, each, {paired.data(), 32}, table.data(), first.data(), second.data());
            ASSERT_EQ(first, expected_first) << n << ' ' << element;
            ASSERT_EQ(second, expected_second) << n << ' ' << element;
        }
    }
}

/// The definition: value i is the polynomial at ψ^(2·reverse(i) + 1).
TEST(ScalarKernels, TheTransformIsThePolynomialAtOddPowersOfTheRoot) {
    const Modulus modulus(prime_of(49));
    constexpr std::size_t n = 16;
    const auto tables = kernels::NttTables::create(n, modulus);
    ASSERT_TRUE(tables);
    Words values(n);
    std::iota(values.begin(), values.end(), 3);
    Words out(n);
    kernels::scalar_kernels.ntt_forward(*tables, values.data(), out.data());
    // Node n/2 of the tree multiplies by ψ^bitreverse(n/2) = ψ.
    const std::uint64_t root = tables->roots().operands[n / 2];
    ASSERT_EQ(modulus.power(root, n), modulus.value() - 1);
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t reversed = (i & 1) << 3 | (i & 2) << 1 | (i & 4) >> 1 | (i & 8) >> 3;
        const std::uint64_t at = modulus.power(root, 2 * reversed + 1);
        std::uint64_t value = 0;
        for (std::size_t k = n; k-- > 0;) value = modulus.add(modulus.multiply(value, at), values[k]);
        EXPECT_EQ(out[i], value) << i;
    }
}

TEST(ScalarKernels, TablesAreMadeOnlyWhereThereIsATransform) {
    EXPECT_FALSE(kernels::NttTables::create(4096, Modulus(1000003)));       // not 1 modulo 2n
    EXPECT_FALSE(kernels::NttTables::create(3000, Modulus(prime_of(30))));  // no power of two
    EXPECT_FALSE(kernels::NttTables::create(1, Modulus(prime_of(30))));
    EXPECT_TRUE(kernels::NttTables::create(2, Modulus(5)));
}

}  // namespace
}  // namespace einfer::test
