#include "tenants/rate_limiter.h"

#include <algorithm>

namespace einfer::tenants {
namespace {

using Clock = RateLimiter::Clock;

/// The time in which `tokens` come; a year at most, so that no sum overflows.
Clock::duration time_of(double tokens, const RateLimiter::Rate& rate) {
    constexpr double year = 365.0 * 24 * 3600;
    const std::chrono::duration<double> seconds(std::min(tokens / rate.per_second, year));
    return std::chrono::duration_cast<Clock::duration>(seconds);
}

}  // namespace

std::optional<Clock::duration> RateLimiter::take(std::string_view name, const Rate& rate, double tokens,
                                                 Clock::time_point now) {
    const std::scoped_lock lock(mutex_);
    auto& own = bucket(name, now);
    const Clock::time_point full_at = std::max(own->first, now);
    const Clock::time_point needed = full_at + time_of(std::min(tokens, rate.capacity), rate);
    const Clock::time_point latest = now + time_of(rate.capacity, rate);
    if (needed > latest) return needed - latest;
    move(own, full_at + time_of(tokens, rate));
    return std::nullopt;
}

void RateLimiter::give_back(std::string_view name, const Rate& rate, double tokens) {
    const std::scoped_lock lock(mutex_);
    if (const auto found = buckets_.find(std::string(name)); found != buckets_.end())
        move(found->second, found->second->first - time_of(tokens, rate));
    else if (shared_)
        move(*shared_, (*shared_)->first - time_of(tokens, rate));
}

std::size_t RateLimiter::names() const {
    const std::scoped_lock lock(mutex_);
    return buckets_.size();
}

RateLimiter::Order::iterator& RateLimiter::bucket(std::string_view name, Clock::time_point now) {
    if (const auto found = buckets_.find(std::string(name)); found != buckets_.end()) return found->second;
    for (auto oldest = order_.begin();
         buckets_.size() >= max_names_ && oldest != order_.end() && oldest->first <= now;) {
        const auto full = oldest++;
        if (shared_ && full == *shared_) continue;
        const auto forgotten = buckets_.find(*full->second);
        order_.erase(full);
        buckets_.erase(forgotten);
    }
    static const std::string nobody;
    if (buckets_.size() >= max_names_) {
        if (!shared_) shared_ = order_.emplace(now, &nobody);
        return *shared_;
    }
    const auto made = buckets_.try_emplace(std::string(name)).first;
    try {
        made->second = order_.emplace(now, &made->first);
    } catch (const std::bad_alloc&) {
        buckets_.erase(made);
        throw;
    }
    return made->second;
}

void RateLimiter::move(Order::iterator& bucket, Clock::time_point full_at) {
    auto node = order_.extract(bucket);
    node.key() = full_at;
    bucket = order_.insert(std::move(node));
}

}  // namespace einfer::tenants
