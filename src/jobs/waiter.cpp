#include "jobs/waiter.h"

#include <utility>

namespace einfer::jobs {

void Waiter::fire() {
    const std::scoped_lock lock(mutex_);
    // Taken out first: the function may cancel(), which must not destroy it while it runs.
    if (const auto wake = std::exchange(wake_, nullptr)) {
        try {
            wake();
        } catch (...) {
            // A waiter that cannot be woken must not stop the others.
        }
    }
}

void Waiter::cancel() {
    const std::scoped_lock lock(mutex_);
    wake_ = nullptr;
}

}  // namespace einfer::jobs
