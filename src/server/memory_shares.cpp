#include "server/memory_shares.h"

namespace einfer::server {
namespace {

/// One tenant alone may use 8/9 of the whole, two 8/17 each: whoever comes next finds a part that is free.
constexpr std::size_t greed = 8;

}  // namespace

std::shared_ptr<MemoryBudget> MemoryShares::of(std::string_view tenant) {
    const std::string name(tenant);
    const auto forget = [this, name](MemoryBudget* share) {
        delete share;
        const std::scoped_lock forget_lock(mutex_);
        // Another one may have been made since the last holder let go.
        if (const auto found = shares_.find(name); found != shares_.end() && found->second.expired())
            shares_.erase(found);
    };
    // Made before the lock is taken, and gone after it: the deleter, which an exception may call, takes it too.
    std::shared_ptr<MemoryBudget> share(new MemoryBudget(whole_, greed), forget);
    const std::scoped_lock lock(mutex_);
    std::weak_ptr<MemoryBudget>& entry = shares_[name];
    if (auto existing = entry.lock()) return existing;
    entry = share;
    return share;
}

}  // namespace einfer::server
