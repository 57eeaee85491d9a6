// What Linux says about this process's memory. Sanitizers keep freed memory, so nothing is measured under them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <fstream>
#include <optional>
#include <string>

namespace einfer::test {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool memory_is_observable = false;
#else
inline constexpr bool memory_is_observable = true;
#endif

/// A line of /proc/self/status in bytes.
[[nodiscard]] inline std::optional<std::size_t> memory_status(const std::string& field) {
    std::ifstream status("/proc/self/status");
    for (std::string name; status >> name;) {
        if (name == field + ":") {
            std::size_t kibibytes = 0;
            status >> kibibytes;
            return kibibytes * 1024;
        }
        std::getline(status, name);
    }
    return std::nullopt;
}

/// Growth of the resident memory's peak since construction.
class PeakMemory {
public:
    PeakMemory() {
        std::ofstream reset("/proc/self/clear_refs");
        reset << 5 << std::flush;  // sets the peak to the present
        if (reset) start_ = memory_status("VmHWM");
    }
    [[nodiscard]] std::optional<std::size_t> growth() const {
        const auto now = memory_status("VmHWM");
        if (!memory_is_observable || !start_ || !now) return std::nullopt;
        return *now - *start_;
    }

private:
    std::optional<std::size_t> start_;
};

}  // namespace einfer::test
