// Who did what and when, for those who have to account for it: one JSON object a line, appended to a file. Never a
// payload, a key or an input.
#pragma once

#include "base/error.h"

#include <boost/json/object.hpp>

#include <filesystem>
#include <memory>
#include <mutex>
#include <string_view>

namespace einfer::server {

/// Thread-safe. A line is one write, so that lines of several processes do not mix. What cannot be written is reported
/// in the log, and the server goes on.
class AuditLog {
public:
    /// Without a path nothing is written. INTERNAL, with a message for the operator, when the file cannot be opened.
    static Result<std::unique_ptr<AuditLog>> open(std::filesystem::path path);
    ~AuditLog();

    /// `event` and `fields` behind the time.
    void record(std::string_view event, const boost::json::object& fields);

    /// Opens the path anew: after the file was moved away (log rotation). The old one stays when that fails.
    Result<void> reopen();

private:
    explicit AuditLog(std::filesystem::path path) : path_(std::move(path)) {}

    const std::filesystem::path path_;
    std::mutex mutex_;
    int file_ = -1;
    bool failing_ = false;
    bool torn_ = false;  ///< the file ends in the middle of a line
};

}  // namespace einfer::server
