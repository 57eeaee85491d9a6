// Version of the einfer client library.
#pragma once

#include "einfer/export.h"

#define EINFER_VERSION_MAJOR 1
#define EINFER_VERSION_MINOR 1
#define EINFER_VERSION_PATCH 0
#define EINFER_VERSION "1.1.0"

namespace einfer::inline v1_1 {

/// Version of the library that is loaded, which may be newer than the headers: "MAJOR.MINOR.PATCH".
[[nodiscard]] EINFER_API const char* library_version() noexcept;

}  // namespace einfer::inline v1_1
