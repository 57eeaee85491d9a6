// A mutator that knows where things are in a serialized ciphertext.
#pragma once

#include "common/objects.h"

#include <array>
#include <cstring>
#include <random>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace einfer::fuzz {

/// Puts an interesting value into one field of the object: often one that fits a model of this degree, parms_id and
/// scale. False when the object is too short for the field chosen.
inline bool mutate_field(std::span<std::uint8_t> object, std::minstd_rand& random, std::uint64_t degree,
                         const std::array<std::uint64_t, 4>& parms_id, double scale) {
    namespace at = test::at;
    constexpr std::array<std::uint64_t, 22> values{0,  1,  2,          3,          4,          16,   17,    24,
                                                   81, 97, 1023,       1024,       2048,       4096, 32768, 65536,
                                                   64, 65, 1ULL << 30, 1ULL << 61, 1ULL << 63, ~0ULL};
    constexpr std::array<std::size_t, 8> offsets{
        at::size,       at::poly_modulus_degree, at::coeff_modulus_size, at::scale, at::correction_factor,
        at::word_count, at::words_header + 8,    at::object_size};
    const auto put = [&](std::size_t offset, const auto& value) {
        if (offset + sizeof value > object.size()) return false;
        std::memcpy(object.data() + offset, &value, sizeof value);
        return true;
    };
    switch (random() % 8) {
        case 0: return put(at::parms_id, parms_id);
        case 1: return put(at::scale, scale);
        case 2:
        case 3: return put(offsets[random() % offsets.size()], values[random() % values.size()]);
        case 4: return put(at::minor, static_cast<std::uint8_t>(random() % 6));
        case 5: return put(at::compression, static_cast<std::uint8_t>(random() % 4));
        case 6: return put(at::is_ntt_form, static_cast<std::uint8_t>(random() % 3));
        default: {  // sizes that fit each other again
            if (object.size() < at::words) return false;
            const std::uint64_t polynomials = 1 + random() % 3, primes = 1 + random() % 3;
            const std::uint64_t count = polynomials * primes * degree;
            put(at::size, polynomials == 1 ? std::uint64_t{2} : polynomials);
            put(at::poly_modulus_degree, degree);
            put(at::coeff_modulus_size, primes);
            put(at::word_count, count);
            put(at::words_header + 8, std::uint64_t{24} + 8 * count);
            return true;
        }
    }
}

}  // namespace einfer::fuzz
