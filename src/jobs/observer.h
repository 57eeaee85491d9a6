// Tells the server's log what happens to jobs. Private to src/jobs.
#pragma once

#include "jobs/service.h"

#include <string>

namespace einfer::jobs {

/// Thread-safe. An observer that fails fails no job.
class Observer {
public:
    Observer(Observe observe, SqliteStore& store) : observe_(std::move(observe)), store_(store) {}

    [[nodiscard]] explicit operator bool() const { return static_cast<bool>(observe_); }
    void tell(Event event, const Job& job) const;
    /// The same of a job as it is stored.
    void tell_stored(Event event, const std::string& id, const Durations& durations = {}) const;

private:
    const Observe observe_;
    SqliteStore& store_;
};

}  // namespace einfer::jobs
