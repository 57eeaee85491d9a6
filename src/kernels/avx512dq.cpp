#include "kernels/instruction_sets.h"

#include <algorithm>
#include <bit>

#if defined(__x86_64__)

#include <immintrin.h>

// Calls would pass vectors and constants through memory.
#define INLINE __attribute__((always_inline)) inline

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,avx512f,avx512dq,avx512vl"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,avx512f,avx512dq,avx512vl")
#endif

namespace einfer::kernels {
namespace {

#include "kernels/avx512_vector.inc"

#include "kernels/vector_wide.inc"

#define QUOTIENTS(factors) (factors).quotients.data()
INLINE void forward_butterfly(Vector& x, Vector& y, Root root, Prime prime);
INLINE void inverse_butterfly(Vector& x, Vector& y, Root root, Prime prime);
#include "kernels/avx512_tail.inc"

#include "kernels/vector_elementwise.inc"
#include "kernels/vector_ntt.inc"

}  // namespace

const Kernels avx512dq_kernels{
    .name = "avx512dq",
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
const Kernels avx512dq_kernels = [] {
    Kernels kernels = scalar_kernels;
    kernels.name = "avx512dq";
    return kernels;
}();
}  // namespace einfer::kernels

#endif
