#include "jobs/expiry_clock.h"

#include <algorithm>

namespace einfer::jobs {
namespace {

constexpr UnixMillis tolerated_jump = 60'000;

}  // namespace

UnixMillis ExpiryClock::now(UnixMillis wall, Time steady) {
    if (started_) {
        const auto passed = std::chrono::duration_cast<std::chrono::milliseconds>(steady - steady_).count();
        const UnixMillis jump = wall - wall_ - passed;
        if (jump > tolerated_jump) {
            disbelieved_ += jump;
            since_ = steady;
        } else if (jump < -tolerated_jump) {
            disbelieved_ = std::max<UnixMillis>(0, disbelieved_ + jump);
        }
        if (steady - since_ >= hold_) disbelieved_ = 0;
    }
    started_ = true;
    wall_ = wall;
    steady_ = steady;
    return wall - disbelieved_;
}

}  // namespace einfer::jobs
