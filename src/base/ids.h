// Identifiers: unguessable ones that we make, and the shapes of those that others send.
#pragma once

#include <string>
#include <string_view>

namespace einfer {

/// 128 random bits as 32 lower-case hex digits, from the operating system's generator through OpenSSL.
[[nodiscard]] std::string random_id();

/// True for what random_id() makes; everything else cannot name a job.
[[nodiscard]] bool is_random_id(std::string_view text);

/// 1 to 128 of [A-Za-z0-9._-]: tenant ids and request ids from outside.
[[nodiscard]] bool is_token(std::string_view text);

}  // namespace einfer
