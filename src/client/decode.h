// From a checked result to predictions. The only place of the client that decrypts.
#pragma once

#include "client/reply.h"
#include "client/request_body.h"
#include "keys/session.h"
#include "protocol/model.h"

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

namespace einfer::client {

/// The finest power of ten that a result's digits mean anything at: that of its error bound, or `noise_floor` if the
/// server claims to be better. In [1e-15, 1].
[[nodiscard]] double resolution(double error_bound, double noise_floor);

/// `value` as the nearest multiple of `unit`, a power of ten from 1e-15 to 1.
[[nodiscard]] double round_to(double value, double unit);

/// A bound on what the model can make of a row, with room for errors.
[[nodiscard]] double largest_output(const protocol::ModelDescription& model, Row row);

/// Whether the model's answer for a row, and what it is made of, can be held at `scale` in a modulus of so many bits; a
/// larger one is wrapped around.
[[nodiscard]] bool can_hold(const protocol::ModelDescription& model, Row row, double scale, double modulus_bits);

struct DecodedBatch {
    std::vector<double> values;  ///< one a row, rounded
    double resolution = 1;
    bool plausible = true;  ///< false: a value is not finite, or not possible for its row; values are empty then
    /// The first row whose answer is more than the result can hold: what it decrypts to means nothing. Values are empty
    /// then.
    std::optional<std::size_t> overflowing_row{};
};

/// Crypto when SEAL refuses a ciphertext that passed the checks.
[[nodiscard]] Outcome<DecodedBatch> decode(const keys::Session& session, const CheckedResult& result,
                                           const protocol::ModelDescription& model, Rows rows);

}  // namespace einfer::client
