// Bounds what refusals write: they cost their senders nothing.
#pragma once

#include <chrono>
#include <cstdint>
#include <mutex>
#include <optional>
#include <utility>

namespace einfer::server::http {

/// Thread-safe.
class RefusalLog {
public:
    using Clock = std::chrono::steady_clock;

    /// Whether one more refusal is to be recorded: if so, how many were not since the last one that was.
    std::optional<std::uint64_t> take(Clock::time_point now = Clock::now()) {
        const std::scoped_lock lock(mutex_);
        if (now - began_ >= std::chrono::seconds(1)) {
            began_ = now;
            recorded_ = 0;
        }
        if (recorded_ == most_per_second) {
            ++left_out_;
            return std::nullopt;
        }
        ++recorded_;
        return std::exchange(left_out_, 0);
    }

private:
    static constexpr int most_per_second = 50;
    std::mutex mutex_;
    Clock::time_point began_;
    int recorded_ = 0;
    std::uint64_t left_out_ = 0;
};

}  // namespace einfer::server::http
