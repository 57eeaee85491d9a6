#include "jobs/observer.h"

namespace einfer::jobs {

void Observer::tell(Event event, const Job& job) const {
    if (!observe_) return;
    try {
        observe_(event, job);
    } catch (...) {
        // A log that fails must not fail jobs.
    }
}

void Observer::tell_stored(Event event, const std::string& id, const Durations& durations) const {
    if (!observe_) return;
    auto job = store_.load(id);
    if (!job) return;
    job->durations = durations;
    tell(event, *job);
}

}  // namespace einfer::jobs
