// Rows to the body of POST /infer: one ciphertext a feature, row i in slot i.
#pragma once

#include "base/worker_pool.h"
#include "client/failure.h"
#include "keys/session.h"
#include "protocol/model.h"
#include "protocol/payload.h"

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace einfer::client {

/// Views of the caller's rows.
using Row = std::span<const double>;
using Rows = std::span<const Row>;

/// Largest body that is built: a bound on this machine's memory.
inline constexpr std::size_t max_request_bytes = std::size_t{2} << 30;

/// InvalidArgument when a row has another number of features than the model, or a number that is not finite or too
/// large to be encrypted. Rows are named by their index from 0.
[[nodiscard]] Outcome<void> check_rows(Rows rows, const protocol::ModelDescription& model);

/// Text of a known length that is written in pieces, each at its place: not filled with anything before.
class TextBuffer {
public:
    explicit TextBuffer(std::size_t size) : text_(std::make_unique_for_overwrite<char[]>(size)), size_(size) {}
    [[nodiscard]] char* data() { return text_.get(); }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::string_view view() const { return {text_.get(), size_}; }

private:
    std::unique_ptr<char[]> text_;
    std::size_t size_;
};

/// What a request says beside its ciphertexts.
struct RequestFrame {
    std::string_view model_id;
    std::string_view version;
    std::size_t rows = 0;
    protocol::Encoding encoding = protocol::Encoding::Hex;
    // Only to servers of v1.1:
    bool compact_result = false;
    std::string evaluation_key_id{};  ///< empty: none
};

using Ciphertexts = std::vector<std::vector<std::uint8_t>>;

struct EncryptedBatch {
    TextBuffer body;
    std::size_t header_bytes = 0;  ///< of the JSON in front of a binary body; 0: the body is JSON
    std::string digest;            ///< SHA-256 over the SEAL bytes of all inputs in order, 64 hex digits
};

/// The request for ciphertexts of one length. InvalidArgument when it would be larger than max_request_bytes.
[[nodiscard]] Outcome<EncryptedBatch> assemble(const RequestFrame& frame, const Ciphertexts& ciphertexts);

/// `rows` have passed check_rows(), and are at most the model's max_batch_size. The features are shared out among the
/// `workers`; a failure is that of the first feature that fails.
[[nodiscard]] Outcome<EncryptedBatch> encrypt_batch(const keys::Session& session,
                                                    const protocol::ModelDescription& model, Rows rows,
                                                    protocol::Encoding encoding, WorkerPool& workers);

}  // namespace einfer::client
