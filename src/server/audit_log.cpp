#include "server/audit_log.h"

#include "base/clock.h"
#include "server/log.h"

#include <boost/json/serialize.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace einfer::server {

Result<std::unique_ptr<AuditLog>> AuditLog::open(std::filesystem::path path) {
    std::unique_ptr<AuditLog> made(new AuditLog(std::move(path)));
    if (const auto opened = made->reopen(); !opened) return opened.error();
    return made;
}

AuditLog::~AuditLog() {
    if (file_ >= 0) ::close(file_);
}

Result<void> AuditLog::reopen() {
    if (path_.empty()) return {};
    const int fresh = ::open(path_.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    if (fresh < 0) return Error{ErrorCode::Internal, path_.string() + ": cannot be opened: " + std::strerror(errno)};
    const std::scoped_lock lock(mutex_);
    if (file_ >= 0) ::close(file_);
    file_ = fresh;
    torn_ = false;
    return {};
}

void AuditLog::record(std::string_view event, const boost::json::object& fields) {
    if (path_.empty()) return;
    boost::json::object line{{"time", to_rfc3339(system_now())}, {"event", event}};
    for (const auto& field : fields) line.emplace(field.key(), field.value());
    std::string text = boost::json::serialize(line) + '\n';
    const std::scoped_lock lock(mutex_);
    if (torn_) text.insert(0, 1, '\n');  // what was cut off stays a line of its own
    const ssize_t written = ::write(file_, text.data(), text.size());
    const bool failed = written != static_cast<ssize_t>(text.size());
    if (failed && !failing_)
        log_event(LogLevel::Error, "audit_failed",
                  {{"reason", written < 0 ? std::strerror(errno) : "a record was written in part: is the disk full?"}});
    failing_ = failed;
    if (written > 0) torn_ = failed;
}

}  // namespace einfer::server
