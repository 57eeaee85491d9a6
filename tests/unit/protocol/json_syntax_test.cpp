// RFC 8259 and nothing more lenient.
#include "unit/protocol/json.h"

#include <boost/json/array.hpp>

#include <utility>
#include <vector>

namespace einfer::test {
namespace {

using namespace std::string_literals;

/// Text and the same document in Boost's own spelling.
const std::vector<std::pair<std::string, std::string>> accepted{
    {"null", "null"},
    {"true", "true"},
    {"false", "false"},
    {"0", "0"},
    {" 0 ", "0"},
    {"-17", "-17"},
    {"3.25", "3.25E0"},
    {"-2.5e-3", "-2.5E-3"},
    {R"("")", R"("")"},
    {R"("a")", R"("a")"},
    {"[]", "[]"},
    {"{}", "{}"},
    {"\t\r\n [ 1 ,\t2\r,\n3 ] \t\r\n", "[1,2,3]"},
    {R"({"a":{"b":[{"c":null}]},"d":""})", R"({"a":{"b":[{"c":null}]},"d":""})"},
    {R"(["\"\\\/\b\f\n\r\t"])", R"(["\"\\/\b\f\n\r\t"])"},
    {R"(["\u0041\u00e9\u20ac"])", "[\"A\xc3\xa9\xe2\x82\xac\"]"},
    {R"(["\ud83d\ude00"])", "[\"\xf0\x9f\x98\x80\"]"},
    {R"(["\u0000"])", R"(["\u0000"])"},
    {"[\"\x7f\"]", "[\"\x7f\"]"},
    {"[\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"]",
     "[\"\xc2\x80\xdf\xbf\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf\xf0\x90\x80\x80\xf4\x8f\xbf\xbf\"]"},
    {R"({"a":1,"A":2,"":3,"aa":4})", R"({"a":1,"A":2,"":3,"aa":4})"},
    {R"([{"a":1},{"a":1}])", R"([{"a":1},{"a":1}])"},
    {R"({"a":{"a":{"a":1}}})", R"({"a":{"a":{"a":1}}})"},
};

struct Refusal {
    std::string text;
    std::size_t byte;  ///< where the reader has to notice
};

const std::vector<Refusal> refused{
    // Truncated.
    {"", 0},
    {" ", 1},
    {"[1", 2},
    {"{\"a\":1", 6},
    {"{\"a\"", 4},
    {"\"abc", 4},
    {"nul", 3},
    {"-", 1},
    {"1.", 2},
    {"1e", 2},
    {"1e+", 3},
    {"\"\\u12", 5},
    // Trailing bytes.
    {"[1] x", 4},
    {"{}{}", 2},
    {"1 2", 2},
    {"null\0"s, 4},
    {"[]\x0b", 2},
    // Lenience of other parsers.
    {"[1,]", 3},
    {"[,1]", 1},
    {"{\"a\":1,}", 7},
    {"{a:1}", 1},
    {"'a'", 0},
    {"[1 2]", 3},
    {"{\"a\" 1}", 5},
    {"/* */1", 0},
    {"1 // one", 2},
    {"# one\n1", 0},
    {"NaN", 0},
    {"Infinity", 0},
    {"-Infinity", 1},
    {"nan", 1},
    {"True", 0},
    {"nulll", 4},
    {"01", 1},
    {"-01", 2},
    {"[00]", 2},
    {"+1", 0},
    {".5", 0},
    {"0x10", 1},
    {"1_000", 1},
    {"\xef\xbb\xbf{}", 0},
    // Strings.
    {"\"\x01\"", 1},
    {"\"a\nb\"", 2},
    {"\"\0\""s, 1},
    {R"("\x41")", 2},
    {R"("\a")", 2},
    {R"("\u12g4")", 5},
    {R"("\ud800")", 7},
    {R"("\ud800\n")", 8},
    {R"("\udc00")", 7},
    // UTF-8: foreign bytes, a lone continuation, overlong forms, surrogates, beyond U+10FFFF, cut short.
    {"\"\xff\"", 1},
    {"\"\x80\"", 1},
    {"\"\xc0\x80\"", 1},
    {"\"\xc1\xbf\"", 1},
    {"\"\xe0\x9f\xbf\"", 1},
    {"\"\xed\xa0\x80\"", 1},
    {"\"\xf0\x8f\xbf\xbf\"", 1},
    {"\"\xf4\x90\x80\x80\"", 1},
    {"\"\xf5\x80\x80\x80\"", 1},
    {"\"\xc3\"", 1},
    {"\"\xe2\x82\"", 1},
    {"{\"\xff\":1}", 2},
    // Duplicate members: at any depth, and however they are spelled.
    {R"({"a":1,"a":2})", 9},
    {R"({"a":1,"\u0061":2})", 14},
    {R"({"a":{"b":1,"b":1}})", 14},
    {R"([[{"b":null,"c":2,"b":null}]])", 20},
    {R"({"":1,"":2})", 7},
};

TEST(JsonSyntax, WhatIsValidIsReadInAnyPieces) {
    for (const auto& [text, expected] : accepted) {
        const auto document = parse_every_way(text);
        ASSERT_TRUE(document) << text << ": " << text_of(document);
        EXPECT_EQ(boost::json::serialize(*document), expected) << text;
    }
}

TEST(JsonSyntax, WhatIsNotIsRefusedInAnyPieces) {
    for (const Refusal& refusal : refused) {
        const auto document = parse_every_way(refusal.text);
        ASSERT_EQ(code_of(document), "MALFORMED_JSON") << refusal.text;
        EXPECT_EQ(detail_of(document.error(), "byte"), std::to_string(refusal.byte)) << refusal.text;
    }
}

TEST(JsonSyntax, DuplicatesAreNamedAsSuch) {
    for (const char* text : {R"({"a":1,"a":1})", R"([{"x":{"a":1,"b":2,"a":3}}])"})
        EXPECT_EQ(protocol::parse_json(text).error().message, "an object has the same member twice") << text;
    EXPECT_NE(protocol::parse_json("{").error().message, "an object has the same member twice");
}

TEST(JsonSyntax, IntegralNumbersAreIntegersHoweverWritten) {
    using boost::json::kind;
    const std::tuple<std::string, kind, double> numbers[] = {
        {"1", kind::int64, 1},
        {"1.0", kind::int64, 1},
        {"1.000", kind::int64, 1},
        {"1e0", kind::int64, 1},
        {"10e-1", kind::int64, 1},
        {"1E+2", kind::int64, 100},
        {"-0.0", kind::int64, 0},
        {"-1.0", kind::int64, -1},
        {"1e-400", kind::int64, 0},
        {"9007199254740993.0", kind::int64, 9007199254740992.0},
        {"9223372036854775807", kind::int64, 9223372036854775807.0},
        {"-9223372036854775808", kind::int64, -9223372036854775808.0},
        {"-9223372036854775808.0", kind::int64, -9223372036854775808.0},
        {"9223372036854774784.0", kind::int64, 9223372036854774784.0},
        {"1.5", kind::double_, 1.5},
        {"1e-3", kind::double_, 1e-3},
        // Beyond 64 bits with sign: numbers are doubles.
        {"9223372036854775808", kind::double_, 9223372036854775808.0},
        {"9223372036854775808.0", kind::double_, 9223372036854775808.0},
        {"18446744073709551615", kind::double_, 18446744073709551615.0},
        {"1e19", kind::double_, 1e19},
        {"123456789012345678901234567890", kind::double_, 123456789012345678901234567890.0},
        {"1.7976931348623157e308", kind::double_, 1.7976931348623157e308},
    };
    for (const auto& [text, expected_kind, expected] : numbers) {
        const auto document = parse_every_way(text);
        ASSERT_TRUE(document) << text;
        EXPECT_EQ(document->kind(), expected_kind) << text;
        EXPECT_EQ(document->to_number<double>(), expected) << text;
    }
}

TEST(JsonSyntax, NumbersBeyondDoubleAreInfiniteForTheSchemaToRefuse) {
    for (const char* text : {"1e400", "1e309", "-1e400", "[1e400]"}) {
        const auto document = parse_every_way(text);
        ASSERT_TRUE(document) << text;
        const boost::json::value& number = document->is_array() ? document->get_array().front() : *document;
        ASSERT_TRUE(number.is_double()) << text;
        EXPECT_TRUE(std::isinf(number.get_double())) << text;
        EXPECT_EQ(std::signbit(number.get_double()), text[0] == '-') << text;
    }
}

TEST(JsonReader, AfterTheFirstFaultTheRestIsIgnored) {
    protocol::JsonReader reader({});
    EXPECT_FALSE(reader.failed());
    reader.feed("[1,");
    EXPECT_FALSE(reader.failed());
    reader.feed("}");
    EXPECT_TRUE(reader.failed());
    reader.feed("2]");
    const auto document = reader.finish();
    ASSERT_EQ(code_of(document), "MALFORMED_JSON");
    EXPECT_EQ(detail_of(document.error(), "byte"), "3");
}

}  // namespace
}  // namespace einfer::test
