#include "inference/slots_cost.h"

#include <algorithm>
#include <cmath>

namespace einfer::inference {
namespace {

constexpr double ms_per_butterfly_level = 1.0e-7;  // of one coefficient in a transform
constexpr double ms_per_key_word = 1.0e-6;         // the product of a digit with a key's word: it comes from memory
constexpr double ms_per_plain_word = 1.2e-6;       // of an encoded diagonal, with both polynomials
constexpr double ms_per_coefficient = 0.7e-6;      // whatever passes over a polynomial once

}  // namespace

double wide_factor(std::span<const int> coeff_modulus_bits) {
    const auto data = coeff_modulus_bits.first(coeff_modulus_bits.size() - 1);
    const auto wide = std::ranges::count_if(data, [](int bits) { return bits > fast_prime_bits; });
    return (coeff_modulus_bits.back() > fast_prime_bits ? 1.1 : 1.0) *
           (1 + 1.2 * static_cast<double>(wide) / static_cast<double>(coeff_modulus_bits.size()));
}

double SlotsCost::transform() const { return degree_ * std::log2(degree_) * ms_per_butterfly_level; }

double SlotsCost::with_key(double level) const { return 2 * level * (level + 1) * degree_ * ms_per_key_word; }

double SlotsCost::product(std::size_t primes) const {
    const auto level = static_cast<double>(primes);
    return decompose(level) + with_key(level) + divide(level) + 4 * level * degree_ * ms_per_coefficient;
}

double SlotsCost::rescale(std::size_t primes) const { return 2 * static_cast<double>(primes) * transform(); }

double SlotsCost::matrix(const PackingCost& packing, std::size_t ciphertexts, std::size_t product_primes,
                         std::size_t fold_primes) const {
    const auto level = static_cast<double>(product_primes), lower = static_cast<double>(fold_primes);
    const auto babies = static_cast<double>(packing.babies.size()), giants = static_cast<double>(packing.giants.size());
    double once = divide(level) + static_cast<double>(packing.diagonals) * (level + 1) * degree_ * ms_per_plain_word;
    if (babies > 0) once += decompose(level) + babies * (with_key(level) + 4 * level * degree_ * ms_per_coefficient);
    once +=
        giants * (decompose(level) + with_key(level) + divide(level) / 2 + 6 * level * degree_ * ms_per_coefficient);
    double folds = 0;
    for (const auto& steps : packing.folds)
        folds += decompose(lower) + divide(lower) +
                 static_cast<double>(steps.size()) * (with_key(lower) + 2 * lower * degree_ * ms_per_coefficient);
    return static_cast<double>(ciphertexts) * once + folds;
}

}  // namespace einfer::inference
