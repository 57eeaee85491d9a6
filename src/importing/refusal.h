// What an import says when it cannot. Private to src/importing.
#pragma once

#include "base/error.h"

#include <string>
#include <string_view>

namespace einfer::importing {

/// SCHEMA_VIOLATION with details `field` (what it is about, a JSON pointer or an option) and `reason`.
[[nodiscard]] Error refusal(std::string field, std::string reason);

/// One of an error's details, or its message where there is none of that name.
[[nodiscard]] std::string detail(const Error& error, std::string_view name);

/// The shortest text of at most `digits` significant digits.
[[nodiscard]] std::string text_of(double value, int digits = 4);

}  // namespace einfer::importing
