#include "client/session_pool.h"

namespace einfer::client {
namespace {

constexpr std::size_t max_table_entries = (std::size_t{1} << 30) / 40;

}  // namespace

Outcome<keys::Session*> SessionPool::session(std::size_t poly_modulus_degree,
                                             const std::vector<int>& coeff_modulus_bits) {
    const std::pair key(poly_modulus_degree, coeff_modulus_bits);
    if (const auto found = sessions_.find(key); found != sessions_.end()) return &found->second;

    // SEAL's tables take some 40 bytes for each coefficient of each prime at each level.
    const std::size_t primes = coeff_modulus_bits.size();
    if (poly_modulus_degree * primes * primes > max_table_entries)
        return Failure{ErrorKind::Crypto,
                       "the model's encryption parameters would take more than a gigabyte of memory"};
    auto context = he::Context::create({poly_modulus_degree, coeff_modulus_bits});
    if (!context) return Failure{ErrorKind::Crypto, context.error().message};
    auto session = keys::Session::create(*std::move(context), mode_);
    if (!session) return Failure{ErrorKind::Crypto, session.error().message};
    return &sessions_.emplace(key, *std::move(session)).first->second;
}

}  // namespace einfer::client
