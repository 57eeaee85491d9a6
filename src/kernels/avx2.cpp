#include "kernels/instruction_sets.h"

#include <algorithm>
#include <bit>

#if defined(__x86_64__)

#include <immintrin.h>

// Calls would pass vectors and constants through memory.
#define INLINE __attribute__((always_inline)) inline

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

namespace einfer::kernels {
namespace {

using Vector = __m256i;
constexpr std::size_t lanes = 4;
constexpr std::size_t tail_span = 8;

#define SHIFT_RIGHT(x, bits) _mm256_srli_epi64(x, bits)
#define SHIFT_LEFT(x, bits) _mm256_slli_epi64(x, bits)

INLINE Vector load(const std::uint64_t* from) { return _mm256_loadu_si256(reinterpret_cast<const Vector*>(from)); }
INLINE void store(std::uint64_t* to, Vector x) { _mm256_storeu_si256(reinterpret_cast<Vector*>(to), x); }
INLINE Vector broadcast(std::uint64_t word) { return _mm256_set1_epi64x(static_cast<long long>(word)); }
INLINE Vector add(Vector a, Vector b) { return _mm256_add_epi64(a, b); }
INLINE Vector subtract(Vector a, Vector b) { return _mm256_sub_epi64(a, b); }
INLINE Vector bit_and(Vector a, Vector b) { return _mm256_and_si256(a, b); }
INLINE Vector multiply_32(Vector a, Vector b) { return _mm256_mul_epu32(a, b); }
INLINE Vector multiply_64(Vector a, Vector b) {
    const Vector crossed = add(multiply_32(SHIFT_RIGHT(a, 32), b), multiply_32(a, SHIFT_RIGHT(b, 32)));
    return add(multiply_32(a, b), SHIFT_LEFT(crossed, 32));
}
/// x − y unless that is negative, then x.
INLINE Vector smaller(Vector x, Vector y) {
    const Vector difference = subtract(x, y);
    return _mm256_castpd_si256(
        _mm256_blendv_pd(_mm256_castsi256_pd(difference), _mm256_castsi256_pd(x), _mm256_castsi256_pd(difference)));
}
INLINE void prefetch(const std::uint64_t* at) { _mm_prefetch(reinterpret_cast<const char*>(at), _MM_HINT_T0); }
INLINE Vector load_permuted(const std::uint64_t* values, const std::uint32_t* at) {
    return _mm256_set_epi64x(static_cast<long long>(values[at[3]]), static_cast<long long>(values[at[2]]),
                             static_cast<long long>(values[at[1]]), static_cast<long long>(values[at[0]]));
}

#include "kernels/vector_wide.inc"

INLINE void forward_butterfly(Vector& x, Vector& y, Root root, Prime prime);
INLINE void inverse_butterfly(Vector& x, Vector& y, Root root, Prime prime);

INLINE Vector twice_each(const std::uint64_t* two) {
    const __m128i both = _mm_loadu_si128(reinterpret_cast<const __m128i*>(two));
    return _mm256_permute4x64_epi64(_mm256_castsi128_si256(both), 0x50);
}

/// Factors of two nodes, each for two lanes.
INLINE Root pair_root(const Factors& roots, std::size_t node) {
    return make_root(twice_each(roots.operands.data() + node), twice_each(roots.quotients.data() + node));
}

INLINE Root each_root(const Factors& roots, std::size_t node) {
    return make_root(load(roots.operands.data() + node), load(roots.quotients.data() + node));
}

/// Node `node`, of 8 values: levels of 4, 2 and 1.
INLINE void forward_tail(std::uint64_t* values, const NttTables& tables, std::size_t node, Prime prime) {
    const Factors& roots = tables.roots();
    Vector x = load(values), y = load(values + 4);
    forward_butterfly(x, y, broadcast_root(roots.at(node)), prime);
    Vector lower = _mm256_permute2x128_si256(x, y, 0x20);  // 0 1 4 5
    Vector upper = _mm256_permute2x128_si256(x, y, 0x31);  // 2 3 6 7
    forward_butterfly(lower, upper, pair_root(roots, 2 * node), prime);
    x = _mm256_unpacklo_epi64(lower, upper);  // 0 2 4 6
    y = _mm256_unpackhi_epi64(lower, upper);  // 1 3 5 7
    forward_butterfly(x, y, each_root(roots, 4 * node), prime);
    x = canonical(guard(x, prime), prime);
    y = canonical(guard(y, prime), prime);
    lower = _mm256_unpacklo_epi64(x, y);  // 0 1 4 5
    upper = _mm256_unpackhi_epi64(x, y);  // 2 3 6 7
    store(values, _mm256_permute2x128_si256(lower, upper, 0x20));
    store(values + 4, _mm256_permute2x128_si256(lower, upper, 0x31));
}

INLINE void inverse_tail(std::uint64_t* values, const NttTables& tables, std::size_t node, Prime prime) {
    const Factors& roots = tables.inverse_roots();
    const Vector first = load(values), second = load(values + 4);
    Vector lower = _mm256_permute2x128_si256(first, second, 0x20);  // 0 1 4 5
    Vector upper = _mm256_permute2x128_si256(first, second, 0x31);  // 2 3 6 7
    Vector x = _mm256_unpacklo_epi64(lower, upper);                 // 0 2 4 6
    Vector y = _mm256_unpackhi_epi64(lower, upper);                 // 1 3 5 7
    inverse_butterfly(x, y, each_root(roots, 4 * node), prime);
    lower = _mm256_unpacklo_epi64(x, y);  // 0 1 4 5
    upper = _mm256_unpackhi_epi64(x, y);  // 2 3 6 7
    inverse_butterfly(lower, upper, pair_root(roots, 2 * node), prime);
    x = _mm256_permute2x128_si256(lower, upper, 0x20);  // 0 1 2 3
    y = _mm256_permute2x128_si256(lower, upper, 0x31);  // 4 5 6 7
    inverse_butterfly(x, y, broadcast_root(roots.at(node)), prime);
    store(values, x);
    store(values + 4, y);
}

#include "kernels/vector_elementwise.inc"
#include "kernels/vector_ntt.inc"

}  // namespace

const Kernels avx2_kernels{
    .name = "avx2",
    .ntt_forward = ntt_forward,
    .ntt_inverse = ntt_inverse,
    .add = add,
    .subtract = subtract,
    .add_constant = add_constant,
    .multiply = multiply,
    .sum_of_products = sum_of_products,
    .weighted_sum = weighted_sum,
    .pair_of_sums = pair_of_sums,
    .reduce = reduce,
    .subtract_multiply = subtract_multiply,
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
const Kernels avx2_kernels = [] {
    Kernels kernels = scalar_kernels;
    kernels.name = "avx2";
    return kernels;
}();
}  // namespace einfer::kernels

#endif
