// SEAL 4.x ciphertext bytes spelled out by hand, so that any of them can be made wrong. Needs neither SEAL nor
// src/wire: what tests expect is written down a second time, here.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <vector>

namespace einfer::test {

using Bytes = std::vector<std::uint8_t>;

/// Offsets in an uncompressed serialized ciphertext, outer header included.
namespace at {
inline constexpr std::size_t magic = 0, header_size = 2, major = 3, minor = 4, compression = 5, reserved = 6,
                             object_size = 8, parms_id = 16, is_ntt_form = 48, size = 49, poly_modulus_degree = 57,
                             coeff_modulus_size = 65, scale = 73, correction_factor = 81, words_header = 89,
                             word_count = 105, words = 113;
}

template <class T>
void append(Bytes& bytes, T value) {
    const std::size_t end = bytes.size();
    bytes.resize(end + sizeof value);
    std::memcpy(bytes.data() + end, &value, sizeof value);
}

template <class T>
void patch(Bytes& bytes, std::size_t offset, T value) {
    std::memcpy(bytes.data() + offset, &value, sizeof value);
}

template <class T>
[[nodiscard]] T peek(const Bytes& bytes, std::size_t offset) {
    T value;
    std::memcpy(&value, bytes.data() + offset, sizeof value);
    return value;
}

inline void append_header(Bytes& bytes, std::uint8_t minor, std::uint8_t compression, std::uint64_t size) {
    append<std::uint16_t>(bytes, 0xA15E);
    append<std::uint8_t>(bytes, 16);
    append<std::uint8_t>(bytes, 4);
    append(bytes, minor);
    append(bytes, compression);
    append<std::uint16_t>(bytes, 0);
    append(bytes, size);
}

/// Puts the outer header in front of a body (compressed already, when `compression` says so).
[[nodiscard]] inline Bytes with_header(const Bytes& body, std::uint8_t minor, std::uint8_t compression = 0) {
    Bytes bytes;
    bytes.reserve(16 + body.size());
    append_header(bytes, minor, compression, 16 + body.size());
    bytes.insert(bytes.end(), body.begin(), body.end());
    return bytes;
}

/// An honest ciphertext unless a field is changed.
struct CiphertextFields {
    std::uint8_t minor = 1;
    std::array<std::uint64_t, 4> parms_id{11, 12, 13, 14};
    std::uint8_t is_ntt_form = 1;
    std::uint64_t size = 2;
    std::uint64_t poly_modulus_degree = 1024;
    std::uint64_t coeff_modulus_size = 2;
    double scale = 1099511627776.0;  // 2^40
    std::uint64_t correction_factor = 1;
    std::optional<std::uint64_t> word_count{};  ///< as declared; the words follow it
    bool seeded = false;
    std::uint8_t generator = 1;

    [[nodiscard]] std::uint64_t honest_word_count() const {
        return (seeded ? 1 : size) * poly_modulus_degree * coeff_modulus_size;
    }
    /// Some residue that fits 20-bit primes and is never zero.
    [[nodiscard]] static std::uint64_t word(std::uint64_t index) { return 1 + (index * 2654435761U >> 7) % 500000; }

    /// What follows the outer header.
    [[nodiscard]] Bytes body() const {
        Bytes bytes;
        const std::uint64_t words = word_count.value_or(honest_word_count());
        bytes.reserve(178 + 8 * words);
        for (const std::uint64_t word : parms_id) append(bytes, word);
        append(bytes, is_ntt_form);
        append(bytes, size);
        append(bytes, poly_modulus_degree);
        append(bytes, coeff_modulus_size);
        append(bytes, scale);
        append(bytes, correction_factor);
        append_header(bytes, minor, 0, 24 + 8 * words);
        append(bytes, words);
        for (std::uint64_t i = 0; i < words; ++i) append(bytes, word(i));
        if (seeded) {
            append_header(bytes, minor, 0, 81);
            append(bytes, generator);
            for (std::uint8_t i = 0; i < 64; ++i) append(bytes, i);
        }
        return bytes;
    }
    [[nodiscard]] Bytes serialize() const { return with_header(body(), minor); }
};

}  // namespace einfer::test
