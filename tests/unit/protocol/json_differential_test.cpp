// Random documents: against Boost's own parser when valid, mutated when not.
#include "unit/protocol/json.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

namespace einfer::test {
namespace {

namespace json = boost::json;

class Generator {
public:
    explicit Generator(std::uint64_t seed) : random_(seed) {}

    json::value value(int depth) {
        switch (below(depth > 0 ? 8 : 6)) {
            case 0: return nullptr;
            case 1: return below(2) == 0;
            case 2: return static_cast<std::int64_t>(random_());
            case 3: return static_cast<std::int64_t>(below(2000)) - 1000;
            case 4: return real();
            case 5: return json::value(string());
            case 6: {
                json::array array;
                for (std::uint64_t left = below(5); left > 0; --left) array.push_back(value(depth - 1));
                return array;
            }
            default: {
                json::object object;
                for (std::uint64_t left = below(5); left > 0; --left)
                    object.insert_or_assign(string(), value(depth - 1));
                return object;
            }
        }
    }

    /// `value` as text with white space, escapes and number forms of our choice.
    std::string text(const json::value& value) {
        std::string out = space();
        if (const json::array* array = value.if_array()) {
            out += '[';
            for (const json::value& item : *array) out += (&item == array->data() ? "" : ",") + text(item);
            out += ']';
        } else if (const json::object* object = value.if_object()) {
            out += '{';
            bool first = true;
            for (const auto& member : *object) {
                out += (first ? "" : ",") + space() + quoted(member.key()) + space() + ':' + text(member.value());
                first = false;
            }
            out += '}';
        } else if (const json::string* string_value = value.if_string()) {
            out += quoted(*string_value);
        } else {
            out += json::serialize(value);
        }
        return out + space();
    }

    std::uint64_t below(std::uint64_t bound) { return random_() % bound; }

private:
    double real() {
        const double mantissa = std::ldexp(static_cast<double>(random_() >> 11), -53) - 0.5;
        return std::ldexp(mantissa, static_cast<int>(below(200)) - 100);
    }
    std::string string() {
        static constexpr std::string_view atoms[] = {"a",
                                                     "B",
                                                     "7",
                                                     " ",
                                                     "\"",
                                                     "\\",
                                                     "/",
                                                     "\n",
                                                     "\t",
                                                     "\x7f",
                                                     "{",
                                                     "]",
                                                     "\xc3\xa9",
                                                     "\xe2\x82\xac",
                                                     "\xf0\x9f\x98\x80"};
        std::string out;
        for (std::uint64_t left = below(9); left > 0; --left) out += atoms[below(std::size(atoms))];
        return out;
    }
    std::string space() {
        std::string out;
        for (std::uint64_t left = below(8) == 0 ? below(4) : 0; left > 0; --left) out += " \t\r\n"[below(4)];
        return out;
    }
    std::string quoted(std::string_view text) {
        std::string out = json::serialize(json::value(text));
        if (below(2) == 0) return out;
        std::string escaped = "\"";
        for (const char c : text)
            if (static_cast<unsigned char>(c) < 0x80) {
                char digits[8];
                std::snprintf(digits, sizeof digits, "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
                escaped += digits;
            } else {
                escaped += c;
            }
        return escaped + '"';
    }

    std::mt19937_64 random_;
};

/// What our reader promises on top of Boost: integral doubles as integers.
json::value canonical(json::value value) {
    if (json::array* array = value.if_array()) {
        for (json::value& item : *array) item = canonical(std::move(item));
    } else if (json::object* object = value.if_object()) {
        for (auto& member : *object) member.value() = canonical(std::move(member.value()));
    } else if (const double* number = value.if_double()) {
        if (std::abs(*number) < 0x1p63 && std::trunc(*number) == *number) return static_cast<std::int64_t>(*number);
    }
    return value;
}

/// Equal, but for numbers: Boost's own may be off in the last places.
bool alike(const json::value& one, const json::value& other) {
    if (one.is_number() && other.is_number()) {
        const double a = one.to_number<double>(), b = other.to_number<double>();
        return a == b || std::abs(a - b) <= 1e-14 * std::abs(a);
    }
    if (one.kind() != other.kind()) return false;
    if (one.is_array())
        return std::equal(one.get_array().begin(), one.get_array().end(), other.get_array().begin(),
                          other.get_array().end(), alike);
    if (one.is_object())
        return std::equal(
            one.get_object().begin(), one.get_object().end(), other.get_object().begin(), other.get_object().end(),
            [](const auto& a, const auto& b) { return a.key() == b.key() && alike(a.value(), b.value()); });
    return one == other;
}

TEST(JsonDifferential, ValidDocumentsAreReadExactly) {
    Generator generator(1);
    for (int round = 0; round < 1500; ++round) {
        const json::value value = generator.value(4);
        const std::string text = generator.text(value);
        const json::value expected = canonical(value);
        ASSERT_TRUE(alike(json::parse(text), value)) << text;
        const auto whole = protocol::parse_json(text);
        ASSERT_TRUE(whole) << text << ": " << text_of(whole);
        ASSERT_EQ(*whole, expected) << text;
        protocol::JsonReader reader({});
        std::mt19937_64 random(static_cast<std::uint64_t>(round));
        feed_random(reader, text, random, 1 + text.size() / 4);
        const auto pieces = reader.finish();
        ASSERT_TRUE(pieces) << text << ": " << text_of(pieces);
        ASSERT_EQ(*pieces, expected) << text;
    }
}

TEST(JsonDifferential, NumbersAreReadToTheLastBitInAnyPieces) {
    std::mt19937_64 random(3);
    std::vector<std::string> texts{"0.1",
                                   "0e999",
                                   "-0.000e5000",
                                   "2.2250738585072011e-308",
                                   "2.2250738585072014e-308",
                                   "4.9406564584124654e-324",
                                   "1.7976931348623157e+308",
                                   "9007199254740993.0000000000000000000000000000001",
                                   "0.000000000000000000000000000000000000000000000000000000000123456789012345678",
                                   "123456789012345678901234567890.123456789012345678901234567890e-20"};
    for (int round = 0; round < 1000; ++round) {
        const double number = std::bit_cast<double>(random());
        if (!std::isfinite(number)) continue;
        char text[64];
        std::snprintf(text, sizeof text, "%.*e", static_cast<int>(random() % 25), number);
        texts.emplace_back(text);
    }
    for (const std::string& text : texts) {
        const double expected = std::strtod(text.c_str(), nullptr);
        if (!std::isfinite(expected)) continue;
        const auto document = parse_every_way(text);
        ASSERT_TRUE(document) << text;
        EXPECT_EQ(document->to_number<double>(), expected) << text;
    }
}

TEST(JsonDifferential, MutatedDocumentsMeetBoostsVerdictInAnyPieces) {
    Generator generator(2);
    int refused = 0, accepted = 0;
    for (int round = 0; round < 1500; ++round) {
        std::string text = generator.text(generator.value(3));
        for (std::uint64_t left = 1 + generator.below(2); left > 0; --left) {
            const std::size_t at = generator.below(text.size());
            switch (generator.below(4)) {
                case 0: text.erase(at, 1 + generator.below(3)); break;
                case 1: text.insert(at, 1, "{}[]\",:\\019e.-tfn\x80\xe2 "[generator.below(20)]); break;
                case 2: text[at] = static_cast<char>(generator.below(256)); break;
                default: text.insert(at, text.substr(generator.below(text.size()), generator.below(12)));
            }
            if (text.empty()) text = " ";
        }
        json::error_code fault;
        const json::value expected = json::parse(text, fault);
        const auto ours = parse_every_way(text);
        if (!ours && ours.error().message == "an object has the same member twice") continue;  // Boost takes the last
        ASSERT_EQ(code_of(ours), fault ? "MALFORMED_JSON" : "OK") << text << ": " << fault.message();
        ++(fault ? refused : accepted);
        if (ours) {
            EXPECT_TRUE(alike(*ours, expected)) << text;
        }
    }
    EXPECT_GT(refused, 500);
    EXPECT_GT(accepted, 100);
}

}  // namespace
}  // namespace einfer::test
