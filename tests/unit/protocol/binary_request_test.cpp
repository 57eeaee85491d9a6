// Binary bodies of POST /infer: header and ciphertexts, in any pieces.
#include "protocol/binary_request.h"

#include "unit/protocol/infer_request.h"

#include <map>
#include <random>

namespace einfer::test {
namespace {

/// The parser and its sink; has the shape that feed_cut() and the others want.
class BinaryProbe {
public:
    explicit BinaryProbe(std::uint64_t header_bytes, std::size_t max_payload_bytes = 64)
        : parser_(header_bytes, max_payload_bytes, sink_) {}
    void feed(std::string_view text) { parser_.feed(text); }
    ParsedRequest finish() { return {parser_.finish(), sink_.inputs}; }
    [[nodiscard]] std::size_t envelope_memory() const { return parser_.envelope_memory(); }

private:
    RecordingSink sink_;
    protocol::BinaryRequestParser parser_;
};

std::string shown_binary(const ParsedRequest& parsed) {
    if (parsed.request && parsed.request->payloads_fault) {
        EXPECT_LE(parsed.inputs.size(), parsed.request->payloads.size());
        return text_of(*parsed.request->payloads_fault);
    }
    if (parsed.request && std::any_of(parsed.request->payloads.begin(), parsed.request->payloads.end(),
                                      [](const protocol::Payload& each) { return each.fault.has_value(); })) {
        EXPECT_TRUE(parsed.inputs.empty()) << "the sink sees nothing of a request that cannot be good";
        for (std::size_t i = 0; i < parsed.request->payloads.size(); ++i)
            if (const auto& fault = parsed.request->payloads[i].fault)
                return text_of(*fault) + " at " + std::to_string(i);
    }
    return shown(parsed);
}

/// What comes of a body whose header is said to be so long; the same cut at every byte, byte by byte and at random.
std::string parse_binary(const std::string& body, std::uint64_t header_bytes, std::size_t max_payload_bytes = 64) {
    BinaryProbe whole(header_bytes, max_payload_bytes);
    whole.feed(body);
    const std::string expected = shown_binary(whole.finish());
    for (std::size_t cut = 0; cut <= body.size(); ++cut) {
        BinaryProbe probe(header_bytes, max_payload_bytes);
        feed_cut(probe, body, cut);
        EXPECT_EQ(shown_binary(probe.finish()), expected) << body << " cut at " << cut;
    }
    BinaryProbe bytewise(header_bytes, max_payload_bytes);
    feed_bytes(bytewise, body);
    EXPECT_EQ(shown_binary(bytewise.finish()), expected) << body;
    std::mt19937_64 random(body.size());
    for (const std::size_t largest : {4u, 30u}) {
        BinaryProbe probe(header_bytes, max_payload_bytes);
        feed_random(probe, body, random, largest);
        EXPECT_EQ(shown_binary(probe.finish()), expected) << body;
    }
    return expected;
}

std::string header_of(const std::string& inputs, const std::string& more = "") {
    return R"({"model_id":"m","version":"1.0.0",)" + more + R"("inputs":)" + inputs + "}";
}
std::string sizes(const std::vector<std::string>& each) {
    std::string text;
    for (const std::string& size : each) text += (text.empty() ? "[" : ",") + (R"({"binary_data_size":)" + size + "}");
    return text + "]";
}
/// The honest form: header, then `raw`.
std::string parse_sizes(const std::vector<std::string>& each, const std::string& raw, std::size_t max_payload = 64) {
    const std::string header = header_of(sizes(each));
    return parse_binary(header + raw, header.size(), max_payload);
}

const std::string not_together =
    "INVALID_ENCODING: what follows the header is not as long as its binary_data_size together";
std::string bad_size(int input) {
    return "INVALID_ENCODING: binary_data_size is a positive whole number of bytes [input=" + std::to_string(input) +
           "]";
}
constexpr std::string_view malformed = "MALFORMED_JSON: the body is not one well-formed JSON document";

TEST(BinaryRequest, HeaderAndBytes) {
    EXPECT_EQ(parse_sizes({"3"}, {"\0\x01\xff", 3}), "m 1.0.0 1 binary 0001ff");
    EXPECT_EQ(parse_sizes({"1", "2", "1.0", "1e0"}, "abcde"), "m 1.0.0 1 binary 61 6263 64 65");
    const std::string header = "  " + header_of(sizes({"2"}), R"("batch_size":4,"api_version":"1.1",)") + " \n";
    EXPECT_EQ(parse_binary(header + "{}", header.size()), "m 1.0.0 4 binary 7b7d") << "bytes are no JSON";
}

TEST(BinaryRequest, OptionalMembers) {
    const std::string key(64, 'e');
    const std::string header =
        header_of(sizes({"1"}), R"("evaluation_key_id":")" + key + R"(","result_format":"compact",)");
    BinaryProbe probe(header.size());
    probe.feed(header + "x");
    const auto parsed = probe.finish().request;
    ASSERT_TRUE(parsed);
    EXPECT_EQ(parsed->evaluation_key_id, key);
    EXPECT_EQ(parsed->result_format, protocol::ResultFormat::Compact);
    EXPECT_EQ(parsed->api_version, protocol::ApiVersion::V1_0);
    EXPECT_EQ(parsed->encoding, protocol::Encoding::Binary);
}

TEST(BinaryRequest, SizesMustAddUp) {
    EXPECT_EQ(parse_sizes({"2", "2"}, "abc"), not_together);
    EXPECT_EQ(parse_sizes({"2", "2"}, "abcde"), not_together);
    EXPECT_EQ(parse_sizes({"2", "2"}, "ab"), not_together);
    EXPECT_EQ(parse_sizes({"2", "2"}, ""), not_together);
    EXPECT_EQ(parse_sizes({"9223372036854775807", "9223372036854775807"}, "ab"), not_together);
    EXPECT_EQ(parse_sizes({"9223372036854775807", "9223372036854775807", "4"}, "ab"), not_together) << "2 modulo 2^64";
}

TEST(BinaryRequest, ASizeIsAPositiveWholeNumber) {
    for (const char* bad : {"0", "-0", "-1", "0.5", "1.5", "1e400", "-1e400", "9223372036854775808",
                            "18446744073709551617", "1e30", "-9223372036854775808"}) {
        EXPECT_EQ(parse_sizes({"1", bad}, "ab"), bad_size(1)) << bad;
        EXPECT_EQ(parse_sizes({bad, bad}, "ab"), bad_size(0)) << bad;
    }
}

TEST(BinaryRequest, PayloadsAreBounded) {
    const std::string too_long = "PAYLOAD_TOO_LARGE: a payload is longer than any model's largest ciphertext at ";
    for (const std::size_t most : {1u, 2u, 64u}) {
        const auto of = [](std::size_t bytes) { return std::to_string(bytes); };
        EXPECT_EQ(parse_sizes({of(most)}, std::string(most, 'a'), most).substr(0, 16), "m 1.0.0 1 binary");
        EXPECT_EQ(parse_sizes({of(most), of(most + 1)}, std::string(2 * most + 1, 'a'), most), too_long + '1');
        EXPECT_EQ(parse_sizes({of(most + 1), of(most + 2)}, std::string(2 * most + 3, 'a'), most), too_long + '0');
        EXPECT_EQ(parse_sizes({of(most + 1)}, std::string(most, 'a'), most), not_together) << "comes before";
    }
}

TEST(BinaryRequest, TheHeaderEndsWhereItIsSaidTo) {
    const std::string header = header_of(sizes({"1"})), body = header + "x";
    const std::string beyond = "INVALID_ENCODING: Inference-Header-Content-Length is more than the body has bytes";
    for (const std::uint64_t length : {std::uint64_t{body.size()} + 1, std::uint64_t{1} << 40, ~std::uint64_t{0}})
        EXPECT_EQ(parse_binary(body, length), beyond);
    EXPECT_EQ(parse_binary("", 1), beyond);
    EXPECT_EQ(parse_binary("]", 2), beyond) << "whatever is there";
    EXPECT_EQ(parse_binary(body, body.size()), malformed);
    EXPECT_EQ(parse_binary(body, header.size() - 1), malformed);
    EXPECT_EQ(parse_binary(header + " ", header.size() + 1), not_together);
    EXPECT_EQ(parse_binary(header, header.size()), not_together);
    EXPECT_EQ(parse_binary("", 0), malformed);
}

TEST(BinaryRequest, SchemaAndVersionComeBeforeSizes) {
    const auto verdict = [](const std::string& inputs, const std::string& more = "") {
        const std::string header = header_of(inputs, more);
        const std::string text = parse_binary(header + "abc", header.size());
        return text.substr(0, text.find(": "));
    };
    EXPECT_EQ(verdict(R"([{"binary_data_size":"1"}])"), "SCHEMA_VIOLATION");
    EXPECT_EQ(verdict(R"([{"binary_data_size":null}])"), "SCHEMA_VIOLATION");
    EXPECT_EQ(verdict(R"([{"binary_data_size":true}])"), "SCHEMA_VIOLATION");
    EXPECT_EQ(verdict(R"([{"encoding":"hex","payload":"00"}])"), "SCHEMA_VIOLATION");
    EXPECT_EQ(verdict(R"([{"binary_data_size":-1,"encoding":"binary"}])"), "SCHEMA_VIOLATION");
    EXPECT_EQ(verdict("[]"), "SCHEMA_VIOLATION");
    EXPECT_EQ(verdict("[{}]"), "SCHEMA_VIOLATION");
    EXPECT_EQ(verdict(sizes({"-1"}), R"("result_format":"SEAL",)"), "SCHEMA_VIOLATION");
    EXPECT_EQ(verdict(sizes({"-1"}), R"("evaluation_key_id":"",)"), "SCHEMA_VIOLATION");
    EXPECT_EQ(verdict(sizes({"-1"}), R"("api_version":"1.2",)"), "UNSUPPORTED_API_VERSION");
    EXPECT_EQ(verdict(R"([{"binary_data_size":1,"binary_data_size":1}])"), "MALFORMED_JSON");
    EXPECT_EQ(verdict(sizes({"2", "2"})), "INVALID_ENCODING");
}

TEST(BinaryRequest, EveryTruncation) {
    const std::string header = header_of(sizes({"3", "4"})), body = header + "abcdefg";
    for (std::size_t length = 0; length < body.size(); ++length) {
        BinaryProbe probe(header.size());
        probe.feed(body.substr(0, length));
        EXPECT_EQ(code_of(probe.finish().request), length < header.size() ? "INVALID_ENCODING" : "OK") << length;
        BinaryProbe again(header.size());
        again.feed(body.substr(0, length));
        EXPECT_EQ(shown_binary(again.finish()).substr(0, 16), "INVALID_ENCODING") << length;
    }
}

TEST(BinaryRequest, AsManyInputsAsTheContractAllows) {
    const std::string header = header_of(sizes(std::vector<std::string>(4096, "1")));
    BinaryProbe most(header.size());
    most.feed(header + std::string(4096, 'a'));
    EXPECT_GT(most.envelope_memory(), 4096 * sizeof(protocol::Payload));
    const ParsedRequest parsed = most.finish();
    ASSERT_TRUE(parsed.request) << text_of(parsed.request);
    EXPECT_FALSE(parsed.request->payloads_fault);
    EXPECT_EQ(parsed.inputs.size(), 4096u);
    const std::string over = header_of(sizes(std::vector<std::string>(4097, "1")));
    BinaryProbe one_more(over.size());
    one_more.feed(over + std::string(4097, 'a'));
    EXPECT_EQ(code_of(one_more.finish().request), "SCHEMA_VIOLATION");
}

TEST(BinaryRequest, TheHeaderIsBounded) {
    const std::string header = header_of(sizes({"1"}), R"("x":")" + std::string(1u << 20, 'x') + "\",");
    BinaryProbe probe(header.size());
    std::mt19937_64 random(9);
    feed_random(probe, header + "a", random, 4096);
    EXPECT_LT(probe.envelope_memory(), 1u << 20);
    EXPECT_EQ(code_of(probe.finish().request), "PAYLOAD_TOO_LARGE");
}

/// Headers, lengths and bytes that nobody thought of, against a model that knows the whole body.
TEST(BinaryRequest, MutatedBodiesMeetOneVerdictInAnyPieces) {
    std::mt19937_64 random(8);
    std::map<std::string, int> verdicts;
    for (int round = 0; round < 400; ++round) {
        std::vector<std::string> told;
        std::string raw;
        for (std::uint64_t left = 1 + random() % 3; left > 0; --left) {
            const std::size_t size = 1 + random() % 5;
            told.push_back(std::to_string(size));
            raw += std::string(size, static_cast<char>(random()));
        }
        std::string header = header_of(sizes(told));
        std::uint64_t length = header.size();
        switch (random() % 5) {
            case 0: header[random() % header.size()] = "0-9.,\"{}[] e"[random() % 12]; break;
            case 1: length += random() % 12 - 6; break;
            case 2: raw.erase(random() % raw.size(), 1 + random() % 3); break;
            case 3: raw.insert(random() % raw.size(), std::string(1 + random() % 3, 'z')); break;
            default: break;
        }
        const std::string verdict = parse_binary(header + raw, length, 4);
        ++verdicts[verdict.substr(0, verdict.find_first_of(": "))];
    }
    for (const char* each : {"m", "MALFORMED_JSON", "SCHEMA_VIOLATION", "INVALID_ENCODING", "PAYLOAD_TOO_LARGE"})
        EXPECT_GT(verdicts[each], 5) << each;
}

}  // namespace
}  // namespace einfer::test
