// SEAL's side of a Context. Only for sources of he/ and keys/.
#pragma once

#include "he/context.h"

#include <seal/seal.h>

namespace einfer::he {

struct Context::Seal {
    explicit Seal(const seal::EncryptionParameters& parameters)
        : context(parameters, true, seal::sec_level_type::tc128) {}

    seal::SEALContext context;
    std::vector<std::uint64_t> primes;
    std::vector<wire::ParmsId> parms_ids;  ///< by prime count; [0] unused
    std::vector<int> modulus_bits;         ///< likewise
};

/// Copies residues into a SEAL ciphertext of the same level; metadata is set as for a fresh CKKS ciphertext.
[[nodiscard]] seal::Ciphertext to_seal(const Context& context, const CiphertextView& ciphertext,
                                       const seal::MemoryPoolHandle& pool = seal::MemoryManager::GetPool());
[[nodiscard]] Ciphertext from_seal(const Context& context, const seal::Ciphertext& ciphertext);

/// One key of seal::RelinKeys or seal::GaloisKeys.
[[nodiscard]] KeySwitchKey from_seal(const Context& context, const std::vector<seal::PublicKey>& digits);
[[nodiscard]] std::vector<seal::PublicKey> to_seal(const Context& context, const KeySwitchKey& key);

}  // namespace einfer::he
