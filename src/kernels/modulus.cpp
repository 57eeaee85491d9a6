#include "kernels/modulus.h"

#include <bit>

namespace einfer::kernels {

Modulus::Modulus(std::uint64_t value) : value_(value), bits_(static_cast<int>(std::bit_width(value))) {
    const Wide all_ones = ~Wide{0};
    const Wide ratio = all_ones / value_;  // floor(2^128 / p), as an odd p > 1 does not divide 2^128
    ratio_high_ = static_cast<std::uint64_t>(ratio >> 64);
    ratio_low_ = static_cast<std::uint64_t>(ratio);
    one_ = factor(1);
    two_to_52_ = factor(reduce(std::uint64_t{1} << 52));
    two_to_60_ = factor(reduce(std::uint64_t{1} << 60));
}

std::uint64_t Modulus::power(std::uint64_t base, std::uint64_t exponent) const {
    std::uint64_t result = 1;
    for (; exponent != 0; exponent >>= 1) {
        if ((exponent & 1) != 0) result = multiply(result, base);
        base = multiply(base, base);
    }
    return result;
}

}  // namespace einfer::kernels
