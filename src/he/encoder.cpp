#include "he/encoder.h"

#include "he/seal_context.h"

#include <cmath>

namespace einfer::he {

std::optional<Scalar> Scalar::encode(double value, double scale, int modulus_bits) {
    const double scaled = value * scale;
    if (!std::isfinite(scaled) || scale <= 0 || static_cast<int>(std::log2(scale)) >= modulus_bits) return std::nullopt;
    Scalar scalar;
    if (scaled == 0) return scalar;
    if (std::log2(std::fabs(scaled)) >= modulus_bits) return std::nullopt;  // SEAL's conversion would overflow
    if (static_cast<int>(std::log2(std::fabs(scaled))) + 2 >= modulus_bits) return std::nullopt;
    constexpr int double_bits = 53;
    const double mantissa = std::frexp(std::fabs(std::round(scaled)), &scalar.exponent_);
    scalar.mantissa_ = static_cast<std::uint64_t>(std::ldexp(mantissa, double_bits));
    scalar.exponent_ -= double_bits;
    if (scalar.exponent_ < 0) {  // an integer all the same
        scalar.mantissa_ >>= -scalar.exponent_;
        scalar.exponent_ = 0;
    }
    scalar.negative_ = std::signbit(scaled);
    return scalar;
}

std::uint64_t Scalar::modulo(std::uint64_t prime) const {
    std::uint64_t residue = mantissa_ % prime;
    for (int i = 0; i < exponent_; ++i) residue = (residue << 1) % prime;  // primes are below 2^61
    return negative_ && residue != 0 ? prime - residue : residue;
}

Result<Plaintext> encode(const Context& context, std::span<const double> slots, std::size_t prime_count,
                         double scale) try {
    const seal::CKKSEncoder encoder(context.seal().context);
    seal::Plaintext plain;
    encoder.encode(std::vector<double>(slots.begin(), slots.end()), context.parms_id(prime_count), scale, plain);
    Plaintext made{prime_count, scale, {}};
    made.words.assign(plain.data(), plain.data() + prime_count * context.poly_modulus_degree());
    return made;
} catch (const std::bad_alloc&) {
    throw;
} catch (const std::exception&) {
    return Error{ErrorCode::Internal, "numbers do not fit the encryption parameters"};
}

}  // namespace einfer::he
