// Parses a POST /infer body and writes down everything that can be seen of it.
#pragma once

#include "base/hex.h"
#include "protocol/infer_request.h"
#include "support/chunks.h"
#include "support/verdict.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace einfer::test {

/// Keeps the bytes of each input; checks that the calls come in order.
class RecordingSink final : public protocol::PayloadSink {
public:
    void begin_input() override {
        EXPECT_FALSE(open_);
        open_ = true;
        inputs.emplace_back();
    }
    void input_bytes(std::span<const std::uint8_t> bytes) override {
        ASSERT_TRUE(open_);
        EXPECT_FALSE(bytes.empty());
        inputs.back() += to_hex(bytes);
    }
    void end_input() override {
        EXPECT_TRUE(open_);
        open_ = false;
    }

    std::vector<std::string> inputs;  ///< in hex

private:
    bool open_ = false;
};

struct ParsedRequest {
    Result<protocol::InferRequest> request;
    std::vector<std::string> inputs;
};

/// The parser and its sink; has the shape that feed_cut() and the others want.
class RequestProbe {
public:
    explicit RequestProbe(std::size_t max_payload_bytes) : parser_(max_payload_bytes, sink_) {}
    void feed(std::string_view text) { parser_.feed(text); }
    ParsedRequest finish() { return {parser_.finish(), sink_.inputs}; }

private:
    RecordingSink sink_;
    protocol::InferRequestParser parser_;
};

/// Everything as one text. Of a payload with a fault only the fault: how far it was decoded depends on the pieces.
[[nodiscard]] inline std::string shown(const ParsedRequest& parsed) {
    if (!parsed.request) return text_of(parsed.request.error());
    const protocol::InferRequest& request = *parsed.request;
    std::string text = request.model_id + ' ' + request.version + ' ' + std::to_string(request.batch_size) + ' ' +
                       std::string(protocol::name(request.encoding));
    EXPECT_EQ(request.payloads.size(), parsed.inputs.size());
    for (std::size_t i = 0; i < request.payloads.size(); ++i) {
        const protocol::Payload& payload = request.payloads[i];
        if (payload.fault) {
            text += " <" + std::string(traits(payload.fault->code).name) + '>';
        } else {
            EXPECT_EQ(parsed.inputs.at(i).size(), 2 * payload.bytes);
            text += ' ' + parsed.inputs.at(i);
        }
    }
    return text;
}

/// What comes of `body`; cut at every byte, byte by byte and at random it must be the same.
[[nodiscard]] inline std::string parse_request(std::string_view body, std::size_t max_payload_bytes = 64) {
    RequestProbe whole(max_payload_bytes);
    whole.feed(body);
    const std::string expected = shown(whole.finish());
    for (std::size_t cut = 0; cut <= body.size(); ++cut) {
        RequestProbe probe(max_payload_bytes);
        feed_cut(probe, body, cut);
        EXPECT_EQ(shown(probe.finish()), expected) << body << " cut at " << cut;
    }
    RequestProbe bytewise(max_payload_bytes);
    feed_bytes(bytewise, body);
    EXPECT_EQ(shown(bytewise.finish()), expected) << body;
    std::mt19937_64 random(body.size());
    for (const std::size_t largest : {4u, 30u}) {
        RequestProbe probe(max_payload_bytes);
        feed_random(probe, body, random, largest);
        EXPECT_EQ(shown(probe.finish()), expected) << body;
    }
    return expected;
}

}  // namespace einfer::test
