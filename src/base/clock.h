// Wall-clock time as the protocol shows it. Tests substitute the clock.
#pragma once

#include <chrono>
#include <functional>
#include <string>

namespace einfer {

/// Milliseconds since the Unix epoch, UTC. What is stored and shown.
using UnixMillis = std::int64_t;
using Clock = std::function<UnixMillis()>;

[[nodiscard]] UnixMillis system_now();

/// RFC 3339 with milliseconds, e.g. "2026-01-31T12:00:00.000Z".
[[nodiscard]] std::string to_rfc3339(UnixMillis time);

}  // namespace einfer
