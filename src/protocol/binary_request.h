// The binary form of POST /infer, parsed while it arrives: a JSON header, then the ciphertexts back to back, which go
// to a sink as they come.
#pragma once

#include "protocol/binary_body.h"
#include "protocol/infer_request.h"
#include "protocol/json_reader.h"

#include <cstdint>
#include <optional>
#include <string_view>

namespace einfer::protocol {

/// Push parser of a binary body. Memory: the header's, bounded as a JSON envelope is. Chunking never changes the
/// verdict.
class BinaryRequestParser final : private BinaryBody::Sink {
public:
    /// `header_bytes`: of the JSON header. `max_payload_bytes`: as for InferRequestParser.
    BinaryRequestParser(std::uint64_t header_bytes, std::size_t max_payload_bytes, PayloadSink& sink);

    /// The sink sees bytes only of a request whose header is good and whose sizes are possible.
    void feed(std::string_view chunk) { body_.feed(chunk); }

    /// As InferRequestParser::envelope_memory().
    [[nodiscard]] std::size_t envelope_memory() const;

    /// INVALID_ENCODING when the body ends before the header does, then as InferRequestParser::finish(). Call once.
    [[nodiscard]] Result<InferRequest> finish();

private:
    void header_text(std::string_view text) override { reader_.feed(text); }
    void header_end() override;
    void piece_begin(std::size_t) override { sink_.begin_input(); }
    void piece_bytes(std::string_view bytes) override;
    void piece_end() override { sink_.end_input(); }

    const std::size_t max_payload_bytes_;
    PayloadSink& sink_;
    JsonReader reader_;
    BinaryBody body_;
    std::optional<Result<InferRequest>> request_;  ///< once the header is complete
};

}  // namespace einfer::protocol
