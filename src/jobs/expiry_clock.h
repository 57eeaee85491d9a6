// The clock by which jobs expire. Private to src/jobs.
#pragma once

#include "base/clock.h"

#include <chrono>

namespace einfer::jobs {

/// The wall clock, but when it jumps forward by more than a minute it is believed only after `hold`: until then this
/// clock runs on from where it was. With a hold as long as jobs live, a clock that is wrong for a while makes no job
/// expire early, and one that has been put right makes none expire later than `hold` after that. A clock that is set
/// back is believed at once: what finished before lives longer by that much. A jump while the server is down cannot be
/// told from time that has passed.
class ExpiryClock {
public:
    using Time = std::chrono::steady_clock::time_point;

    explicit ExpiryClock(std::chrono::milliseconds hold) : hold_(hold) {}

    /// To be called now and then: a jump is the difference to the steady clock since the last call.
    [[nodiscard]] UnixMillis now(UnixMillis wall, Time steady);

private:
    const std::chrono::milliseconds hold_;
    bool started_ = false;
    UnixMillis wall_ = 0;
    Time steady_;
    UnixMillis disbelieved_ = 0;
    Time since_;
};

}  // namespace einfer::jobs
