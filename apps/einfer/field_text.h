// Texts out of files that a person made.
#pragma once

#include <string>
#include <string_view>

namespace einfer::cli {

/// Without blanks and line ends around it.
[[nodiscard]] std::string_view trimmed(std::string_view text);

/// For messages: one line, short, nothing that a terminal obeys (some do obey bytes from 0x80 to 0x9f).
[[nodiscard]] std::string quoted(std::string_view text);

}  // namespace einfer::cli
