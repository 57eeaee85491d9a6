// Key switching on residues: decompose a polynomial, multiply with the key, divide by the key-switching prime.
// SEAL's variant (one special prime, one digit a data prime; docs/architecture/evaluation.md), word for word.
#pragma once

#include "he/ciphertext.h"
#include "he/ring.h"

#include <cstdint>
#include <span>
#include <vector>

namespace einfer::he {

/// A polynomial's residues as integers, each modulo every prime of its level and the key-switching prime, transformed:
/// (prime_count + 1) blocks of prime_count polynomials, block i modulo prime i, the last modulo the key-switching one.
struct Digits {
    std::size_t prime_count = 0;
    Residues words;
};

/// Sums of two polynomials over the level's primes and, last, the key-switching prime: prime-major.
struct Extended {
    std::size_t prime_count = 0;
    Residues first, second;  ///< (prime_count + 1) · N
};

class KeySwitch {
public:
    explicit KeySwitch(const Ring& ring) : ring_(ring), kernels_(kernels::active()) {}

    /// `polynomial`: prime_count · N, in NTT form.
    [[nodiscard]] Digits decompose(const std::uint64_t* polynomial, std::size_t prime_count) const;

    struct Rotation {
        const KeySwitchKey* key;
        const std::uint32_t* permutation;  ///< of the digits
    };
    /// Σ digits · key for each rotation. The digits of one prime serve all of them while they are in the cache.
    [[nodiscard]] std::vector<Extended> multiply(const Digits& digits, std::span<const Rotation> rotations) const;

    /// multiply(decompose(polynomial), key), with the digits of one prime at a time in memory.
    [[nodiscard]] Extended switch_key(const std::uint64_t* polynomial, std::size_t prime_count,
                                      const KeySwitchKey& key) const;

    /// sum / key-switching prime, rounded, plus `addend` (prime_count · N) unless null, into `out`. Destroys the sum.
    void divide(Residues& sum, std::size_t prime_count, const std::uint64_t* addend, std::uint64_t* out) const;

    /// What divide() and rescaling have in common: `last` is modulo prime `divisor` and is destroyed;
    /// values ← (values − last) / divisor modulo prime `prime`, rounded, plus addend unless null, into `out`.
    class Division {
    public:
        Division(const KeySwitch& owner, std::size_t divisor, std::uint64_t* last);
        void apply(std::size_t prime, const std::uint64_t* values, const std::uint64_t* addend, std::uint64_t* out);

    private:
        const KeySwitch& owner_;
        const std::size_t divisor_;
        const std::uint64_t* last_;
        const std::uint64_t half_;
        Residues remainder_;
    };

private:
    /// Prime `target` of the level, prime_count: the key-switching prime. `coefficients`: prime_count · N.
    void transform_digit(const std::uint64_t* coefficients, std::size_t digit, std::size_t target_prime,
                         std::uint64_t* out) const;
    [[nodiscard]] Residues to_coefficients(const std::uint64_t* polynomial, std::size_t prime_count) const;
    void multiply_block(const std::uint64_t* const* digits, std::size_t prime_count, std::size_t target,
                        const KeySwitchKey& key, const std::uint32_t* permutation, Extended& sum) const;
    [[nodiscard]] std::size_t prime_of(std::size_t target, std::size_t prime_count) const {
        return target == prime_count ? ring_.prime_count() - 1 : target;
    }

    const Ring& ring_;
    const kernels::Kernels& kernels_;
};

}  // namespace einfer::he
