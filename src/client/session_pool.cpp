#include "client/session_pool.h"

namespace einfer::client {

Outcome<const keys::Session*> SessionPool::session(const protocol::EncryptionParameters& encryption) {
    const std::pair key(encryption.poly_modulus_degree, encryption.coeff_modulus_bits);
    if (const auto found = sessions_.find(key); found != sessions_.end()) return &found->second;

    auto context = he::Context::create({encryption.poly_modulus_degree, encryption.coeff_modulus_bits});
    if (!context) return Failure{ErrorKind::Crypto, context.error().message};
    auto session = keys::Session::create(*std::move(context), mode_);
    if (!session) return Failure{ErrorKind::Crypto, session.error().message};
    return &sessions_.emplace(key, *std::move(session)).first->second;
}

}  // namespace einfer::client
