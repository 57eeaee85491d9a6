// After Gopal et al., "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction" (Intel, 2009), in its
// form for the reflected polynomial 0xEDB88320. Compiled for instructions that not every processor has: so nothing but
// intrinsics in here. A template or an inline function of the library would be compiled so too, and the linker might
// choose that copy for the whole program.
#include "jobs/crc32.h"

#if defined(__x86_64__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("pclmul,sse4.1"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("pclmul,sse4.1")
#endif

namespace einfer::jobs {
namespace {

inline __m128i load_block(const std::uint8_t* bytes) {
    return _mm_loadu_si128(reinterpret_cast<const __m128i*>(bytes));
}

/// `block` moved as far as the constants say, plus what is there.
inline __m128i fold(__m128i block, __m128i constants, __m128i next) {
    return _mm_xor_si128(_mm_xor_si128(_mm_clmulepi64_si128(block, constants, 0x00), next),
                         _mm_clmulepi64_si128(block, constants, 0x11));
}

}  // namespace

std::uint32_t crc32_clmul(std::uint32_t crc, const std::uint8_t* bytes, std::size_t count) {
    const __m128i by_64_bytes = _mm_set_epi64x(0x01c6e41596, 0x0154442bd4);
    const __m128i by_16_bytes = _mm_set_epi64x(0x00ccaa009e, 0x01751997d0);
    const __m128i by_4_bytes = _mm_set_epi64x(0, 0x0163cd6124);
    const __m128i polynomial = _mm_set_epi64x(0x01f7011641, 0x01db710641);  // and its inverse, for the last division
    const __m128i low_halves = _mm_setr_epi32(~0, 0, ~0, 0);

    __m128i a = _mm_xor_si128(load_block(bytes), _mm_cvtsi32_si128(static_cast<int>(~crc)));
    __m128i b = load_block(bytes + 16), c = load_block(bytes + 32), d = load_block(bytes + 48);
    std::size_t at = 64;
    for (; at + 64 <= count; at += 64) {
        a = fold(a, by_64_bytes, load_block(bytes + at));
        b = fold(b, by_64_bytes, load_block(bytes + at + 16));
        c = fold(c, by_64_bytes, load_block(bytes + at + 32));
        d = fold(d, by_64_bytes, load_block(bytes + at + 48));
    }
    a = fold(a, by_16_bytes, b);
    a = fold(a, by_16_bytes, c);
    a = fold(a, by_16_bytes, d);
    for (; at + 16 <= count; at += 16) a = fold(a, by_16_bytes, load_block(bytes + at));

    // 128 bits to 64, then to 32.
    a = _mm_xor_si128(_mm_srli_si128(a, 8), _mm_clmulepi64_si128(a, by_16_bytes, 0x10));
    a = _mm_xor_si128(_mm_srli_si128(a, 4), _mm_clmulepi64_si128(_mm_and_si128(a, low_halves), by_4_bytes, 0x00));
    __m128i quotient = _mm_clmulepi64_si128(_mm_and_si128(a, low_halves), polynomial, 0x10);
    quotient = _mm_clmulepi64_si128(_mm_and_si128(quotient, low_halves), polynomial, 0x00);
    return ~static_cast<std::uint32_t>(_mm_extract_epi32(_mm_xor_si128(a, quotient), 1));
}

}  // namespace einfer::jobs

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
