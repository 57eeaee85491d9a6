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
};

/// Copies residues into a SEAL ciphertext of the same level; metadata is set as for a fresh CKKS ciphertext.
[[nodiscard]] seal::Ciphertext to_seal(const Context& context, const Ciphertext& ciphertext,
                                       const seal::MemoryPoolHandle& pool = seal::MemoryManager::GetPool());
[[nodiscard]] Ciphertext from_seal(const Context& context, const seal::Ciphertext& ciphertext);

}  // namespace einfer::he
