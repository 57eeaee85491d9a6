#include "server/log.h"

#include "base/clock.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <boost/json/serialize.hpp>

#include <atomic>

namespace einfer::server {
namespace {

std::atomic<LogFormat> chosen_format{LogFormat::Text};

spdlog::level::level_enum spd_level(LogLevel level) {
    switch (level) {
        case LogLevel::Debug: return spdlog::level::debug;
        case LogLevel::Info: return spdlog::level::info;
        case LogLevel::Warning: return spdlog::level::warn;
        case LogLevel::Error: return spdlog::level::err;
        case LogLevel::Off: return spdlog::level::off;
    }
    return spdlog::level::info;
}

std::string_view name(LogLevel level) {
    switch (level) {
        case LogLevel::Debug: return "debug";
        case LogLevel::Info: return "info";
        case LogLevel::Warning: return "warning";
        case LogLevel::Error: return "error";
        case LogLevel::Off: return "off";
    }
    return "";
}

spdlog::logger& logger() {
    static const auto made = [] {
        auto log = std::make_shared<spdlog::logger>("einfer", std::make_shared<spdlog::sinks::stderr_sink_mt>());
        log->set_pattern("%v");
        log->set_level(spdlog::level::info);
        log->set_error_handler([](const std::string&) {});  // a full disk behind stderr is no reason to stop serving
        return log;
    }();
    return *made;
}

}  // namespace

void configure_log(LogLevel level, LogFormat format) {
    logger().set_level(spd_level(level));
    chosen_format = format;
}

void log_event(LogLevel level, std::string_view event, const boost::json::object& fields) {
    if (!logger().should_log(spd_level(level))) return;
    const std::string time = to_rfc3339(system_now());
    if (chosen_format == LogFormat::Json) {
        boost::json::object line{{"time", time}, {"level", name(level)}, {"event", event}};
        for (const auto& field : fields) line.emplace(field.key(), field.value());
        logger().log(spd_level(level), boost::json::serialize(line));
        return;
    }
    std::string line = time;
    line.append(" ").append(name(level)).append(" ").append(event);
    for (const auto& field : fields)
        line.append(" ").append(field.key()).append("=").append(boost::json::serialize(field.value()));
    logger().log(spd_level(level), line);
}

}  // namespace einfer::server
