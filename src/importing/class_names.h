// Names of classes: as many as a network's answers can choose from.
#pragma once

#include "base/error.h"

#include <cstddef>
#include <span>
#include <string>

namespace einfer::importing {

inline constexpr std::size_t max_name_bytes = 1024;

/// SCHEMA_VIOLATION with details `field` and `reason` unless there are none, or one for each of `outputs` numbers; two,
/// the negative and the positive, for a single one.
[[nodiscard]] Result<void> check_class_names(std::span<const std::string> names, std::size_t outputs);

}  // namespace einfer::importing
