#include "protocol/schema.h"

#include "base/ids.h"
#include "protocol/embedded_contract.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <algorithm>
#include <array>
#include <string>

namespace einfer::protocol {
namespace {

using Adapter = valijson::adapters::BoostJsonAdapter;

constexpr std::array all_schemas{
    Schema::Accepted,
    Schema::Error,
    Schema::Health,
    Schema::InferPlainRequest,
    Schema::InferPlainResponse,
    Schema::InferRequest,
    Schema::Job,
    Schema::Keys,
    Schema::Models,
    Schema::RegistryEntry,
    Schema::Result,
};

/// Every schema, compiled once.
struct CompiledSchemas {
    CompiledSchemas() {
        for (const Schema each : all_schemas) {
            const boost::json::value text = boost::json::parse(schema_text(each));
            valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
            parser.populateSchema(Adapter(text), table[static_cast<std::size_t>(each)]);
        }
    }
    std::array<valijson::Schema, all_schemas.size()> table;
};

const valijson::Schema& compiled(Schema schema) {
    static const CompiledSchemas schemas;
    return schemas.table[static_cast<std::size_t>(schema)];
}

struct Rule {
    std::string_view begins;  // of the validator's description
    std::string_view keyword;
};
// The library names no keyword, so its descriptions are matched. A test provokes each.
constexpr std::array rules{
    Rule{"Value type not permitted", "type"},
    Rule{"Missing required property", "required"},
    Rule{"Object contains a property", "additionalProperties"},
    Rule{"Failed to match any enum", "enum"},
    Rule{"Failed to match against any enum", "enum"},
    Rule{"Failed to match expected value set by 'const'", "const"},
    Rule{"Failed to match regex", "pattern"},
    Rule{"Expected number less than or equal", "maximum"},
    Rule{"Expected number less than", "exclusiveMaximum"},
    Rule{"Expected number greater than or equal", "minimum"},
    Rule{"Expected number greater than", "exclusiveMinimum"},
    Rule{"String should be no more than", "maxLength"},
    Rule{"String should be no fewer than", "minLength"},
    Rule{"Array should contain no more than", "maxItems"},
    Rule{"Array should contain no fewer than", "minItems"},
    Rule{"Elements at indexes", "uniqueItems"},
    Rule{"Target should not validate against", "not"},
};

std::string_view keyword_of(std::string_view description) {
    for (const Rule& rule : rules)
        if (description.starts_with(rule.begins)) return rule.keyword;
    return {};
}

/// {"<root>", "[inputs]", "[0]"} as "/inputs/0".
std::string json_pointer(const std::vector<std::string>& context) {
    std::string pointer;
    for (std::size_t i = 1; i < context.size(); ++i) {
        std::string_view token = context[i];
        if (token.size() >= 2 && token.front() == '[') token = token.substr(1, token.size() - 2);
        pointer += '/';
        for (const char c : token) {
            if (c == '~')
                pointer += "~0";
            else if (c == '/')
                pointer += "~1";
            else
                pointer += c;
        }
    }
    return pointer;
}

/// Beyond this std::regex, which recurses for every character, could use up the stack.
constexpr std::size_t max_pattern_bytes = 8192;

bool is_awkward(const boost::json::value& value) {
    if (const auto* array = value.if_array()) return std::any_of(array->begin(), array->end(), is_awkward);
    if (const auto* object = value.if_object())
        return std::any_of(object->begin(), object->end(),
                           [](const auto& member) { return is_awkward(member.value()); });
    const auto* string = value.if_string();
    return string != nullptr && (string->size() > max_pattern_bytes || string->find('\0') != boost::json::string::npos);
}

/// The document with strings that the validator can bear. It cuts them at a NUL: U+0001 in its place keeps the length,
/// and no rule of ours takes either of the two for anything else. A long string gets one in front, at which every
/// pattern fails at once.
boost::json::value made_bearable(boost::json::value value) {
    if (auto* array = value.if_array()) {
        for (auto& item : *array) item = made_bearable(std::move(item));
    } else if (auto* object = value.if_object()) {
        for (auto& member : *object) member.value() = made_bearable(std::move(member.value()));
    } else if (auto* string = value.if_string()) {
        std::replace(string->begin(), string->end(), '\0', '\1');
        if (string->size() > max_pattern_bytes) string->insert(0, 1, '\1');
    }
    return value;
}

/// The member that a description names between its last quotes.
std::string quoted_member(std::string_view description) {
    const std::size_t end = description.rfind('\'');
    if (end == std::string_view::npos || end == 0) return {};
    const std::size_t begin = description.rfind('\'', end - 1);
    return begin == std::string_view::npos ? std::string()
                                           : std::string(description.substr(begin + 1, end - begin - 1));
}

/// What is wrong, in words. A name that a stranger chose is repeated only if it is harmless.
std::string explain(const std::string& pointer, std::string_view rule, std::string_view description) {
    const std::string where = pointer.empty() ? "the document" : '"' + pointer + '"';
    if (rule == "required") return where + " lacks the member \"" + quoted_member(description) + '"';
    if (rule == "additionalProperties") {
        const std::string member = quoted_member(description);
        return where + " has a member that is unknown" + (is_token(member) ? ": \"" + member + '"' : std::string());
    }
    return where + " breaks the rule \"" + std::string(rule) + "\" of its schema";
}

/// Of two rules broken at one place the stronger explains better: "not" comes of a condition on other members, and a
/// string of the wrong length need not be in the right form.
int strength(std::string_view rule) { return rule == "not" ? 0 : rule == "pattern" ? 1 : 2; }

einfer::Result<void> judge(Schema schema, const boost::json::value& document) {
    thread_local valijson::Validator validator;  // it caches regular expressions and is not thread-safe
    if (validator.validate(compiled(schema), Adapter(document), nullptr)) return {};

    valijson::ValidationResults results;
    validator.validate(compiled(schema), Adapter(document), &results);
    std::string pointer, rule = "schema", description;
    std::size_t depth = 0;
    valijson::ValidationResults::Error violation;
    while (results.popError(violation)) {
        const std::string_view keyword = keyword_of(violation.description);
        if (keyword.empty()) continue;  // a summary: "failed to validate item #0"
        // The deepest violation explains best, and the first of those.
        const std::size_t at = violation.context.size();
        if (at < depth || (at == depth && strength(keyword) <= strength(rule))) continue;
        depth = at;
        pointer = json_pointer(violation.context);
        rule = keyword;
        description = violation.description;
    }
    return einfer::Error{
        ErrorCode::SchemaViolation, explain(pointer, rule, description), {{"pointer", pointer}, {"rule", rule}}};
}

}  // namespace

std::string_view schema_text(Schema schema) {
    switch (schema) {
        case Schema::Accepted: return embedded::accepted;
        case Schema::Error: return embedded::error;
        case Schema::Health: return embedded::health;
        case Schema::InferPlainRequest: return embedded::infer_plain_request;
        case Schema::InferPlainResponse: return embedded::infer_plain_response;
        case Schema::InferRequest: return embedded::infer_request;
        case Schema::Job: return embedded::job;
        case Schema::Keys: return embedded::keys;
        case Schema::Models: return embedded::models;
        case Schema::RegistryEntry: return embedded::registry_entry;
        case Schema::Result: return embedded::result;
    }
    return {};
}

std::string_view openapi_json() { return embedded::openapi; }

einfer::Result<void> check_schema(Schema schema, const boost::json::value& document) {
    return is_awkward(document) ? judge(schema, made_bearable(document)) : judge(schema, document);
}

}  // namespace einfer::protocol
