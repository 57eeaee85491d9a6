// Structured logs: one event a line, as text or JSON, on stderr. Never a payload, a key or an input.
#pragma once

#include <boost/json/object.hpp>

#include <string_view>

namespace einfer::server {

enum class LogLevel { Debug, Info, Warning, Error, Off };
enum class LogFormat { Text, Json };

/// Once, before the first event. Without it: Info, Text.
void configure_log(LogLevel level, LogFormat format);

/// `fields` are written in order behind time, level and event. Thread-safe; values are escaped.
void log_event(LogLevel level, std::string_view event, const boost::json::object& fields = {});

}  // namespace einfer::server
