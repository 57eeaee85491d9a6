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

    /// Admits a new job: RATE_LIMITED when its tenant has `tenant_max_jobs` already (0: no limit), OVERLOADED when a
    /// bound over all tenants is reached, or the tenant has most of the room and little is left.
    Result<void> admit(const std::string& id, const std::string& tenant, std::size_t bytes,
                       std::size_t tenant_max_jobs);
    /// Admits a job of an earlier process, whatever the bounds.
    void readmit(const std::string& id, const std::string& tenant, std::size_t bytes);
    /// Forgets a job, which is final or was not written, and wakes its waiters.
    void forget(const std::string& id);

    /// Registers `waiter` with the job; false when there is no such job here. The waiter is not kept alive.
    [[nodiscard]] bool add_waiter(std::string_view id, const std::shared_ptr<Waiter>& waiter);

    [[nodiscard]] std::size_t count() const;
    [[nodiscard]] std::size_t bytes() const;

private:
    using Tenants = std::unordered_map<std::string, std::size_t>;
    struct Entry {
        std::size_t bytes = 0;
        Tenants::value_type* tenant = nullptr;  ///< stays where it is while the map grows
        std::vector<std::weak_ptr<Waiter>> waiters{};
    };
    bool add(const std::string& id, const std::string& tenant, std::size_t bytes);

    const std::size_t max_jobs_;
    const std::size_t max_bytes_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, Entry> entries_;
    Tenants tenants_;  ///< how many jobs each has, which has any
    std::size_t bytes_ = 0;
};

}  // namespace einfer::jobs
