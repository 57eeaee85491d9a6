// Texts out of files that a person made.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace einfer::cli {

/// Without blanks and line ends around it.
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// A decimal number as a double, without a locale, blanks around it or not; no value when it is none, or not finite.
[[nodiscard]] std::optional<double> finite_number(std::string_view text);

/// For messages: one line, short, nothing that a terminal obeys (some do obey bytes from 0x80 to 0x9f).
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace einfer::cli
