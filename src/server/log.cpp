#include "server/log.h"

#include "base/clock.h"

#include <spdlog/sinks/base_sink.h>
#include <spdlog/spdlog.h>
#include <boost/json/serialize.hpp>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <climits>
#include <mutex>

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

std::string line_of(std::string_view level, std::string_view event, const boost::json::object& fields) {
    const std::string time = to_rfc3339(system_now());
    if (chosen_format == LogFormat::Json) {
        boost::json::object line{{"time", time}, {"level", level}, {"event", event}};
        for (const auto& field : fields) line.emplace(field.key(), field.value());
        return boost::json::serialize(line);
    }
    std::string line = time;
    line.append(" ").append(level).append(" ").append(event);
    for (const auto& field : fields)
        line.append(" ").append(field.key()).append("=").append(boost::json::serialize(field.value()));
    return line;
}

/// Standard error, which is not waited for: a reader that has stopped reading must not stop the server. What it has no
/// room for is dropped and counted.
class ImpatientSink final : public spdlog::sinks::base_sink<std::mutex> {
    void sink_it_(const spdlog::details::log_msg& message) override {
        spdlog::memory_buf_t line;
        formatter_->format(message, line);
        if (dropped_ > 0 && write(line_of("warning", "log_lines_dropped", {{"count", dropped_}}) + '\n')) dropped_ = 0;
        if (dropped_ > 0 || !write({line.data(), line.size()})) ++dropped_;
    }
    void flush_() override {}

    static bool write(std::string_view text) {
        while (!text.empty()) {
            // A pipe that polls as writable takes PIPE_BUF bytes at once.
            pollfd target{STDERR_FILENO, POLLOUT, 0};
            if (::poll(&target, 1, 0) != 1 || (target.revents & POLLOUT) == 0) return false;
            const auto written = ::write(STDERR_FILENO, text.data(), std::min<std::size_t>(text.size(), PIPE_BUF));
            if (written <= 0) return false;
            text.remove_prefix(static_cast<std::size_t>(written));
        }
        return true;
    }

    std::uint64_t dropped_ = 0;
};

spdlog::logger& logger() {
    static const auto made = [] {
        auto log = std::make_shared<spdlog::logger>("einfer", std::make_shared<ImpatientSink>());
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
    logger().log(spd_level(level), line_of(name(level), event, fields));
}

}  // namespace einfer::server
