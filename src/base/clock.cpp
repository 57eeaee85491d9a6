#include "base/clock.h"

#include <cstdio>
#include <ctime>

namespace einfer {

UnixMillis system_now() {
    return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::system_clock::now().time_since_epoch())
        .count();
}

std::string to_rfc3339(UnixMillis time) {
    const auto seconds = static_cast<std::time_t>(time / 1000);
    std::tm utc{};
    gmtime_r(&seconds, &utc);
    char date_time[32];
    std::strftime(date_time, sizeof date_time, "%Y-%m-%dT%H:%M:%S", &utc);
    char text[48];
    std::snprintf(text, sizeof text, "%s.%03dZ", date_time, static_cast<int>(time % 1000));
    return text;
}

}  // namespace einfer
