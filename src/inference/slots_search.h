// Finds how a network is best computed in slots: packing, primes, scales.
#pragma once

#include "inference/network.h"
#include "inference/slots_spec.h"

#include <span>
#include <vector>

namespace einfer::inference {

struct SlotsOptions {
    double tolerance = 1e-2;  ///< of the answer: |decrypted − computed in clear|
    std::size_t rows = 1;     ///< that share a ciphertext; a power of two
    std::size_t max_poly_modulus_degree = 32768;
    std::size_t max_ciphertexts = 4;  ///< of a request
    std::size_t max_key_bytes = std::size_t{512} << 20;
    /// What a client's bytes and the server's memory for encoded matrices are worth, in milliseconds of evaluation.
    double ms_per_key_mebibyte = 0.02;
    double ms_per_request_mebibyte = 2;
    double ms_per_plaintext_mebibyte = 0.05;
    /// Only choices that leave room for every row within the inputs' bounds.
    bool whole_range = false;
    /// Of others, values up to this many times the samples' never wrap.
    double margin = 8;
};

/// The choice of least cost that computes the network, whose activations are polynomials, within the tolerance, of the
/// smallest ring degree that there is one at and of the next; one that never wraps before others. `samples`: rows of
/// inputs from −1 to 1 as they will come, at least one; the error is bounded for their like. SCHEMA_VIOLATION with
/// details `field` and `reason` when there is none: the reason names the nearest change.
[[nodiscard]] Result<SlotsSpec> search_slots(std::span<const Stage> stages,
                                             std::span<const std::vector<double>> samples,
                                             const SlotsOptions& options = {});

}  // namespace einfer::inference
