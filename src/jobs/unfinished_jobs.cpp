#include "jobs/unfinished_jobs.h"

#include <algorithm>

namespace einfer::jobs {
namespace {

// A tenant may have this many times as many jobs as there is room for, so that one that fills the queue leaves some to
// the next (dynamic thresholds, as in base/memory_budget.h).
constexpr std::size_t greed = 8;

}  // namespace

bool UnfinishedJobs::add(const std::string& id, const std::string& tenant, std::size_t bytes) {
    const auto [entry, fresh] = entries_.try_emplace(id, Entry{bytes});
    if (!fresh) return false;
    try {
        entry->second.tenant = &*tenants_.try_emplace(tenant, 0).first;
    } catch (...) {
        entries_.erase(entry);
        throw;
    }
    ++entry->second.tenant->second;
    bytes_ += bytes;
    return true;
}

Result<void> UnfinishedJobs::admit(const std::string& id, const std::string& tenant, std::size_t bytes,
                                   std::size_t tenant_max_jobs) {
    const std::scoped_lock lock(mutex_);
    const auto own = tenants_.find(tenant);
    if (tenant_max_jobs != 0 && own != tenants_.end() && own->second >= tenant_max_jobs)
        return Error{ErrorCode::RateLimited,
                     "the quota of queued jobs is used up; wait until some of them are done",
                     {{"quota", "queued_jobs"}, {"limit", std::to_string(tenant_max_jobs)}}};
    // Jobs taken up from an earlier process may exceed the bound.
    const std::size_t room = max_bytes_ - std::min(max_bytes_, bytes_);
    const std::size_t owned = own == tenants_.end() ? 0 : own->second;
    if (entries_.size() >= max_jobs_ || bytes > room || owned / greed >= max_jobs_ - entries_.size())
        return Error{ErrorCode::Overloaded, "too many jobs are waiting"};
    if (!add(id, tenant, bytes)) return Error{ErrorCode::Internal, "the job's id is taken"};
    return {};
}

void UnfinishedJobs::readmit(const std::string& id, const std::string& tenant, std::size_t bytes) {
    const std::scoped_lock lock(mutex_);
    add(id, tenant, bytes);
}

void UnfinishedJobs::forget(const std::string& id) {
    decltype(entries_)::node_type gone;
    {
        const std::scoped_lock lock(mutex_);
        gone = entries_.extract(id);
        if (gone.empty()) return;
        bytes_ -= gone.mapped().bytes;
        auto& tenant = *gone.mapped().tenant;
        if (--tenant.second == 0) tenants_.erase(tenants_.find(tenant.first));
    }
    for (const auto& each : gone.mapped().waiters)
        if (const auto waiter = each.lock()) waiter->fire();
}

// A job leaves under the same lock and takes its waiters along: no wish is registered with a job that is gone.
bool UnfinishedJobs::add_waiter(std::string_view id, const std::shared_ptr<Waiter>& waiter) {
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(std::string(id));
    if (found == entries_.end()) return false;
    auto& waiters = found->second.waiters;
    // Clients that poll leave many a dead one behind.
    std::erase_if(waiters, [](const auto& other) { return other.expired(); });
    waiters.push_back(waiter);
    return true;
}

std::size_t UnfinishedJobs::count() const {
    const std::scoped_lock lock(mutex_);
    return entries_.size();
}

std::size_t UnfinishedJobs::bytes() const {
    const std::scoped_lock lock(mutex_);
    return bytes_;
}

}  // namespace einfer::jobs
