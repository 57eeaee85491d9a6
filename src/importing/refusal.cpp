#include "importing/refusal.h"

#include <array>
#include <cstdio>

namespace einfer::importing {

Error refusal(std::string field, std::string reason) {
    std::string message = field.empty() ? reason : field + ": " + reason;
    return {
        ErrorCode::SchemaViolation, std::move(message), {{"field", std::move(field)}, {"reason", std::move(reason)}}};
}

std::string detail(const Error& error, std::string_view name) {
    for (const auto& [key, value] : error.details)
        if (key == name) return value;
    return error.message;
}

std::string text_of(double value, int digits) {
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%.*g", digits, value);
    return text.data();
}

}  // namespace einfer::importing
