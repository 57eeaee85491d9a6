// The verdicts of our schema validator, for tests that compare them with those of another.
// Reads lines "NAME<tab>JSON" from standard input; for each writes "valid", "invalid" or, for what is no JSON,
// "malformed".
#include "protocol/json_reader.h"
#include "protocol/schema.h"

#include <cstdlib>
#include <iostream>
#include <map>
#include <string>
#include <string_view>

namespace {

using einfer::protocol::Schema;

const std::map<std::string_view, Schema> schemas{
    {"accepted", Schema::Accepted},
    {"error", Schema::Error},
    {"health", Schema::Health},
    {"infer_plain_request", Schema::InferPlainRequest},
    {"infer_plain_response", Schema::InferPlainResponse},
    {"infer_request", Schema::InferRequest},
    {"job", Schema::Job},
    {"keys", Schema::Keys},
    {"models", Schema::Models},
    {"registry_entry", Schema::RegistryEntry},
    {"result", Schema::Result},
};

constexpr einfer::protocol::JsonLimits wide{
    .max_depth = 32, .max_values = 1u << 20, .max_string_bytes = 1u << 24, .max_text_bytes = 1u << 24};

std::string_view verdict(Schema schema, std::string_view text) {
    const auto document = einfer::protocol::parse_json(text, wide);
    if (!document) return "malformed";
    return einfer::protocol::check_schema(schema, *document) ? "valid" : "invalid";
}

}  // namespace

int main() {
    std::ios::sync_with_stdio(false);
    for (std::string line; std::getline(std::cin, line);) {
        const std::size_t tab = line.find('\t');
        const auto found = schemas.find(std::string_view(line).substr(0, tab));
        if (tab == std::string::npos || found == schemas.end()) {
            std::cerr << "not \"NAME<tab>JSON\": " << line.substr(0, 80) << '\n';
            return EXIT_FAILURE;
        }
        std::cout << verdict(found->second, std::string_view(line).substr(tab + 1)) << '\n';
    }
    return EXIT_SUCCESS;
}
