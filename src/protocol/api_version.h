// Versions of the protocol that this build speaks.
#pragma once

#include "base/error.h"

#include <string_view>

namespace einfer::protocol {

/// What `api_version` members of replies say.
inline constexpr std::string_view api_version = "1.0.0";

/// UNSUPPORTED_API_VERSION for anything but "1.0" and "1.0.0".
[[nodiscard]] inline Result<void> check_api_version(std::string_view requested) {
    if (requested == api_version || requested == "1.0") return {};
    return Error{ErrorCode::UnsupportedApiVersion, "this server speaks API version 1.0"};
}

}  // namespace einfer::protocol
