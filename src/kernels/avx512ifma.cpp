// Primes below 2^50 by 52-bit products; wider ones go to the AVX-512 DQ kernels.
#include "kernels/instruction_sets.h"

#include <algorithm>
#include <bit>

#if defined(__x86_64__)

#include <immintrin.h>

// Calls would pass vectors and constants through memory.
#define INLINE __attribute__((always_inline)) inline

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,avx512f,avx512dq,avx512vl,avx512ifma"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,avx512f,avx512dq,avx512vl,avx512ifma")
#endif

namespace einfer::kernels {
namespace {

#include "kernels/avx512_vector.inc"

struct Root {
    Vector operand;
    Vector quotient;  ///< floor(operand · 2^52 / p)
};

struct Prime {
    Vector p;
    Vector lazy;      ///< 2p: the bound of multiply()
    Vector negative;  ///< 2^52 − p
    Vector low;       ///< 2^52 − 1
};

INLINE Root make_root(Vector operand, Vector quotient) { return {operand, quotient}; }

INLINE Root broadcast_root(const Factor& factor) {
    return {broadcast(factor.operand), broadcast(factor.quotient >> 11)};
}

INLINE Prime make_prime(const Modulus& modulus) {
    constexpr std::uint64_t two_to_52 = std::uint64_t{1} << 52;
    return {broadcast(modulus.value()), broadcast(2 * modulus.value()), broadcast(two_to_52 - modulus.value()),
            broadcast(two_to_52 - 1)};
}

INLINE Vector high_52(Vector sum, Vector a, Vector b) { return _mm512_madd52hi_epu64(sum, a, b); }
INLINE Vector low_52(Vector sum, Vector a, Vector b) { return _mm512_madd52lo_epu64(sum, a, b); }

/// x below 2^52.
INLINE Vector multiply(Vector x, Root by, Prime prime) {
    const Vector zero = _mm512_setzero_si512();
    const Vector quotient = high_52(zero, x, by.quotient);
    return bit_and(low_52(low_52(zero, x, by.operand), quotient, prime.negative), prime.low);
}

INLINE Vector guard(Vector x, Prime prime) { return smaller(x, prime.lazy); }

INLINE Vector canonical(Vector x, Prime prime) { return smaller(x, prime.p); }

#define QUOTIENTS(factors) (factors).quotients_52.data()
INLINE void forward_butterfly(Vector& x, Vector& y, Root root, Prime prime);
INLINE void inverse_butterfly(Vector& x, Vector& y, Root root, Prime prime);
#include "kernels/avx512_tail.inc"

#include "kernels/vector_elementwise.inc"
#include "kernels/vector_ntt.inc"

/// A sum of products of residues: high · 2^52 + low.
struct Sum {
    Vector high, low;
};

struct SumReduction {
    Prime prime;
    Root one, two_to_52;
};

INLINE SumReduction make_sum_reduction(const Modulus& modulus) {
    return {make_prime(modulus), broadcast_root(modulus.one()), broadcast_root(modulus.two_to_52())};
}

/// So many products, and a residue, leave `high` with its carry below 2^52, and `low` below 2^64.
constexpr std::size_t terms_of_sum = 15;  // high parts below 2^48, at 50 bits

INLINE Sum empty_sum() { return {broadcast(0), broadcast(0)}; }

INLINE void accumulate(Sum& sum, Vector a, Vector b) {
    sum.high = high_52(sum.high, a, b);
    sum.low = low_52(sum.low, a, b);
}

INLINE Vector reduce_sum(const Sum& sum, SumReduction by) {
    const Vector high = add(sum.high, SHIFT_RIGHT(sum.low, 52));
    const Vector low = bit_and(sum.low, by.prime.low);
    const Vector total = add(multiply(high, by.two_to_52, by.prime), multiply(low, by.one, by.prime));
    return canonical(guard(total, by.prime), by.prime);
}

INLINE void renew(Sum& sum, SumReduction by) {
    const Vector so_far = reduce_sum(sum, by);
    sum = empty_sum();
    sum.low = so_far;
}

void multiply(const Modulus& modulus, std::size_t n, const std::uint64_t* a, const std::uint64_t* b,
              std::uint64_t* out) {
    const SumReduction reduction = make_sum_reduction(modulus);
    std::size_t i = 0;
    for (; i + lanes <= n; i += lanes) {
        Sum sum = empty_sum();
        accumulate(sum, load(a + i), load(b + i));
        store(out + i, reduce_sum(sum, reduction));
    }
    scalar_kernels.multiply(modulus, n - i, a + i, b + i, out + i);
}

void sum_of_products(const Modulus& modulus, std::size_t n, std::span<const Term> terms, std::uint64_t* out) {
    const SumReduction reduction = make_sum_reduction(modulus);
    for (std::size_t i = 0; i < n; i += lanes) {
        Sum sum = empty_sum();
        std::size_t room = terms_of_sum;
        for (const Term& term : terms) {
            if (room-- == 0) {
                renew(sum, reduction);
                room = terms_of_sum - 1;
            }
            accumulate(sum, load(term.values + i), load(term.factors + i));
        }
        store(out + i, reduce_sum(sum, reduction));
    }
}

void weighted_sum(const Modulus& modulus, std::size_t n, std::span<const ScaledTerm> terms, std::uint64_t constant,
                  std::uint64_t* out) {
    const SumReduction reduction = make_sum_reduction(modulus);
    for (std::size_t i = 0; i < n; i += lanes) {
        Sum sum = empty_sum();
        sum.low = broadcast(constant);
        std::size_t room = terms_of_sum;
        for (const ScaledTerm& term : terms) {
            if (room-- == 0) {
                renew(sum, reduction);
                room = terms_of_sum - 1;
            }
            accumulate(sum, load(term.values + i), broadcast(term.weight));
        }
        store(out + i, reduce_sum(sum, reduction));
    }
}

void pair_of_sums(const Modulus& modulus, std::size_t n, std::span<const std::uint64_t* const> values,
                  PairedFactors factors, const std::uint32_t* permutation, std::uint64_t* first,
                  std::uint64_t* second) {
    constexpr std::size_t run = PairedFactors::run;
    const SumReduction reduction = make_sum_reduction(modulus);
    const std::size_t ahead = runs_ahead * factors.stride;
    for (std::size_t i = 0; i < n; i += lanes) {
        const std::uint64_t* factor = factors.words + i / run * factors.stride + i % run;
        Sum one = empty_sum(), other = empty_sum();
        std::size_t room = terms_of_sum;
        for (const std::uint64_t* const each : values) {
            if (room-- == 0) {
                renew(one, reduction);
                renew(other, reduction);
                room = terms_of_sum - 1;
            }
            const Vector value = permutation == nullptr ? load(each + i) : load_permuted(each, permutation + i);
            prefetch(factor + ahead);
            prefetch(factor + ahead + run);
            accumulate(one, value, load(factor));
            accumulate(other, value, load(factor + run));
            factor += 2 * run;
        }
        store(first + i, reduce_sum(one, reduction));
        store(second + i, reduce_sum(other, reduction));
    }
}

// What each function does for which prime.

bool narrow(const Modulus& modulus) { return modulus.fits_ifma(); }

void any_ntt_forward(const NttTables& tables, const std::uint64_t* values, std::uint64_t* out) {
    (narrow(tables.modulus()) ? ntt_forward : avx512dq_kernels.ntt_forward)(tables, values, out);
}

void any_ntt_inverse(const NttTables& tables, const std::uint64_t* values, std::uint64_t* out) {
    (narrow(tables.modulus()) ? ntt_inverse : avx512dq_kernels.ntt_inverse)(tables, values, out);
}

void any_multiply(const Modulus& modulus, std::size_t n, const std::uint64_t* a, const std::uint64_t* b,
                  std::uint64_t* out) {
    if (!narrow(modulus)) return avx512dq_kernels.multiply(modulus, n, a, b, out);
    multiply(modulus, n, a, b, out);
}

void any_sum_of_products(const Modulus& modulus, std::size_t n, std::span<const Term> terms, std::uint64_t* out) {
    if (!narrow(modulus) || n % lanes != 0) return avx512dq_kernels.sum_of_products(modulus, n, terms, out);
    sum_of_products(modulus, n, terms, out);
}

void any_weighted_sum(const Modulus& modulus, std::size_t n, std::span<const ScaledTerm> terms, std::uint64_t constant,
                      std::uint64_t* out) {
    if (!narrow(modulus) || n % lanes != 0) return avx512dq_kernels.weighted_sum(modulus, n, terms, constant, out);
    weighted_sum(modulus, n, terms, constant, out);
}

void any_pair_of_sums(const Modulus& modulus, std::size_t n, std::span<const std::uint64_t* const> values,
                      PairedFactors factors, const std::uint32_t* permutation, std::uint64_t* first,
                      std::uint64_t* second) {
    (narrow(modulus) ? pair_of_sums : avx512dq_kernels.pair_of_sums)(modulus, n, values, factors, permutation, first,
                                                                     second);
}

/// Words to be reduced may be those of a wider prime.
void any_reduce(const Modulus& modulus, std::size_t n, const std::uint64_t* words, std::uint64_t addend,
                std::uint64_t* out) {
    avx512dq_kernels.reduce(modulus, n, words, addend, out);
}

void any_subtract_multiply(const Modulus& modulus, std::size_t n, const std::uint64_t* a, const std::uint64_t* b,
                           const Factor& by, const std::uint64_t* addend, std::uint64_t* out) {
    if (!narrow(modulus)) return avx512dq_kernels.subtract_multiply(modulus, n, a, b, by, addend, out);
    subtract_multiply(modulus, n, a, b, by, addend, out);
}

}  // namespace

const Kernels avx512ifma_kernels{
    .name = "avx512ifma",
    .ntt_forward = any_ntt_forward,
    .ntt_inverse = any_ntt_inverse,
    .add = add,
    .subtract = subtract,
    .add_constant = add_constant,
    .multiply = any_multiply,
    .sum_of_products = any_sum_of_products,
    .weighted_sum = any_weighted_sum,
    .pair_of_sums = any_pair_of_sums,
    .reduce = any_reduce,
    .subtract_multiply = any_subtract_multiply,
    .permute = permute,
};

}  // namespace einfer::kernels

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#else

namespace einfer::kernels {
const Kernels avx512ifma_kernels = [] {
    Kernels kernels = scalar_kernels;
    kernels.name = "avx512ifma";
    return kernels;
}();
}  // namespace einfer::kernels

#endif
