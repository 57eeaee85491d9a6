// Numbers to plaintexts. Public data only: weights, never inputs.
#pragma once

#include "base/error.h"
#include "he/ciphertext.h"
#include "he/context.h"

#include <cstdint>
#include <optional>
#include <span>

namespace einfer::he {

/// Slots, at most N/2 (the rest are zero), by SEAL's encoder. INTERNAL when they do not fit.
[[nodiscard]] Result<Plaintext> encode(const Context& context, std::span<const double> slots, std::size_t prime_count,
                                       double scale);

/// round(value · scale), the constant polynomial of one number in all slots, modulo each prime, as SEAL's encoder
/// computes it. Nothing when it does not fit a modulus of `modulus_bits` (Context::modulus_bits()).
class Scalar {
public:
    static std::optional<Scalar> encode(double value, double scale, int modulus_bits);

    [[nodiscard]] bool is_zero() const { return mantissa_ == 0; }
    /// A residue.
    [[nodiscard]] std::uint64_t modulo(std::uint64_t prime) const;

private:
    std::uint64_t mantissa_ = 0;  ///< of mantissa · 2^exponent
    int exponent_ = 0;
    bool negative_ = false;
};

}  // namespace einfer::he
