// Binary POST /infer bodies through the push parser: a JSON header, then raw ciphertexts.
//
// Oracle: any chunking gives the same verdict, code, details and payload bytes. A header that the JSON envelope's own
// rules refuse is refused with the same code; of one that is good, Boost reads the same members and sizes, and what was
// handed out is what stands in the body at those places. Memory stays bounded, however long header and bytes are.
#include "common/allocations.h"
#include "common/input.h"
#include "common/require.h"
#include "protocol/binary_request.h"
#include "support/verdict.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <cmath>
#include <vector>

namespace einfer::fuzz {
namespace {

namespace json = boost::json;

constexpr std::size_t max_payload_bytes = 1024;

struct Recorder final : protocol::PayloadSink {
    void begin_input() override {
        require(!open, "begin_input() and end_input() alternate");
        open = true;
        inputs.emplace_back();
    }
    void input_bytes(std::span<const std::uint8_t> bytes) override {
        require(open && !bytes.empty(), "bytes come inside an input");
        inputs.back().append(bytes.begin(), bytes.end());
        require(inputs.back().size() <= max_payload_bytes, "no more bytes are handed out than may be");
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

Parsed parse(std::string_view body, std::uint64_t header_bytes, std::optional<std::uint8_t> chunking) {
    Recorder sink;
    protocol::BinaryRequestParser parser(header_bytes, max_payload_bytes, sink);
    if (chunking)
        feed_in_chunks(body, *chunking, [&](std::string_view piece) { parser.feed(piece); });
    else
        parser.feed(body);
    auto request = parser.finish();
    return {std::move(request), std::move(sink.inputs)};
}

/// Everything that must not depend on the chunks.
std::string shown(const Parsed& parsed) {
    if (!parsed.request) return test::text_of(parsed.request.error());
    const protocol::InferRequest& request = *parsed.request;
    if (request.payloads_fault) return test::text_of(*request.payloads_fault);
    std::string text = request.model_id + '\n' + request.version + '\n' + std::to_string(request.batch_size) + '\n' +
                       request.evaluation_key_id + '\n' + std::string(protocol::name(request.result_format));
    for (const protocol::Payload& payload : request.payloads)
        if (payload.fault) return text + '\n' + test::text_of(*payload.fault);
    require(request.payloads.size() == parsed.inputs.size(), "all inputs of a good request are handed out");
    for (const std::string& input : parsed.inputs) text += '\n' + input;
    return text;
}

void compare_sizes(const Parsed& ours, const json::object& theirs, std::string_view raw, std::string_view body) {
    const protocol::InferRequest& request = *ours.request;
    require(request.model_id == theirs.at("model_id").get_string(), "Boost reads the same model_id", body);
    const json::array& inputs = theirs.at("inputs").get_array();
    require(inputs.size() == request.payloads.size(), "Boost reads as many inputs", body);
    bool good = true;
    bool too_long = false;
    double sum = 0;
    for (const json::value& input : inputs) {
        const double size = input.at("binary_data_size").to_number<double>();
        good = good && size >= 1 && std::trunc(size) == size && size < 0x1p63;
        too_long = too_long || size > static_cast<double>(max_payload_bytes);
        sum += size;
    }
    good = good && sum == static_cast<double>(raw.size());  // exact: the body is short
    require(good == !request.payloads_fault, "sizes are good that are positive, whole and add up", body);
    bool any_fault = false;
    for (const protocol::Payload& payload : request.payloads) any_fault = any_fault || payload.fault;
    if (!good) return;
    require(any_fault == too_long, "only long payloads are too large", body);
    if (any_fault) return;
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const std::size_t size = request.payloads[i].bytes;
        require(static_cast<double>(size) == inputs[i].at("binary_data_size").to_number<double>(),
                "Boost reads the same size", body);
        require(ours.inputs[i] == raw.substr(0, size), "the bytes are those of the body", body);
        raw.remove_prefix(size);
    }
}

}  // namespace
}  // namespace einfer::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace einfer::fuzz;
    Input input(data, size);
    const std::uint8_t chunking = input.byte();
    const unsigned power = input.byte();
    const auto shift = static_cast<std::int8_t>(input.byte());  // of the header's length, from where the bytes begin
    const unsigned raw_bytes = input.byte();                    // four times as many of the last bytes are the raw ones
    const std::string_view text = input.text();
    const std::size_t raw_from = text.size() - std::min<std::size_t>(text.size(), 4 * raw_bytes);
    const std::string header = repeated(text.substr(0, raw_from), power);
    const std::string body = header + std::string(text.substr(raw_from));
    const std::uint64_t header_bytes = header.size() + static_cast<std::uint64_t>(std::int64_t{shift});

    const Parsed whole = parse(body, header_bytes, std::nullopt);
    const std::string verdict = shown(whole);
    require(shown(parse(body, header_bytes, chunking)) == verdict, "chunking changes nothing", body);
    {
        Discarder sink;
        const Allocations allocations;
        einfer::protocol::BinaryRequestParser parser(header_bytes, max_payload_bytes, sink);
        feed_in_chunks(std::string_view(body), 3, [&](std::string_view piece) { parser.feed(piece); });
        require(allocations.held() <= 3u << 20, "a body keeps three megabytes at most");
        (void)parser.finish();
        require_below(allocations, 16u << 20, "a body takes bounded memory");
    }

    if (header_bytes > body.size()) {
        require(!whole.request && whole.request.error().code == einfer::ErrorCode::InvalidEncoding,
                "a header does not end beyond the body", body);
        return 0;
    }
    const std::string_view json_text = std::string_view(body).substr(0, header_bytes);
    Discarder unused;
    einfer::protocol::InferRequestParser envelope(max_payload_bytes, unused);
    envelope.feed(json_text);
    const auto as_json = envelope.finish();
    const bool malformed = !whole.request && whole.request.error().code == einfer::ErrorCode::MalformedJson;
    require(malformed == (!as_json && as_json.error().code == einfer::ErrorCode::MalformedJson),
            "both forms take the same texts for JSON", body);
    if (!whole.request) return 0;
    boost::system::error_code fault;
    const json::value theirs = json::parse(json_text, fault);
    require(!fault, "Boost accepts what is well formed", body);
    compare_sizes(whole, theirs.as_object(), std::string_view(body).substr(header_bytes), body);
    return 0;
}
