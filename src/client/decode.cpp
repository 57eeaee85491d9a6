#include "client/decode.h"

#include "client/noise_floor.h"

#include <algorithm>
#include <cmath>

namespace einfer::client {
namespace {

constexpr int max_decimals = 15;

}  // namespace

double resolution(double error_bound, double noise_floor) {
    const double unit = std::pow(10.0, std::floor(std::log10(error_bound)));
    const int decimals =
        std::clamp(static_cast<int>(-std::round(std::log10(std::max(unit, noise_floor)))), 0, max_decimals);
    return 1 / std::pow(10.0, decimals);
}

double round_to(double value, double unit) {
    const double units = 1 / std::max(unit, std::pow(10.0, -max_decimals));
    const double per_one = std::round(units);  // a power of ten, exactly
    const double count = std::round(value * per_one);
    if (std::abs(count) >= 9007199254740992.0) return value;  // 2^53: coarser than the unit already
    return count == 0 ? 0 : count / per_one;                  // no negative zero
}

double largest_output(const protocol::ModelDescription& model, Row row) {
    double z = std::abs(model.bias);
    for (std::size_t i = 0; i < row.size(); ++i) z += std::abs(model.weights[i] * row[i]);
    const auto& c = model.coefficients;
    // Twice, plus the largest error bound there is: rows outside of the model's bounds have larger errors than it
    // states.
    return 2 * (std::abs(c[0]) + std::abs(c[1]) * z + std::abs(c[2]) * z * z) + 1;
}

bool can_hold(const protocol::ModelDescription& model, Row row, double scale, double modulus_bits) {
    double z = model.bias;
    for (std::size_t i = 0; i < row.size(); ++i) z += model.weights[i] * row[i];
    const auto& c = model.coefficients;
    const double factor = c[2] * z + c[1];
    const auto held = [modulus_bits](double value, double at_scale) {
        constexpr double sign_and_noise = 1.01;
        return std::isfinite(value) &&
               (value == 0 || std::log2(std::abs(value)) + std::log2(at_scale) + sign_and_noise <= modulus_bits);
    };
    if (!held(c[0] + z * factor, scale)) return false;
    // A product comes of two factors at the square root of its scale, at most.
    return c[2] == 0 || (held(z, std::sqrt(scale)) && held(factor, std::sqrt(scale)));
}

Outcome<DecodedBatch> decode(const keys::Session& session, const CheckedResult& result,
                             const protocol::ModelDescription& model, Rows rows) {
    auto decrypted = session.decrypt(result.ciphertext, rows.size());
    if (!decrypted) return Failure{ErrorKind::Crypto, decrypted.error().message};

    DecodedBatch batch;
    const double scale = std::min(model.encryption.scale, result.ciphertext.scale);
    batch.resolution = resolution(result.error_bound, noise_floor(model.encryption.poly_modulus_degree, scale));
    double modulus_bits = 0;
    for (const std::uint64_t prime : session.context().level_primes(result.ciphertext.prime_count))
        modulus_bits += std::log2(static_cast<double>(prime));
    for (std::size_t i = 0; i < rows.size() && !batch.overflowing_row; ++i)
        if (!can_hold(model, rows[i], result.ciphertext.scale, modulus_bits)) batch.overflowing_row = i;
    if (batch.overflowing_row) return batch;
    batch.plausible = decrypted->size() == rows.size();
    for (std::size_t i = 0; batch.plausible && i < rows.size(); ++i) {
        const double value = (*decrypted)[i];
        batch.plausible = std::isfinite(value) && std::abs(value) <= largest_output(model, rows[i]);
        if (batch.plausible) batch.values.push_back(round_to(value, batch.resolution));
    }
    if (!batch.plausible) batch.values.clear();
    return batch;
}

}  // namespace einfer::client
