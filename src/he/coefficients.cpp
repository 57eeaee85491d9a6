#include "he/coefficients.h"

#include "kernels/kernels.h"

#include <algorithm>

namespace einfer::he {

Result<CoefficientRing> CoefficientRing::create(const Context& context) {
    if (context.primes().size() != 1) return Error{ErrorCode::Internal, "the coefficients layout has one prime"};
    auto tables = kernels::NttTables::create(context.poly_modulus_degree(), kernels::Modulus(context.primes().front()));
    if (!tables) return Error{ErrorCode::Internal, "a prime of the parameters has no transform"};
    return CoefficientRing(*std::move(tables));
}

Plaintext CoefficientRing::encode(std::span<const std::int64_t> coefficients, double scale) const {
    Plaintext plain{1, scale, {}};
    plain.words.resize(degree());
    const auto end = std::ranges::transform(coefficients, plain.words.begin(), [this](std::int64_t number) {
                         return residue(number);
                     }).out;
    std::fill(end, plain.words.end(), 0);
    from_coefficients(plain.words.data(), plain.words.data());
    return plain;
}

void CoefficientRing::to_coefficients(const std::uint64_t* values, std::uint64_t* out) const {
    kernels::active().ntt_inverse(tables_, values, out);
}

void CoefficientRing::from_coefficients(const std::uint64_t* values, std::uint64_t* out) const {
    kernels::active().ntt_forward(tables_, values, out);
}

}  // namespace einfer::he
