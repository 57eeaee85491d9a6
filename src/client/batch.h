// One request's rows, on their way out and back, in the layout of their model.
#pragma once

#include "base/worker_pool.h"
#include "client/failure.h"
#include "client/reply.h"
#include "client/request_body.h"
#include "keys/session.h"
#include "protocol/model_view.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace einfer::client {

/// Answers in clear.
struct Decoded {
    std::vector<double> values;  ///< row after row, output_dimension numbers each, rounded, before postprocessing
    double resolution = 1;
    bool plausible = true;  ///< false: a value is not possible; values are empty then
    /// The first row whose answer is more than the result can hold; values are empty then.
    std::optional<std::size_t> overflowing_row{};
};

/// InvalidArgument when a row has another number of features than the model, or a number that is not finite or outside
/// of what the model was made for. Rows are named by their index from 0. For layouts of v1.1; those of v1.0 have
/// check_rows(Rows, const protocol::ModelDescription&).
[[nodiscard]] Outcome<void> check_rows(Rows rows, const protocol::ModelView& model);

/// Before anything is encrypted: InvalidArgument when one request would be larger than max_request_bytes, BadReply when
/// the answer would be larger than any that is taken (256 MiB).
[[nodiscard]] Outcome<void> check_sizes(const protocol::ModelView& model, std::size_t rows,
                                        protocol::Encoding encoding);

/// What a result of `rows` rows must be.
[[nodiscard]] ResultShape result_shape(const protocol::ModelView& model, std::size_t rows);

/// The input ciphertexts of layouts of v1.1. `rows` have passed check_rows(), and are at most max_batch_size.
[[nodiscard]] Outcome<Ciphertexts> encrypt(const keys::Session& session, const protocol::ModelView& model, Rows rows,
                                           WorkerPool& workers);

/// A checked result of any layout, decrypted. Crypto when SEAL refuses it.
[[nodiscard]] Outcome<Decoded> decode(const keys::Session& session, const CheckedResult& result,
                                      const protocol::ModelView& model, Rows rows);

/// The model's steps on `values`, of which each row has as many as the model has outputs. Afterwards a row has
/// postprocessed_dimension() numbers.
[[nodiscard]] std::vector<double> postprocess(const protocol::ModelView& model, std::vector<double> values);
/// Probabilities p that were made of numbers with this error, which moves them by 2 p (1 − p) times it at most: without
/// the digits behind the first uncertain one.
void round_probabilities(std::span<double> probabilities, double error_bound);
/// The class of each row, of values before postprocessing; empty when the model has no names, or makes no choice.
[[nodiscard]] std::vector<std::string> labels(const protocol::ModelView& model, std::span<const double> values);
[[nodiscard]] std::size_t postprocessed_dimension(const protocol::ModelView& model);

}  // namespace einfer::client
