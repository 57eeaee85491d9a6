// One wish to be woken. Private to src/jobs.
#pragma once

#include <functional>
#include <mutex>

namespace einfer::jobs {

/// Calls its function at most once, and not after cancel() has returned. fire() and cancel() may race.
class Waiter {
public:
    explicit Waiter(std::function<void()> wake) : wake_(std::move(wake)) {}
    void fire();
    /// Waits for a call that is under way, unless it is the one that cancels.
    void cancel();

private:
    std::recursive_mutex mutex_;  // recursive: the function may drop its own handle
    std::function<void()> wake_;
};

}  // namespace einfer::jobs
