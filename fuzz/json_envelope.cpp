// POST /infer bodies through the push parser.
//
// Oracle: any chunking gives the same verdict, code, details and payload bytes. What is not MALFORMED_JSON Boost's own
// parser accepts, and what is, it refuses (but for repeated members, where it takes the last). What is accepted has
// Boost's values, and payloads that a naive decoder decodes to the same bytes. Memory stays below two megabytes and
// what one held payload may take, however long the body is; a little more while it grows, and 16 for the verdict.
#include "common/allocations.h"
#include "common/input.h"
#include "common/naive_decoders.h"
#include "common/require.h"
#include "protocol/infer_request.h"
#include "support/verdict.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <vector>

namespace einfer::fuzz {
namespace {

namespace json = boost::json;
using protocol::Encoding;

constexpr std::size_t max_payload_bytes = 1024;
constexpr std::string_view twice = "an object has the same member twice";

struct Recorder final : protocol::PayloadSink {
    void begin_input() override {
        require(!open, "begin_input() and end_input() alternate");
        open = true;
        inputs.emplace_back();
    }
    void input_bytes(std::span<const std::uint8_t> bytes) override {
        require(open && !bytes.empty(), "bytes come inside an input");
        inputs.back().append(bytes.begin(), bytes.end());
    }
    void end_input() override {
        require(open, "begin_input() and end_input() alternate");
        open = false;
    }
    bool open = false;
    std::vector<std::string> inputs;
};

struct Discarder final : protocol::PayloadSink {
    void begin_input() override {}
    void input_bytes(std::span<const std::uint8_t>) override {}
    void end_input() override {}
};

struct Parsed {
    Result<protocol::InferRequest> request;
    std::vector<std::string> inputs;
};

Parsed parse_whole(std::string_view body) {
    Recorder sink;
    protocol::InferRequestParser parser(max_payload_bytes, sink);
    parser.feed(body);
    auto request = parser.finish();
    return {std::move(request), std::move(sink.inputs)};
}

Parsed parse_pieces(std::string_view body, std::uint8_t chunking) {
    Recorder sink;
    protocol::InferRequestParser parser(max_payload_bytes, sink);
    feed_in_chunks(body, chunking, [&](std::string_view piece) { parser.feed(piece); });
    auto request = parser.finish();
    return {std::move(request), std::move(sink.inputs)};
}

/// Everything that must not depend on the chunks. Of a payload with a fault, how far it was decoded may.
std::string shown(const Parsed& parsed) {
    if (!parsed.request) return test::text_of(parsed.request.error());
    const protocol::InferRequest& request = *parsed.request;
    std::string text = request.model_id + '\n' + request.version + '\n' + std::to_string(request.batch_size) + '\n' +
                       std::string(protocol::name(request.encoding));
    require(request.payloads.size() == parsed.inputs.size(), "there is a payload for each input");
    for (std::size_t i = 0; i < request.payloads.size(); ++i) {
        const protocol::Payload& payload = request.payloads[i];
        require(parsed.inputs[i].size() <= max_payload_bytes, "no more bytes are handed out than may be");
        require(payload.fault || payload.bytes == parsed.inputs[i].size(), "a good payload's bytes are all handed out");
        if (payload.fault) return text + '\n' + test::text_of(*payload.fault);  // of several, the first is reported
        text += '\n' + parsed.inputs[i];
    }
    return text;
}

void compare_values(const Parsed& ours, const json::object& theirs, std::string_view body) {
    const protocol::InferRequest& request = *ours.request;
    require(request.model_id == theirs.at("model_id").get_string(), "Boost reads the same model_id", body);
    require(request.version == theirs.at("version").get_string(), "Boost reads the same version", body);
    const json::value* const rows = theirs.if_contains("batch_size");
    require(request.batch_size == (rows != nullptr ? rows->to_number<double>() : 1), "Boost reads the same batch_size",
            body);
    const json::array& inputs = theirs.at("inputs").get_array();
    require(inputs.size() == request.payloads.size(), "Boost reads as many inputs", body);
    bool any_fault = false;  // of several, the first is reported
    for (std::size_t i = 0; i < inputs.size() && !any_fault; ++i) {
        const auto encoding = protocol::encoding_from(inputs[i].at("encoding").get_string());
        const auto& fault = request.payloads[i].fault;
        any_fault = fault.has_value();
        if (!encoding) {
            require(fault && fault->code == ErrorCode::InvalidEncoding, "no other encoding is known", body);
            continue;
        }
        require(i > 0 || *encoding == request.encoding, "the first input's encoding is the reply's", body);
        const std::string_view text = inputs[i].at("payload").get_string();
        const auto bytes = *encoding == Encoding::Hex ? naive_hex(text) : naive_base64(text);
        if (!fault)
            require(bytes && *bytes == ours.inputs[i], "a naive decoder decodes the payload to the same bytes", body);
        else if (fault->code == ErrorCode::PayloadTooLarge)
            require(text.size() > max_payload_bytes, "only long payloads are too large", body);
        else
            require(!bytes && fault->code == ErrorCode::InvalidEncoding, "a faulty payload does not decode", body);
    }
}

}  // namespace
}  // namespace einfer::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace einfer::fuzz;
    Input input(data, size);
    const std::uint8_t chunking = input.byte();
    const unsigned power = input.byte();
    const std::string body = repeated(input.text(), power);

    const Parsed whole = parse_whole(body);
    const std::string verdict = shown(whole);
    require(shown(parse_pieces(body, chunking)) == verdict, "chunking changes nothing", body);
    {
        Discarder sink;
        const Allocations allocations;
        einfer::protocol::InferRequestParser parser(max_payload_bytes, sink);
        feed_in_chunks(std::string_view(body), 3, [&](std::string_view piece) { parser.feed(piece); });
        // Containers that grow are there twice meanwhile, and double their capacity; so does text that is held.
        require_below(allocations, (3u << 20) + 3 * 2 * max_payload_bytes, "a body takes bounded memory");
        require(allocations.held() <= (2u << 20) + 3 * 2 * max_payload_bytes, "a body keeps two megabytes at most");
        constexpr std::size_t parser_itself = 16 * 1024;
        require(allocations.held() <= parser.envelope_memory() + 3 * 2 * max_payload_bytes + parser_itself,
                "no more memory is held than is said to be",
                std::to_string(allocations.held()) + " / " + std::to_string(parser.envelope_memory()));
        (void)parser.finish();
        // Every violation of the schema is noted before one is chosen; there are no more of them than values.
        require_below(allocations, 16u << 20, "the verdict on a body takes bounded memory");
    }

    json::parse_options options;
    options.max_depth = 16;
    boost::system::error_code fault;
    const json::value theirs = json::parse(body, fault, {}, options);
    const bool malformed = !whole.request && whole.request.error().code == einfer::ErrorCode::MalformedJson;
    if (malformed)
        require(fault.failed() || whole.request.error().message == twice, "Boost refuses what is malformed", body);
    else
        require(!fault, "Boost accepts what is well formed", body);
    if (whole.request) compare_values(whole, theirs.as_object(), body);
    return 0;
}
