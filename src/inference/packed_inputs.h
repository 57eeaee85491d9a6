// Checked inputs as one byte string: what an accepted job keeps on disk. Only the primes that the plan uses, and seeds
// unexpanded, so that an accepted request costs a fraction of its bytes.
#pragma once

#include "base/error.h"
#include "he/context.h"

#include <cstdint>
#include <span>
#include <vector>

namespace einfer::inference {

/// `inputs` passed wire::check_ciphertext at the context's first data level, and have one scale. Each has the
/// words of `kept_primes` primes at least.
[[nodiscard]] std::vector<std::uint8_t> pack_inputs(std::span<const wire::Ciphertext> inputs, std::size_t kept_primes);

/// Bytes that pack_inputs() takes for `inputs`.
[[nodiscard]] std::size_t packed_size(std::span<const wire::Ciphertext> inputs, std::size_t kept_primes);

/// Packed inputs in evaluation.
struct UnpackedInputs {
    std::vector<he::CiphertextView> views;  ///< into the packed bytes and `expanded`
    he::Residues expanded;                  ///< whole ciphertexts in the place of seeded ones
};

/// The ciphertexts at the level of the kept primes, seeds expanded. `bytes` outlive them, on an 8-byte boundary.
/// INTERNAL when the bytes are not what pack_inputs() wrote for these parameters and this scale.
[[nodiscard]] Result<UnpackedInputs> unpack_inputs(std::span<const std::uint8_t> bytes, const he::Context& context,
                                                   std::size_t kept_primes, double scale);

}  // namespace einfer::inference
