// Compiled for AVX2, run only where there is AVX2: so nothing but intrinsics in here. A template or an inline function
// of the library would be compiled for AVX2 too, and the linker might choose that copy for the whole program.
#include "protocol/hex_decoder.h"

#if defined(__x86_64__)

#include <immintrin.h>

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2")
#endif

namespace einfer::protocol {
namespace {

struct Nibbles {
    __m256i values;
    __m256i good;  ///< all ones in the bytes of digits
};

inline Nibbles nibbles_of(const char* digits) {
    const __m256i text = _mm256_loadu_si256(reinterpret_cast<const __m256i*>(digits));
    const __m256i decimal = _mm256_sub_epi8(text, _mm256_set1_epi8('0'));
    const __m256i letter = _mm256_sub_epi8(_mm256_or_si256(text, _mm256_set1_epi8(0x20)), _mm256_set1_epi8('a'));
    // Unsigned x <= n as min(x, n) == x.
    const __m256i is_decimal = _mm256_cmpeq_epi8(_mm256_min_epu8(decimal, _mm256_set1_epi8(9)), decimal);
    const __m256i is_letter = _mm256_cmpeq_epi8(_mm256_min_epu8(letter, _mm256_set1_epi8(5)), letter);
    return {_mm256_blendv_epi8(_mm256_add_epi8(letter, _mm256_set1_epi8(10)), decimal, is_decimal),
            _mm256_or_si256(is_decimal, is_letter)};
}

/// One digit's value; 16 when it is none.
inline unsigned value_of(char digit) {
    const auto c = static_cast<unsigned char>(digit);
    if (c >= '0' && c <= '9') return c - unsigned{'0'};
    const unsigned letter = (c | 0x20u) - unsigned{'a'};
    return letter <= 5 ? letter + 10 : 16;
}

}  // namespace

bool decode_hex_avx2(const char* digits, std::uint8_t* bytes, std::size_t count) {
    const __m256i weights = _mm256_set1_epi16(0x0110);  // the first digit of a pair counts 16, the second 1
    __m256i good = _mm256_set1_epi8(-1);
    std::size_t at = 0;
    for (; at + 32 <= count; at += 32) {
        const Nibbles first = nibbles_of(digits + 2 * at), second = nibbles_of(digits + 2 * at + 32);
        good = _mm256_and_si256(good, _mm256_and_si256(first.good, second.good));
        const __m256i packed = _mm256_packus_epi16(_mm256_maddubs_epi16(first.values, weights),
                                                   _mm256_maddubs_epi16(second.values, weights));
        // Packing went lane by lane; the quarters are put in order.
        _mm256_storeu_si256(reinterpret_cast<__m256i*>(bytes + at), _mm256_permute4x64_epi64(packed, 0xd8));
    }
    bool all_good = _mm256_movemask_epi8(good) == -1;
    for (; at < count; ++at) {
        const unsigned high = value_of(digits[2 * at]), low = value_of(digits[2 * at + 1]);
        all_good = all_good && high < 16 && low < 16;
        bytes[at] = static_cast<std::uint8_t>(high << 4 | low);
    }
    return all_good;
}

}  // namespace einfer::protocol

#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif
