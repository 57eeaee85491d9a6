// POST /infer bodies: members in any order, payloads in any form, in any pieces.
#include "unit/protocol/infer_request.h"

#include <algorithm>
#include <map>
#include <random>

namespace einfer::test {
namespace {

/// A request around `inputs`, the text of the array.
std::string around(const std::string& inputs, const std::string& more = "") {
    return R"({"model_id":"m","version":"1.0.0",)" + more + R"("inputs":)" + inputs + "}";
}

/// `member`: the one that is missing or unknown.
std::string violation(const std::string& rule, const std::string& pointer, const std::string& member = "") {
    const std::string where = pointer.empty() ? "the document" : '"' + pointer + '"';
    const std::string what = rule == "required"               ? " lacks the member \"" + member + '"'
                             : rule == "additionalProperties" ? " has a member that is unknown: \"" + member + '"'
                                                              : " breaks the rule \"" + rule + "\" of its schema";
    return "SCHEMA_VIOLATION: " + where + what + " [pointer=" + pointer + "] [rule=" + rule + "]";
}

constexpr std::string_view malformed = "MALFORMED_JSON: the body is not one well-formed JSON document";

TEST(InferRequest, MembersInAnyOrder) {
    std::vector<std::string> members{
        R"("model_id":"m")", R"("version":"1.0.0")", R"("batch_size":2)", R"("api_version":"1.0")",
        R"("inputs":[{"encoding":"hex","payload":"0aFF"},{"payload":"AQI=","encoding":"base64"}])"};
    std::sort(members.begin(), members.end());
    int orders = 0;
    do {
        std::string body;
        for (const std::string& member : members) body += (body.empty() ? "{" : ",") + member;
        RequestProbe probe(64);
        probe.feed(body + "}");
        ASSERT_EQ(shown(probe.finish()), "m 1.0.0 2 hex 0aff 0102") << body;
        ++orders;
    } while (std::next_permutation(members.begin(), members.end()));
    EXPECT_EQ(orders, 120);
    EXPECT_EQ(parse_request(around(R"([{"payload":"AQI=","encoding":"base64"},{"encoding":"hex","payload":"00"}])")),
              "m 1.0.0 1 base64 0102 00");
}

TEST(InferRequest, BatchSizeAndVersionsAreOptional) {
    const std::string inputs = R"([{"encoding":"hex","payload":"00"}])";
    EXPECT_EQ(parse_request(around(inputs)), "m 1.0.0 1 hex 00");
    for (const char* batch : {"16", "16.0", "1.6e1"})
        EXPECT_EQ(parse_request(around(inputs, R"("batch_size":)" + std::string(batch) + ",")), "m 1.0.0 16 hex 00");
    for (const char* version : {"1.0", "1.0.0"})
        EXPECT_EQ(parse_request(around(inputs, R"("api_version":")" + std::string(version) + "\",")),
                  "m 1.0.0 1 hex 00");
    for (const char* version : {"1.1", "1.1.0"}) {
        RequestProbe probe(64);
        probe.feed(around(inputs, R"("api_version":")" + std::string(version) + "\","));
        EXPECT_EQ(probe.finish().request->api_version, protocol::ApiVersion::V1_1);
    }
    for (const char* version : {"", "1", "1.2", "1.1.1", "2.0", "v1.0", "1.0.0 ", "1.0.1", "1.0.0.0"})
        EXPECT_EQ(parse_request(around(inputs, R"("api_version":")" + std::string(version) + "\",")).substr(0, 23),
                  "UNSUPPORTED_API_VERSION");
}

TEST(InferRequest, EvaluationKeysAndTheResultsFormatAreOptional) {
    const std::string inputs = R"([{"encoding":"hex","payload":"00"}])", key(64, 'a');
    const auto parsed = [&](const std::string& more) {
        RequestProbe probe(64);
        probe.feed(around(inputs, more));
        return probe.finish().request;
    };
    EXPECT_EQ(parsed("")->evaluation_key_id, "");
    EXPECT_EQ(parsed("")->result_format, protocol::ResultFormat::Seal);
    EXPECT_EQ(parsed(R"("evaluation_key_id":")" + key + "\",")->evaluation_key_id, key);
    EXPECT_EQ(parsed(R"("result_format":"seal",)")->result_format, protocol::ResultFormat::Seal);
    EXPECT_EQ(parsed(R"("result_format":"compact",)")->result_format, protocol::ResultFormat::Compact);
    for (const std::string& bad : {key + 'a', key.substr(1), std::string(64, 'A'), std::string(64, 'g'), std::string()})
        EXPECT_EQ(parse_request(around(inputs, R"("evaluation_key_id":")" + bad + "\",")),
                  violation("pattern", "/evaluation_key_id"));
    EXPECT_EQ(parse_request(around(inputs, R"("evaluation_key_id":1,)")), violation("type", "/evaluation_key_id"));
    for (const char* bad : {R"("Seal")", R"("")", "1", "null"})
        EXPECT_EQ(parse_request(around(inputs, R"("result_format":)" + std::string(bad) + ",")),
                  violation("enum", "/result_format"));
}

TEST(InferRequest, EscapesInPayloadsMeanWhatTheyDo) {
    EXPECT_EQ(parse_request(around(R"([{"encoding":"hex","payload":"\u0030\u0061f\u0046"}])")), "m 1.0.0 1 hex 0aff");
    EXPECT_EQ(parse_request(around(R"([{"encoding":"base64","payload":"\/\/\/\u002f"}])")), "m 1.0.0 1 base64 ffffff");
    EXPECT_EQ(parse_request(around(R"([{"payload":"\u0030\u0061f\u0046","encoding":"\u0068ex"}])")),
              "m 1.0.0 1 hex 0aff");
    EXPECT_EQ(parse_request(around(R"([{"\u0065ncoding":"hex","p\u0061yload":"00"}])")), "m 1.0.0 1 hex 00");
    EXPECT_EQ(parse_request(around(R"([{"encoding":"hex","payload":"00\u0000"}])")),
              "m 1.0.0 1 hex <INVALID_ENCODING>");
    EXPECT_EQ(parse_request(around(R"([{"encoding":"hex","payload":"00\n"}])")), "m 1.0.0 1 hex <INVALID_ENCODING>");
    EXPECT_EQ(parse_request(around(R"([{"encoding":"hex","payload":"00\ud800"}])")), malformed);
    EXPECT_EQ(parse_request(around("[{\"encoding\":\"hex\",\"payload\":\"00\xff\"}]")), malformed);
}

TEST(InferRequest, EncodingFaultsBelongToTheirPayload) {
    const std::string good = R"({"encoding":"hex","payload":"01"})";
    for (const char* bad : {R"({"encoding":"HEX","payload":"00"})", R"({"payload":"00","encoding":"HEX"})",
                            R"({"encoding":"binary","payload":"00"})", R"({"encoding":"","payload":"00"})",
                            R"({"encoding":"hex","payload":""})", R"({"payload":"","encoding":"hex"})",
                            R"({"encoding":"hex","payload":"0"})", R"({"payload":"0","encoding":"hex"})",
                            R"({"encoding":"base64","payload":"AA"})", R"({"encoding":"base64","payload":"0h=="})",
                            R"({"encoding":"hex\u0000","payload":"00"})"}) {
        EXPECT_EQ(parse_request(around('[' + std::string(good) + ',' + bad + ',' + good + ']')),
                  "m 1.0.0 1 hex 01 <INVALID_ENCODING> 01")
            << bad;
    }
    EXPECT_EQ(parse_request(around(R"([{"encoding":"HEX","payload":"00"}])")), "m 1.0.0 1 hex <INVALID_ENCODING>");
}

TEST(InferRequest, SchemaComesBeforeEncoding) {
    EXPECT_EQ(parse_request(around(R"([{"encoding":"HEX","payload":"0"}])", R"("batch_size":0,)")),
              violation("minimum", "/batch_size"));
    EXPECT_EQ(parse_request(around(R"([{"encoding":"hex","payload":"zz"}])", R"("batch_size":1,"x":1,)")),
              violation("additionalProperties", "", "x"));
    EXPECT_EQ(parse_request(around(R"([{"encoding":"hex","payload":"zz"}])", R"("x' or \u001b[2J":1,)")),
              "SCHEMA_VIOLATION: the document has a member that is unknown [pointer=] [rule=additionalProperties]");
    EXPECT_EQ(parse_request(around(R"([{"payload":"zz"}])")), violation("required", "/inputs/0", "encoding"));
    EXPECT_EQ(parse_request(around(R"([{"encoding":"hex"}])")), violation("required", "/inputs/0", "payload"));
    EXPECT_EQ(parse_request(around(R"([{}])")), violation("required", "/inputs/0", "encoding"));
    EXPECT_EQ(parse_request(around(R"([{"encoding":7,"payload":"00"}])")), violation("type", "/inputs/0/encoding"));
    EXPECT_EQ(parse_request(around(R"([{"payload":"00","encoding":["hex"]}])")),
              violation("type", "/inputs/0/encoding"));
    EXPECT_EQ(parse_request(around(R"([{"encoding":"hex","payload":null}])")), violation("type", "/inputs/0/payload"));
    EXPECT_EQ(parse_request(around(R"([{"encoding":"hex","payload":"00"},"x"])")), violation("type", "/inputs/1"));
    EXPECT_EQ(parse_request(around("[]")), violation("minItems", "/inputs"));
    EXPECT_EQ(parse_request(around(R"([{"encoding":"hex","payload":"00"}])", R"("batch_size":1e400,)")),
              violation("maximum", "/batch_size"));
    EXPECT_EQ(parse_request(around(R"([{"encoding":"hex","payload":"00"}])", R"("api_version":"9","batch_size":1.5,)")),
              violation("type", "/batch_size"));
}

TEST(InferRequest, DuplicatesAreMalformedWhereverTheyAre) {
    const std::string twice = "MALFORMED_JSON: an object has the same member twice";
    EXPECT_EQ(parse_request(around(R"([{"encoding":"hex","payload":"00","payload":"01"}])")), twice);
    EXPECT_EQ(parse_request(around(R"([{"payload":"00","encoding":"hex","p\u0061yload":"01"}])")), twice);
    EXPECT_EQ(parse_request(around(R"([{"encoding":"hex","encoding":"base64","payload":"00"}])")), twice);
    EXPECT_EQ(
        parse_request(around(R"([{"encoding":"hex","payload":"00"}],"inputs":[{"encoding":"hex","payload":"00"}])")),
        twice);
    EXPECT_EQ(parse_request(around(R"([{"encoding":"hex","payload":"00"}],"model_id":"m")")), twice);
}

/// Only /inputs/*/payload is a payload; the same words elsewhere are kept, and the schema sees them.
TEST(InferRequest, DecoysAreNotDecoded) {
    const std::pair<std::string, std::string> decoys[] = {
        {R"({"inputs":{"a":{"encoding":"hex","payload":"00"}}})", violation("type", "/inputs")},
        {R"([[{"encoding":"hex","payload":"00"}]])", violation("type", "")},
        {R"([{"inputs":[{"encoding":"hex","payload":"00"}]}])", violation("type", "")},
        {around(R"([[{"encoding":"hex","payload":"00"}]])"), violation("type", "/inputs/0")},
        {around(R"([{"encoding":"hex","payload":["00"]}])"), violation("type", "/inputs/0/payload")},
        {around(R"([{"encoding":"hex","payload":{"payload":"00"}}])"), violation("type", "/inputs/0/payload")},
        {around(R"({"encoding":"hex","payload":"00"})"), violation("type", "/inputs")},
        {R"({"model_id":{"inputs":[{"encoding":"hex","payload":"00"}]}})", violation("type", "/model_id")},
    };
    for (const auto& [body, expected] : decoys) {
        EXPECT_EQ(parse_request(body), expected) << body;
        RequestProbe probe(64);
        probe.feed(body);
        EXPECT_TRUE(probe.finish().inputs.empty()) << body;
    }
    EXPECT_EQ(parse_request(around(R"([{"encoding":{"encoding":"hex","payload":"00"},"payload":"00"}])")),
              violation("type", "/inputs/0/encoding"));
}

TEST(InferRequest, PayloadsAreBounded) {
    for (const std::size_t bytes : {1u, 2u, 3u, 64u}) {
        const auto hex = [&](std::size_t n) {
            return R"({"encoding":"hex","payload":")" + std::string(2 * n, 'a') + "\"}";
        };
        const auto late = [&](std::size_t n) {
            return R"({"payload":")" + std::string(2 * n, 'a') + R"(","encoding":"hex"})";
        };
        const std::string fits = "m 1.0.0 1 hex " + std::string(2 * bytes, 'a');
        EXPECT_EQ(parse_request(around('[' + hex(bytes) + ']'), bytes), fits);
        EXPECT_EQ(parse_request(around('[' + late(bytes) + ']'), bytes), fits);
        EXPECT_EQ(parse_request(around('[' + hex(bytes + 1) + ']'), bytes), "m 1.0.0 1 hex <PAYLOAD_TOO_LARGE>");
        EXPECT_EQ(parse_request(around('[' + late(bytes + 1) + ']'), bytes), "m 1.0.0 1 hex <PAYLOAD_TOO_LARGE>");
        // Of several faults the first is kept; nothing behind it is looked at.
        EXPECT_EQ(parse_request(around('[' + hex(bytes) + ',' + hex(bytes + 1) + ',' + hex(bytes) + ']'), bytes),
                  fits + " <PAYLOAD_TOO_LARGE> " + std::string(2 * bytes, 'a'));
    }
}

TEST(InferRequest, Base64IsBoundedByItsBytes) {
    const auto verdict = [](const std::string& payload, const char* form) {
        const std::string input = form + payload + (form[2] == 'e' ? R"("})" : R"(","encoding":"base64"})");
        return parse_request(around('[' + input + ']'), 4);
    };
    for (const char* form : {R"({"encoding":"base64","payload":")", R"({"payload":")"}) {
        EXPECT_EQ(verdict("AAAAAA==", form), "m 1.0.0 1 base64 00000000");
        EXPECT_EQ(verdict("AAAAAAA=", form), "m 1.0.0 1 base64 <PAYLOAD_TOO_LARGE>");
        EXPECT_EQ(verdict("AAAAAAAA", form), "m 1.0.0 1 base64 <PAYLOAD_TOO_LARGE>");
        EXPECT_EQ(verdict("AAAAAAAAAAAA", form), "m 1.0.0 1 base64 <PAYLOAD_TOO_LARGE>");
        EXPECT_EQ(verdict("AAAA!AAA", form), "m 1.0.0 1 base64 <INVALID_ENCODING>");
    }
}

/// A payload that is both too long and badly encoded: one verdict, wherever the bad character, the cut and the encoding
/// are.
TEST(InferRequest, TooLongAndBadlyEncodedIsTooLong) {
    for (const std::size_t at : {0u, 3u, 8u, 9u, 11u}) {
        std::string payload(12, '0');
        payload[at] = '!';
        EXPECT_EQ(parse_request(around(R"([{"encoding":"hex","payload":")" + payload + "\"}]"), 4),
                  "m 1.0.0 1 hex <PAYLOAD_TOO_LARGE>");
        EXPECT_EQ(parse_request(around(R"([{"payload":")" + payload + R"(","encoding":"hex"}])"), 4),
                  "m 1.0.0 1 hex <PAYLOAD_TOO_LARGE>");
    }
    EXPECT_EQ(parse_request(around(R"([{"encoding":"HEX","payload":"000000000000"}])"), 4),
              "m 1.0.0 1 hex <INVALID_ENCODING>");
    EXPECT_EQ(parse_request(around(R"([{"payload":"000000000000","encoding":"HEX"}])"), 4),
              "m 1.0.0 1 hex <INVALID_ENCODING>");
}

TEST(InferRequest, TheEnvelopeIsBoundedToo) {
    const std::string inputs = R"([{"encoding":"hex","payload":"00"}])";
    RequestProbe probe(64);
    probe.feed(around(inputs, R"("x":")" + std::string(5000, 'x') + "\","));
    EXPECT_EQ(code_of(probe.finish().request), "PAYLOAD_TOO_LARGE");
    RequestProbe deep(64);
    deep.feed(around(inputs, R"("x":)" + std::string(10000, '[')));
    EXPECT_EQ(code_of(deep.finish().request), "MALFORMED_JSON");
}

TEST(InferRequest, AsManyInputsAsTheContractAllows) {
    std::string inputs;
    for (int i = 0; i < 4096; ++i) inputs += R"({"encoding":"hex","payload":"00"},)";
    RequestProbe most(64);
    most.feed(around('[' + inputs.substr(0, inputs.size() - 1) + ']'));
    const ParsedRequest parsed = most.finish();
    ASSERT_TRUE(parsed.request) << text_of(parsed.request);
    EXPECT_EQ(parsed.request->payloads.size(), 4096u);
    EXPECT_EQ(parsed.inputs.size(), 4096u);
    RequestProbe over(64);
    over.feed(around('[' + inputs + R"({"encoding":"hex","payload":"00"}])"));
    EXPECT_EQ(shown(over.finish()), violation("maxItems", "/inputs"));
}

TEST(InferRequest, EveryTruncationIsMalformed) {
    const std::string body = around(R"([{"encoding":"hex","payload":"00"},{"payload":"AA==","encoding":"base64"}])");
    for (std::size_t length = 0; length < body.size(); ++length) {
        RequestProbe probe(64);
        probe.feed(body.substr(0, length));
        ASSERT_EQ(shown(probe.finish()), malformed) << length;
    }
}

/// parse_request() compares the pieces; here are bodies that nobody thought of.
TEST(InferRequest, MutatedBodiesMeetOneVerdictInAnyPieces) {
    const std::string body = around(R"([{"encoding":"hex","payload":"00ff"},{"payload":"AA==","encoding":"base64"}])");
    std::mt19937_64 random(6);
    std::map<std::string, int> verdicts;
    for (int round = 0; round < 300; ++round) {
        std::string mutated = body;
        for (std::uint64_t left = 1 + random() % 2; left > 0; --left) {
            const std::size_t at = random() % mutated.size();
            switch (random() % 4) {
                case 0: mutated.erase(at, 1 + random() % 12); break;
                case 1: mutated.insert(at, mutated.substr(random() % mutated.size(), random() % 40)); break;
                case 2: mutated[at] = "0aF=+/\\\"{}[],:u"[random() % 16]; break;
                default: mutated[at] = static_cast<char>(random());
            }
        }
        const std::string verdict = parse_request(mutated, 3);
        ++verdicts[verdict.substr(0, verdict.find(':'))];
    }
    EXPECT_GT(verdicts["MALFORMED_JSON"], 50);
    EXPECT_GT(verdicts["SCHEMA_VIOLATION"], 20);
    EXPECT_GT(verdicts["m 1.0.0 1 hex 00ff <INVALID_ENCODING>"] + verdicts["m 1.0.0 1 hex <INVALID_ENCODING> 00"], 5);
}

}  // namespace
}  // namespace einfer::test
