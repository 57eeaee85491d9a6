// What a plan costs and promises, for people and for programs.
#pragma once

#include "importing/plan_network.h"

#include <boost/json/object.hpp>

#include <string>

namespace einfer::cli {

[[nodiscard]] std::string plan_text(const importing::PlannedModel& planned);
[[nodiscard]] boost::json::object plan_json(const importing::PlannedModel& planned);

/// "1.2 kB"; "3.45 MB".
[[nodiscard]] std::string bytes_text(std::size_t bytes);
/// At most `digits` significant digits.
[[nodiscard]] std::string short_text(double value, int digits = 3);

}  // namespace einfer::cli
