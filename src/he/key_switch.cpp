#include "he/key_switch.h"

#include "he/helpers.h"

#include <array>

namespace einfer::he {
namespace {

constexpr std::size_t max_primes = 64;  // as many as SEAL allows

Extended make_extended(std::size_t prime_count, std::size_t degree) {
    Extended sum{prime_count, {}, {}};
    sum.first.resize((prime_count + 1) * degree);
    sum.second.resize((prime_count + 1) * degree);
    return sum;
}

}  // namespace

Residues KeySwitch::to_coefficients(const std::uint64_t* polynomial, std::size_t prime_count) const {
    const std::size_t degree = ring_.degree();
    Residues coefficients(prime_count * degree);
    for (std::size_t prime = 0; prime < prime_count; ++prime)
        kernels_.ntt_inverse(ring_.tables(prime), polynomial + prime * degree, coefficients.data() + prime * degree);
    return coefficients;
}

void KeySwitch::transform_digit(const std::uint64_t* coefficients, std::size_t digit, std::size_t target_prime,
                                std::uint64_t* out) const {
    const std::uint64_t* const from = coefficients + digit * ring_.degree();
    // The transform takes what is below four times its prime.
    if (ring_.modulus(digit).value() <= 4 * ring_.modulus(target_prime).value()) {
        kernels_.ntt_forward(ring_.tables(target_prime), from, out);
        return;
    }
    kernels_.reduce(ring_.modulus(target_prime), ring_.degree(), from, 0, out);
    kernels_.ntt_forward(ring_.tables(target_prime), out, out);
}

void KeySwitch::multiply_block(const std::uint64_t* const* digits, std::size_t prime_count, std::size_t target,
                               const KeySwitchKey& key, const std::uint32_t* permutation, Extended& sum) const {
    const std::size_t degree = ring_.degree(), prime = prime_of(target, prime_count);
    const std::size_t stride = 2 * kernels::PairedFactors::run * (ring_.prime_count() - 1);
    const std::uint64_t* const factors = key.words.data() + prime * degree / kernels::PairedFactors::run * stride;
    kernels_.pair_of_sums(ring_.modulus(prime), degree, {digits, prime_count}, {factors, stride}, permutation,
                          sum.first.data() + target * degree, sum.second.data() + target * degree);
}

Digits KeySwitch::decompose(const std::uint64_t* polynomial, std::size_t prime_count) const {
    const std::size_t degree = ring_.degree();
    const Residues coefficients = to_coefficients(polynomial, prime_count);
    Digits digits{prime_count, {}};
    digits.words.resize((prime_count + 1) * prime_count * degree);
    Helpers::share_out(prime_count + 1, [&](std::size_t target, std::size_t) {
        std::uint64_t* out = digits.words.data() + target * prime_count * degree;
        for (std::size_t digit = 0; digit < prime_count; ++digit, out += degree) {
            if (digit == target)
                std::copy_n(polynomial + digit * degree, degree, out);
            else
                transform_digit(coefficients.data(), digit, prime_of(target, prime_count), out);
        }
    });
    return digits;
}

std::vector<Extended> KeySwitch::multiply(const Digits& digits, std::span<const Rotation> rotations) const {
    const std::size_t degree = ring_.degree(), prime_count = digits.prime_count;
    std::vector<Extended> sums;
    for (std::size_t i = 0; i < rotations.size(); ++i) sums.push_back(make_extended(prime_count, degree));
    Helpers::share_out(prime_count + 1, [&](std::size_t target, std::size_t) {
        std::array<const std::uint64_t*, max_primes> block;
        for (std::size_t digit = 0; digit < prime_count; ++digit)
            block[digit] = digits.words.data() + (target * prime_count + digit) * degree;
        for (std::size_t i = 0; i < rotations.size(); ++i)
            multiply_block(block.data(), prime_count, target, *rotations[i].key, rotations[i].permutation, sums[i]);
    });
    return sums;
}

Extended KeySwitch::switch_key(const std::uint64_t* polynomial, std::size_t prime_count,
                               const KeySwitchKey& key) const {
    const std::size_t degree = ring_.degree();
    const Residues coefficients = to_coefficients(polynomial, prime_count);
    Extended sum = make_extended(prime_count, degree);
    Residues transformed(Helpers::threads() * prime_count * degree);
    Helpers::share_out(prime_count + 1, [&](std::size_t target, std::size_t thread) {
        std::array<const std::uint64_t*, max_primes> block;
        for (std::size_t digit = 0; digit < prime_count; ++digit) {
            if (digit == target) {
                block[digit] = polynomial + digit * degree;
                continue;
            }
            std::uint64_t* const out = transformed.data() + (thread * prime_count + digit) * degree;
            transform_digit(coefficients.data(), digit, prime_of(target, prime_count), out);
            block[digit] = out;
        }
        multiply_block(block.data(), prime_count, target, key, nullptr, sum);
    });
    return sum;
}

KeySwitch::Division::Division(const KeySwitch& owner, std::size_t divisor, std::uint64_t* last)
    : owner_(owner),
      divisor_(divisor),
      last_(last),
      half_(owner.ring_.modulus(divisor).value() / 2),
      remainder_(owner.ring_.degree()) {
    // Half the divisor, added before and taken away after, makes rounding of flooring.
    owner_.kernels_.ntt_inverse(owner_.ring_.tables(divisor), last, last);
    owner_.kernels_.add_constant(owner_.ring_.modulus(divisor), owner_.ring_.degree(), last, half_, last);
}

void KeySwitch::Division::apply(std::size_t prime, const std::uint64_t* values, const std::uint64_t* addend,
                                std::uint64_t* out) {
    const Ring& ring = owner_.ring_;
    const kernels::Modulus& modulus = ring.modulus(prime);
    const std::uint64_t minus_half = modulus.subtract(0, modulus.reduce(half_));
    owner_.kernels_.reduce(modulus, ring.degree(), last_, minus_half, remainder_.data());
    owner_.kernels_.ntt_forward(ring.tables(prime), remainder_.data(), remainder_.data());
    owner_.kernels_.subtract_multiply(modulus, ring.degree(), values, remainder_.data(), ring.inverse(divisor_, prime),
                                      addend, out);
}

void KeySwitch::divide(Residues& sum, std::size_t prime_count, const std::uint64_t* addend, std::uint64_t* out) const {
    const std::size_t degree = ring_.degree();
    Division division(*this, ring_.prime_count() - 1, sum.data() + prime_count * degree);
    for (std::size_t prime = 0; prime < prime_count; ++prime)
        division.apply(prime, sum.data() + prime * degree, addend == nullptr ? nullptr : addend + prime * degree,
                       out + prime * degree);
}

}  // namespace einfer::he
