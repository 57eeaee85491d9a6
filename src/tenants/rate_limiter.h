// Token buckets by name, in bounded memory whatever names come.
#pragma once

#include <chrono>
#include <cstddef>
#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace einfer::tenants {

/// Each name has a bucket of `capacity` tokens that refills with `per_second`; its whole state is the time at which it
/// will be full (the generic cell rate algorithm, ITU-T I.371). A full bucket is one that was never used, so it is what
/// is forgotten when there are too many; names for which there is no room share one bucket. Thread-safe.
class RateLimiter {
public:
    using Clock = std::chrono::steady_clock;

    struct Rate {
        double per_second = 0;  ///< > 0
        double capacity = 0;    ///< > 0
    };

    explicit RateLimiter(std::size_t max_names) : max_names_(max_names) {}

    /// Takes `tokens` and returns nothing, or takes nothing and returns how long to wait. What is above the capacity is
    /// granted to a full bucket, and is a debt.
    [[nodiscard]] std::optional<Clock::duration> take(std::string_view name, const Rate& rate, double tokens,
                                                      Clock::time_point now);

    /// Gives back what was taken for nothing.
    void give_back(std::string_view name, const Rate& rate, double tokens);

    [[nodiscard]] std::size_t names() const;

private:
    using Order = std::multimap<Clock::time_point, const std::string*>;  // by the time at which the bucket is full

    Order::iterator& bucket(std::string_view name, Clock::time_point now);
    void move(Order::iterator& bucket, Clock::time_point full_at);

    const std::size_t max_names_;
    mutable std::mutex mutex_;
    std::unordered_map<std::string, Order::iterator> buckets_;
    Order order_;
    std::optional<Order::iterator> shared_;
};

}  // namespace einfer::tenants
