// The keys of one client: one session for each set of encryption parameters, made when first needed.
#pragma once

#include "client/failure.h"
#include "keys/session.h"

#include <map>
#include <utility>
#include <vector>

namespace einfer::client {

class SessionPool {
public:
    explicit SessionPool(keys::EncryptionMode mode) : mode_(mode) {}

    /// Valid as long as the pool. Crypto when SEAL makes no context or keys for parameters that passed find_fault(),
    /// or they would take more than 1 GiB.
    [[nodiscard]] Outcome<keys::Session*> session(std::size_t poly_modulus_degree,
                                                  const std::vector<int>& coeff_modulus_bits);

private:
    keys::EncryptionMode mode_;
    std::map<std::pair<std::size_t, std::vector<int>>, keys::Session> sessions_;
};

}  // namespace einfer::client
