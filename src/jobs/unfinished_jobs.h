// The jobs that have been admitted and are not known to be final: the bounds on them, and who waits for them.
// Private to src/jobs.
#pragma once

#include "base/error.h"
#include "jobs/waiter.h"

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace einfer::jobs {

/// Thread-safe.
class UnfinishedJobs {
public:
    UnfinishedJobs(std::size_t max_jobs, std::size_t max_bytes) : max_jobs_(max_jobs), max_bytes_(max_bytes) {}

    /// Admits a new job: OVERLOADED when a bound is reached.
    Result<void> admit(const std::string& id, std::size_t bytes);
    /// Admits a job of an earlier process, whatever the bounds.
    void readmit(const std::string& id, std::size_t bytes);
    /// Forgets a job, which is final or was not written, and wakes its waiters.
    void forget(const std::string& id);

    /// Registers `waiter` with the job; false when there is no such job here. The waiter is not kept alive.
    [[nodiscard]] bool add_waiter(std::string_view id, const std::shared_ptr<Waiter>& waiter);

    [[nodiscard]] std::size_t count() const;
    [[nodiscard]] std::size_t bytes() const;

private:
    struct Entry {
        std::size_t bytes = 0;
        std::vector<std::weak_ptr<Waiter>> waiters{};
    };

    const std::size_t max_jobs_;
    const std::size_t max_bytes_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, Entry> entries_;
    std::size_t bytes_ = 0;
};

}  // namespace einfer::jobs
