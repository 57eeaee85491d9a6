// Every limit is exact, and holds in any pieces.
#include "unit/protocol/json.h"

namespace einfer::test {
namespace {

using protocol::JsonLimits;

std::string repeat(std::string_view text, std::size_t times) {
    std::string repeated;
    for (std::size_t i = 0; i < times; ++i) repeated += text;
    return repeated;
}

std::string nested(std::size_t depth) { return repeat("[", depth) + repeat("]", depth); }

std::string verdict(const std::string& text, const JsonLimits& limits) {
    return code_of(parse_every_way(text, limits));
}

TEST(JsonLimits, DepthIsExact) {
    for (const std::size_t depth : {1u, 2u, 5u, 16u}) {
        const JsonLimits limits{.max_depth = depth};
        EXPECT_EQ(verdict(nested(depth), limits), "OK");
        EXPECT_EQ(verdict(nested(depth + 1), limits), "MALFORMED_JSON");
        EXPECT_EQ(verdict("[1," + nested(depth) + "]", limits), "MALFORMED_JSON");
        EXPECT_EQ(verdict(repeat(R"({"a":)", depth) + "1" + repeat("}", depth), limits), "OK");
        EXPECT_EQ(verdict(repeat(R"({"a":)", depth + 1) + "1" + repeat("}", depth + 1), limits), "MALFORMED_JSON");
    }
    EXPECT_EQ(verdict("1", {.max_depth = 0}), "OK");
    EXPECT_EQ(verdict("[]", {.max_depth = 0}), "MALFORMED_JSON");
}

TEST(JsonLimits, DepthIsWhatIsOpenAtOnce) {
    EXPECT_EQ(verdict("[[],[],[[]],{}]", {.max_depth = 3}), "OK");
    EXPECT_EQ(verdict("[[],[],[[]],{}]", {.max_depth = 2}), "MALFORMED_JSON");
}

TEST(JsonLimits, TenThousandDeepIsMalformed) {
    for (const std::string& text :
         {repeat("[", 10000), nested(10000), repeat(R"({"a":)", 10000), repeat("[{\"\":", 5000)})
        EXPECT_EQ(code_of(protocol::parse_json(text)), "MALFORMED_JSON");
}

TEST(JsonLimits, ValuesAreCountedOneByOne) {
    const std::pair<std::string, std::size_t> documents[] = {
        {"1", 1}, {"[]", 1}, {"[1,2,3]", 4}, {R"({"a":1,"b":[true,null,"x"],"c":{}})", 7}, {"[[[[]]]]", 4}};
    for (const auto& [text, values] : documents) {
        EXPECT_EQ(verdict(text, {.max_values = values}), "OK") << text;
        EXPECT_EQ(verdict(text, {.max_values = values - 1}), "PAYLOAD_TOO_LARGE") << text;
    }
}

TEST(JsonLimits, StringsAndKeysAreMeasuredUnescaped) {
    for (const std::size_t length : {1u, 5u, 33u}) {
        const JsonLimits limits{.max_string_bytes = length};
        EXPECT_EQ(verdict('"' + repeat("a", length) + '"', limits), "OK");
        EXPECT_EQ(verdict('"' + repeat("a", length + 1) + '"', limits), "PAYLOAD_TOO_LARGE");
        EXPECT_EQ(verdict('"' + repeat("\\u0061", length) + '"', limits), "OK");
        EXPECT_EQ(verdict('"' + repeat("\\u0061", length + 1) + '"', limits), "PAYLOAD_TOO_LARGE");
        EXPECT_EQ(verdict("{\"" + repeat("k", length) + "\":1}", limits), "OK");
        EXPECT_EQ(verdict("{\"" + repeat("k", length + 1) + "\":1}", limits), "PAYLOAD_TOO_LARGE");
        EXPECT_EQ(verdict('[' + repeat('"' + repeat("a", length) + "\",", 20) + "1]", limits), "OK") << "each, not all";
    }
}

TEST(JsonLimits, ANumberIsNoLongerThanAString) {
    for (const char* number : {"12345678", "-1234567", "1.500000", "1e000001", "10.00000"}) {
        EXPECT_EQ(verdict(number, {.max_string_bytes = 8}), "OK") << number;
        EXPECT_EQ(verdict(number, {.max_string_bytes = 7}), "PAYLOAD_TOO_LARGE") << number;
        EXPECT_EQ(verdict('[' + std::string(number) + ",0]", {.max_string_bytes = 8}), "OK") << number;
    }
    EXPECT_EQ(verdict("0." + std::string(5000, '1'), {}), "PAYLOAD_TOO_LARGE");
    EXPECT_EQ(verdict("1234567890x", {.max_string_bytes = 7}), "MALFORMED_JSON");
}

TEST(JsonLimits, TextIsKeysAndStringsTogether) {
    const std::string text = R"({"abc":"de","f":["ghi",{"":"j"}]})";
    EXPECT_EQ(verdict(text, {.max_text_bytes = 10}), "OK");
    EXPECT_EQ(verdict(text, {.max_text_bytes = 9}), "PAYLOAD_TOO_LARGE");
}

TEST(JsonLimits, ASyntaxErrorIsTheStrongerVerdict) {
    EXPECT_EQ(verdict("[1,2,3,x", {.max_values = 3}), "MALFORMED_JSON");
    EXPECT_EQ(verdict("[1,x,2,3]", {.max_values = 3}), "MALFORMED_JSON");
    EXPECT_EQ(verdict("[1,2,3,4] 5", {.max_values = 3}), "MALFORMED_JSON");
    EXPECT_EQ(verdict(R"({"abcd":1)", {.max_string_bytes = 3}), "MALFORMED_JSON");
    EXPECT_EQ(verdict("\"abcdefgh\x01\"", {.max_string_bytes = 3}), "MALFORMED_JSON");
    EXPECT_EQ(verdict("{\"abcdefgh\xff\":1}", {.max_string_bytes = 3}), "MALFORMED_JSON");
    EXPECT_EQ(verdict("[\"abcd\"," + nested(40) + "]", {.max_string_bytes = 3}), "MALFORMED_JSON");
    EXPECT_EQ(verdict(R"(["abcd",{"k":{"k":[null,{"x":"yz"}]}},"e"])", {.max_string_bytes = 3}), "PAYLOAD_TOO_LARGE");
    EXPECT_EQ(verdict(R"({"abcd":{"abcd":1,"abcd":2},"b":[[1]]})", {.max_string_bytes = 3}), "PAYLOAD_TOO_LARGE");
}

TEST(JsonLimits, TheUsualOnesTakeWhatTheContractNeeds) {
    const std::string inputs =
        repeat(R"({"encoding":"hex","payload":"00"},)", 4095) + R"({"encoding":"hex","payload":"00"})";
    EXPECT_EQ(code_of(protocol::parse_json(R"({"inputs":[)" + inputs + "]}")), "OK");
    EXPECT_EQ(code_of(protocol::parse_json('[' + repeat("1,", 65534) + "1]")), "OK");
    EXPECT_EQ(code_of(protocol::parse_json('[' + repeat("1,", 65535) + "1]")), "PAYLOAD_TOO_LARGE");
}

}  // namespace
}  // namespace einfer::test
