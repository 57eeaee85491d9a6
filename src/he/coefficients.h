// Polynomials whose coefficients are the numbers, for contexts of one prime: what the `coefficients` layout is made of.
#pragma once

#include "base/error.h"
#include "he/ciphertext.h"
#include "he/context.h"
#include "kernels/ntt_tables.h"

#include <cstdint>
#include <span>

namespace einfer::he {

/// Immutable, thread-safe.
class CoefficientRing {
public:
    /// INTERNAL unless the context has one prime.
    static Result<CoefficientRing> create(const Context& context);

    [[nodiscard]] std::size_t degree() const { return tables_.size(); }
    [[nodiscard]] const kernels::Modulus& modulus() const { return tables_.modulus(); }

    /// The residue of a number of either sign, of less than half the prime.
    [[nodiscard]] std::uint64_t residue(std::int64_t number) const {
        return number < 0 ? modulus().value() - static_cast<std::uint64_t>(-number)
                          : static_cast<std::uint64_t>(number);
    }

    /// At most N coefficients (the rest are zero), transformed.
    [[nodiscard]] Plaintext encode(std::span<const std::int64_t> coefficients, double scale) const;

    /// N residues each; `out` may be `values`.
    void to_coefficients(const std::uint64_t* values, std::uint64_t* out) const;
    void from_coefficients(const std::uint64_t* values, std::uint64_t* out) const;

private:
    explicit CoefficientRing(kernels::NttTables tables) : tables_(std::move(tables)) {}
    kernels::NttTables tables_;
};

}  // namespace einfer::he
