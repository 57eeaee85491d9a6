// The bytes of uploads under way, counted against what the store and each tenant may have. Private to src/keystore.
#pragma once

#include "wire/fault.h"

#include <cstdint>
#include <map>
#include <mutex>
#include <string>

namespace einfer::keystore {

/// Thread-safe. Holds an entry for each tenant that is sending.
class Arrivals {
public:
    explicit Arrivals(std::uint64_t max_bytes) : max_bytes_(max_bytes) {}

    /// `stored`: bytes of the files that there are. `quota`: the tenant's; 0: none.
    [[nodiscard]] wire::MaybeFault take(const std::string& tenant, std::uint64_t bytes, std::uint64_t quota,
                                        std::uint64_t stored) {
        const std::scoped_lock lock(mutex_);
        if (max_bytes_ != 0 && stored + all_ + bytes > max_bytes_)
            return wire::Fault{ErrorCode::Overloaded, "there is no room for more evaluation keys; try again later"};
        std::uint64_t& mine = by_tenant_[tenant];
        if (quota != 0 && mine + bytes > quota) {
            if (mine == 0) by_tenant_.erase(tenant);
            return wire::Fault{ErrorCode::RateLimited, "these evaluation keys are more than the tenant's quota"};
        }
        mine += bytes;
        all_ += bytes;
        return std::nullopt;
    }

    void give_back(const std::string& tenant, std::uint64_t bytes) {
        const std::scoped_lock lock(mutex_);
        all_ -= bytes;
        const auto found = by_tenant_.find(tenant);
        if (found != by_tenant_.end() && (found->second -= bytes) == 0) by_tenant_.erase(found);
    }

    [[nodiscard]] std::uint64_t all() const {
        const std::scoped_lock lock(mutex_);
        return all_;
    }

private:
    const std::uint64_t max_bytes_;
    mutable std::mutex mutex_;
    std::uint64_t all_ = 0;
    std::map<std::string, std::uint64_t> by_tenant_;
};

}  // namespace einfer::keystore
