// A result's payload, from JSON string to checked ciphertext, while the document is read.
#pragma once

#include "client/reply.h"
#include "protocol/json_reader.h"
#include "protocol/payload.h"
#include "wire/ciphertext.h"
#include "wire/seal_header.h"

#include <array>
#include <optional>

namespace einfer::client {

/// Takes /result/payload out of a job object. Without an Expectation the text is dropped.
class ResultPayload final : public protocol::StringTap {
public:
    explicit ResultPayload(const Expectation* expected);

    bool begin(protocol::JsonPath path) override;
    void text(std::string_view part) override;
    void end() override {}
    void object_end(protocol::JsonPath) override {}

    /// Whether there was a payload that is not empty.
    [[nodiscard]] bool seen() const { return seen_; }

    /// The payload as raw bytes behind the document.
    void raw(std::string_view bytes);
    [[nodiscard]] bool is_raw() const { return raw_; }

    /// The result, without its error bound, if it is one that this client can have asked for; BadReply otherwise. Call
    /// once.
    [[nodiscard]] Outcome<CheckedResult> finish();

private:
    void bytes(std::span<const std::uint8_t> run);

    const Expectation* expected_;
    bool seen_ = false;
    bool raw_ = false;
    std::vector<std::uint8_t> compact_;
    std::optional<protocol::PayloadDecoder> decoder_;
    std::optional<wire::CiphertextParser> parser_;
    std::array<std::uint8_t, wire::seal_header_size> header_{};
    std::size_t header_bytes_ = 0;
};

/// Sizes that a result of this kind may have.
[[nodiscard]] wire::ParserLimits result_limits(const Expectation& expected);

}  // namespace einfer::client
