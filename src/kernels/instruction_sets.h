// The vector kernels. Private to src/kernels: calling one that the machine lacks ends the process.
#pragma once

#include "kernels/kernels.h"

namespace einfer::kernels {

/// How far PairedFactors are fetched ahead of their use, in runs: keys come from memory, and the hardware's own guess is
/// too short. Measured: 4 to 8 are best.
inline constexpr std::size_t runs_ahead = 4;

extern const Kernels avx2_kernels;        ///< every prime, by 32-bit products
extern const Kernels avx512dq_kernels;    ///< every prime, by 32- and 64-bit products
extern const Kernels avx512ifma_kernels;  ///< primes up to 50 bits by 52-bit products, others as avx512dq

}  // namespace einfer::kernels
