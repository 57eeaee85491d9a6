#include "protocol/schema.h"

#include "base/ids.h"
#include "protocol/embedded_contract.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <valijson/adapters/boost_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <algorithm>
#include <array>
#include <functional>
#include <optional>
#include <set>
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
    Schema::InferPlainResponse11,
    Schema::InferRequest,
    Schema::InferRequestBinary,
    Schema::Job,
    Schema::JobBinary,
    Schema::Key,
    Schema::Keys,
    Schema::Keys11,
    Schema::KeysUpload,
    Schema::KeysUploadBinary,
    Schema::Models,
    Schema::Models11,
    Schema::RegistryEntry,
    Schema::RegistryEntry11,
    Schema::Result,
};

/// Takes "uniqueItems" out of a schema; returns the names of the members that had it. The validator compares all pairs
/// and reports each that is equal: a list of some thousands takes it gigabytes.
std::set<std::string, std::less<>> take_unique_lists(boost::json::value& schema) {
    std::set<std::string, std::less<>> names;
    if (auto* array = schema.if_array()) {
        for (auto& item : *array) names.merge(take_unique_lists(item));
    } else if (auto* object = schema.if_object()) {
        for (auto& member : *object) {
            auto* rules = member.value().if_object();
            if (rules != nullptr && rules->erase("uniqueItems") > 0) names.emplace(member.key());
            names.merge(take_unique_lists(member.value()));
        }
    }
    return names;
}

struct CompiledSchema {
    valijson::Schema rules;
    std::set<std::string, std::less<>> unique_lists;  ///< names of the members whose items must differ
};

/// Every schema, compiled once.
struct CompiledSchemas {
    CompiledSchemas() {
        for (const Schema each : all_schemas) {
            CompiledSchema& made = table[static_cast<std::size_t>(each)];
            boost::json::value text = boost::json::parse(schema_text(each));
            made.unique_lists = take_unique_lists(text);
            valijson::SchemaParser parser(valijson::SchemaParser::kDraft7);
            parser.populateSchema(Adapter(text), made.rules);
        }
    }
    std::array<CompiledSchema, all_schemas.size()> table;
};

const CompiledSchema& compiled(Schema schema) {
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

bool has_equal_items(const boost::json::array& list) {
    std::set<std::string> seen;
    return !std::ranges::all_of(list, [&seen](const boost::json::value& item) {
        return seen.insert(item.is_number() ? std::to_string(item.to_number<double>()) : boost::json::serialize(item))
            .second;
    });
}

/// Where the first list is whose items must differ and do not.
std::optional<std::string> find_equal_items(const boost::json::value& document,
                                            const std::set<std::string, std::less<>>& names) {
    const auto inside = [&names](std::string token, const boost::json::value& value) {
        auto found = find_equal_items(value, names);
        return found ? std::optional('/' + std::move(token) + *found) : std::nullopt;
    };
    if (const auto* array = document.if_array()) {
        for (std::size_t i = 0; i < array->size(); ++i)
            if (auto found = inside(std::to_string(i), (*array)[i])) return found;
    } else if (const auto* object = document.if_object()) {
        for (const auto& member : *object) {
            const auto* list = member.value().if_array();
            if (list != nullptr && names.contains(std::string_view(member.key())) && has_equal_items(*list))
                return '/' + std::string(member.key());
            if (auto found = inside(std::string(member.key()), member.value())) return found;
        }
    }
    return std::nullopt;
}

einfer::Error violation_of(const std::string& pointer, std::string_view rule, std::string_view description) {
    return {ErrorCode::SchemaViolation,
            explain(pointer, rule, description),
            {{"pointer", pointer}, {"rule", std::string(rule)}}};
}

einfer::Result<void> judge(Schema schema, const boost::json::value& document) {
    thread_local valijson::Validator validator;  // it caches regular expressions and is not thread-safe
    const CompiledSchema& contract = compiled(schema);
    if (validator.validate(contract.rules, Adapter(document), nullptr)) {
        if (contract.unique_lists.empty()) return {};
        const auto pointer = find_equal_items(document, contract.unique_lists);
        if (!pointer) return {};
        return violation_of(*pointer, "uniqueItems", {});
    }

    valijson::ValidationResults results;
    validator.validate(contract.rules, Adapter(document), &results);
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
    return violation_of(pointer, rule, description);
}

}  // namespace

std::string_view schema_text(Schema schema) {
    switch (schema) {
        case Schema::Accepted: return embedded::accepted;
        case Schema::Error: return embedded::error;
        case Schema::Health: return embedded::health;
        case Schema::InferPlainRequest: return embedded::infer_plain_request;
        case Schema::InferPlainResponse: return embedded::infer_plain_response;
        case Schema::InferPlainResponse11: return embedded::infer_plain_response_1_1;
        case Schema::InferRequest: return embedded::infer_request;
        case Schema::InferRequestBinary: return embedded::infer_request_binary;
        case Schema::Job: return embedded::job;
        case Schema::JobBinary: return embedded::job_binary;
        case Schema::Key: return embedded::key;
        case Schema::Keys: return embedded::keys;
        case Schema::Keys11: return embedded::keys_1_1;
        case Schema::KeysUpload: return embedded::keys_upload;
        case Schema::KeysUploadBinary: return embedded::keys_upload_binary;
        case Schema::Models: return embedded::models;
        case Schema::Models11: return embedded::models_1_1;
        case Schema::RegistryEntry: return embedded::registry_entry;
        case Schema::RegistryEntry11: return embedded::registry_entry_1_1;
        case Schema::Result: return embedded::result;
    }
    return {};
}

std::string_view openapi_json() { return embedded::openapi; }

einfer::Result<void> check_schema(Schema schema, const boost::json::value& document) {
    return is_awkward(document) ? judge(schema, made_bearable(document)) : judge(schema, document);
}

}  // namespace einfer::protocol
