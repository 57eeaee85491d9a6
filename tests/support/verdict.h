// Results as short text, for messages that say what came instead.
#pragma once

#include "base/error.h"

#include <string>
#include <string_view>

namespace einfer::test {

/// "OK", or the code of the error.
template <class T>
[[nodiscard]] std::string code_of(const Result<T>& result) {
    return result ? "OK" : std::string(traits(result.error().code).name);
}

/// A member of the error's details, or "".
[[nodiscard]] inline std::string detail_of(const Error& error, std::string_view key) {
    for (const auto& [name, value] : error.details)
        if (name == key) return value;
    return "";
}

/// Code, message and details: two errors that print the same are the same.
[[nodiscard]] inline std::string text_of(const Error& error) {
    std::string text(traits(error.code).name);
    text += ": " + error.message;
    for (const auto& [key, value] : error.details) text += " [" + key + "=" + value + "]";
    return text;
}

template <class T>
[[nodiscard]] std::string text_of(const Result<T>& result) {
    return result ? "OK" : text_of(result.error());
}

}  // namespace einfer::test
