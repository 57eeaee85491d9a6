// SEAL EncryptionParameters and parms_id as bytes, and the byte counts of evaluation keys.
#pragma once

#include "wire/ciphertext.h"

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace einfer::wire {

/// Uncompressed SEAL bytes of CKKS parameters: degree and all primes, the key-switching prime last.
[[nodiscard]] std::vector<std::uint8_t> write_encryption_parameters(std::uint8_t seal_minor,
                                                                    std::size_t poly_modulus_degree,
                                                                    std::span<const std::uint64_t> primes);

/// The 32 bytes of a parms_id in SEAL's byte order, as 64 hex digits.
[[nodiscard]] std::string parms_id_hex(const ParmsId& parms_id);

/// Bytes of full, uncompressed RelinKeys for a chain of `primes` primes (key-switching prime included).
[[nodiscard]] std::size_t relin_keys_size(std::size_t poly_modulus_degree, std::size_t primes);

/// Bytes of full, uncompressed GaloisKeys holding `steps` rotations.
[[nodiscard]] std::size_t galois_keys_size(std::size_t poly_modulus_degree, std::size_t primes, std::size_t steps);

/// The same of seeded ones, as a Serializable saves them: about half.
[[nodiscard]] std::size_t seeded_relin_keys_size(std::size_t poly_modulus_degree, std::size_t primes);
[[nodiscard]] std::size_t seeded_galois_keys_size(std::size_t poly_modulus_degree, std::size_t primes,
                                                  std::size_t steps);

}  // namespace einfer::wire
