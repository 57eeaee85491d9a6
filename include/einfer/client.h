// Encrypted inference from C++: rows are encrypted here, evaluated by a server that cannot read them, and the answers
// are decrypted here.
//
//     einfer::Client client({.server = "http://127.0.0.1:8000"});
//     const einfer::Predictions answer = client.infer("logistic_v1", "", {{0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8}});
//
// What this protects, and what not: docs/threat-model.md. In short: predictions say something about the rows and, at
// full precision, about the secret key. Do not send them to the server, or to anyone who may have the ciphertexts; and
// let nothing that the server can see depend on whether an answer could be decrypted.
#pragma once

#include "einfer/error.h"
#include "einfer/export.h"
#include "einfer/types.h"
#include "einfer/version.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace einfer::inline v1_1 {

/// A connection to one server, and the keys of one session: made at the first infer() for a set of encryption
/// parameters, kept in memory only, wiped with the Client. One thread at a time; separate Clients are independent of
/// one another. Calls block. Every call throws einfer::Error, and only that (std::bad_alloc aside).
class EINFER_API Client {
public:
    /// InvalidArgument for a bad option. Does not connect.
    explicit Client(ClientOptions options);
    ~Client();
    Client(Client&&) noexcept;
    Client& operator=(Client&&) noexcept;

    /// What the server offers now. BadReply when a model's parameters are insecure or make no sense: then the whole
    /// list is refused.
    [[nodiscard]] std::vector<Model> models();

    /// The one that infer() takes for these; `version` empty: the newest. InvalidArgument when the server has none
    /// such.
    [[nodiscard]] Model model(std::string_view model_id, std::string_view version = {});

    /// Predictions for `rows`: at least one, each of the model's input_dimension finite numbers. `version` empty: the
    /// newest. Rows beyond the model's max_batch_size go in further requests, one after another; on an error no
    /// predictions are returned at all. A wrong row is found before anything is sent.
    ///
    /// An answer is checked before it is decrypted (model, batch, request digest, parameters, level, size, scale, every
    /// coefficient) and its values must be possible for the model and the row: BadReply otherwise. What is found after
    /// decryption is reported when all batches have been sent, so that the server cannot learn from it.
    [[nodiscard]] Predictions infer(std::string_view model_id, std::string_view version,
                                    const std::vector<std::vector<double>>& rows, const Progress& progress = {});

    /// The same for rows in one piece: values.size() / dimension rows of `dimension` features, row after row.
    [[nodiscard]] Predictions infer(std::string_view model_id, std::string_view version, std::span<const double> values,
                                    std::size_t dimension, const Progress& progress = {});

    /// Has the server delete the evaluation keys that infer() sent for networks: of no use to anybody when this Client
    /// is gone, but they take room until they expire, of the tenant's quota as well. The next infer() sends them again.
    /// Other errors than the server's refusals are thrown.
    void forget_evaluation_keys();

    /// State of a job of this client's tenant, which another process may have submitted. Its result is not returned:
    /// only the process that submitted it has the key. `id` is 32 hex digits.
    [[nodiscard]] JobStatus job(std::string_view id);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace einfer::inline v1_1
