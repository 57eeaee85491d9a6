// The verdicts of our schema validator, for tests that compare them with those of another.
// Reads lines "NAME<tab>JSON" from standard input; for each writes "valid", "invalid" or, for what is no JSON,
// "malformed".
#include "protocol/json_reader.h"
#include "protocol/schema.h"
#include "support/schemas.h"

#include <cstdlib>
#include <iostream>
#include <string>
#include <string_view>

namespace {

using einfer::protocol::Schema;
using einfer::test::schemas;

std::string_view verdict(Schema schema, std::string_view text) {
    const auto document = einfer::protocol::parse_json(text, einfer::test::wide_limits);
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
