// Arithmetic modulo one NTT prime. Everything here is exact; residues are canonical, in [0, p), unless said otherwise.
#pragma once

#include <cstdint>

namespace einfer::kernels {

__extension__ using Wide = unsigned __int128;

/// Primes are below this. Bounds in the vector code depend on it: 8p < 2^63.
inline constexpr int max_prime_bits = 60;
/// Primes below 2^50 fit the 52-bit multipliers of AVX-512 IFMA with room for 4p.
inline constexpr int max_ifma_prime_bits = 50;

/// A constant factor with Shoup's quotient: multiplying by it costs three word products and no division.
/// (D. Harvey, "Faster arithmetic for number-theoretic transforms", 2012.) 63 bits rather than 64, so that the partial
/// products of 32-bit multipliers do not overflow.
struct Factor {
    std::uint64_t operand = 0;   ///< in [0, p)
    std::uint64_t quotient = 0;  ///< floor(operand · 2^63 / p)
};

/// word − bound unless that is negative, then word; word < 2^63 and bound < 2^63. By a mask rather than a comparison,
/// of which clang makes branches: secrets pass through the client's transforms.
[[nodiscard]] constexpr std::uint64_t subtract_once(std::uint64_t word, std::uint64_t bound) {
    const std::uint64_t difference = word - bound;
    return difference + (bound & (0 - (difference >> 63)));
}

class Modulus {
public:
    Modulus() = default;
    /// `value` in [2, 2^60), odd, for powers also prime.
    explicit Modulus(std::uint64_t value);

    [[nodiscard]] std::uint64_t value() const { return value_; }
    [[nodiscard]] int bits() const { return bits_; }
    [[nodiscard]] bool fits_ifma() const { return bits_ <= max_ifma_prime_bits; }

    [[nodiscard]] Factor factor(std::uint64_t operand) const {
        return {operand, static_cast<std::uint64_t>((static_cast<Wide>(operand) << 63) / value_)};
    }

    [[nodiscard]] std::uint64_t add(std::uint64_t a, std::uint64_t b) const { return below(a + b); }
    [[nodiscard]] std::uint64_t subtract(std::uint64_t a, std::uint64_t b) const { return below(a + value_ - b); }
    [[nodiscard]] std::uint64_t multiply(std::uint64_t a, std::uint64_t b) const {
        return reduce(static_cast<Wide>(a) * b);
    }
    /// Any word.
    [[nodiscard]] std::uint64_t reduce(std::uint64_t word) const { return word % value_; }
    /// Anything below 2^128 (Barrett).
    [[nodiscard]] std::uint64_t reduce(Wide number) const {
        // floor(number · ratio / 2^128), at most 1 too small without the lowest partial product's carry.
        const auto low = static_cast<std::uint64_t>(number);
        const auto high = static_cast<std::uint64_t>(number >> 64);
        const Wide carry = static_cast<Wide>(low) * ratio_low_ >> 64;
        const Wide middle = static_cast<Wide>(low) * ratio_high_ + carry;
        const Wide other = static_cast<Wide>(high) * ratio_low_ + static_cast<std::uint64_t>(middle);
        const std::uint64_t quotient =
            high * ratio_high_ + static_cast<std::uint64_t>(middle >> 64) + static_cast<std::uint64_t>(other >> 64);
        return below(low - quotient * value_);
    }
    /// word < 2^63; the result is in [0, 2p).
    [[nodiscard]] std::uint64_t multiply_lazy(std::uint64_t word, const Factor& by) const {
        const auto quotient = static_cast<std::uint64_t>(static_cast<Wide>(word) * by.quotient >> 63);
        return word * by.operand - quotient * value_;
    }
    [[nodiscard]] std::uint64_t multiply(std::uint64_t word, const Factor& by) const {
        return below(multiply_lazy(word, by));
    }
    /// word < 2p.
    [[nodiscard]] std::uint64_t below(std::uint64_t word) const { return subtract_once(word, value_); }

    [[nodiscard]] std::uint64_t power(std::uint64_t base, std::uint64_t exponent) const;
    /// Of a non-zero residue.
    [[nodiscard]] std::uint64_t inverse(std::uint64_t a) const { return power(a, value_ - 2); }

    // Constants of the vector code.
    [[nodiscard]] const Factor& one() const { return one_; }
    [[nodiscard]] const Factor& two_to_52() const { return two_to_52_; }
    [[nodiscard]] const Factor& two_to_60() const { return two_to_60_; }

private:
    std::uint64_t value_ = 0;
    int bits_ = 0;
    std::uint64_t ratio_high_ = 0;  ///< floor(2^128 / p)
    std::uint64_t ratio_low_ = 0;
    Factor one_, two_to_52_, two_to_60_;
};

}  // namespace einfer::kernels
