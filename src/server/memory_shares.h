// The memory budget for requests on their way in, shared fairly between the tenants that are sending.
#pragma once

#include "base/memory_budget.h"

#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

namespace einfer::server {

/// Thread-safe. Holds an entry for each tenant that has a share in use, and nothing for the others. Outlives the
/// shares.
class MemoryShares {
public:
    explicit MemoryShares(std::size_t limit_bytes) : whole_(limit_bytes) {}

    /// The tenant's share: one for all its requests, for as long as somebody holds it.
    [[nodiscard]] std::shared_ptr<MemoryBudget> of(std::string_view tenant);

    [[nodiscard]] const MemoryBudget& whole() const { return whole_; }

private:
    MemoryBudget whole_;
    std::mutex mutex_;
    std::unordered_map<std::string, std::weak_ptr<MemoryBudget>> shares_;
};

}  // namespace einfer::server
