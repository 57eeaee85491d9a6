// Versions of the protocol that this build speaks.
#pragma once

#include "base/error.h"

#include <string_view>

namespace einfer::protocol {

/// What `api_version` members of replies say.
inline constexpr std::string_view api_version = "1.0.0";
inline constexpr std::string_view api_version_1_1 = "1.1.0";

enum class ApiVersion { V1_0, V1_1 };
[[nodiscard]] constexpr std::string_view name(ApiVersion version) {
    return version == ApiVersion::V1_0 ? api_version : api_version_1_1;
}

/// "1.0", "1.0.0", "1.1" or "1.1.0"; else UNSUPPORTED_API_VERSION.
[[nodiscard]] inline Result<ApiVersion> parse_api_version(std::string_view requested) {
    if (requested == "1.0" || requested == "1.0.0") return ApiVersion::V1_0;
    if (requested == "1.1" || requested == "1.1.0") return ApiVersion::V1_1;
    return Error{ErrorCode::UnsupportedApiVersion,
                 "this server speaks API versions 1.0 and 1.1: name one of them, once"};
}

/// UNSUPPORTED_API_VERSION for anything but "1.0" and "1.0.0": for what has no other form.
[[nodiscard]] inline Result<void> check_api_version(std::string_view requested) {
    if (requested == api_version || requested == "1.0") return {};
    return Error{ErrorCode::UnsupportedApiVersion, "this server speaks API version 1.0"};
}

}  // namespace einfer::protocol
