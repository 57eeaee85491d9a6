// Rows to the body of POST /infer: one ciphertext a feature, row i in slot i.
#pragma once

#include "client/failure.h"
#include "keys/session.h"
#include "protocol/model.h"
#include "protocol/payload.h"

#include <cstddef>
#include <span>
#include <string>

namespace einfer::client {

/// Views of the caller's rows.
using Row = std::span<const double>;
using Rows = std::span<const Row>;

/// Largest body that is built: a bound on this machine's memory.
inline constexpr std::size_t max_request_bytes = std::size_t{2} << 30;

/// InvalidArgument when a row has another number of features than the model, or a number that is not finite or too
/// large to be encrypted. Rows are named by their index from 0.
[[nodiscard]] Outcome<void> check_rows(Rows rows, const protocol::ModelDescription& model);

struct EncryptedBatch {
    std::string body;
    std::string digest;  ///< SHA-256 over the SEAL bytes of all inputs in order, 64 hex digits
};

/// `rows` have passed check_rows(), and are at most the model's max_batch_size.
[[nodiscard]] Outcome<EncryptedBatch> encrypt_batch(const keys::Session& session,
                                                    const protocol::ModelDescription& model, Rows rows,
                                                    protocol::Encoding encoding);

}  // namespace einfer::client
