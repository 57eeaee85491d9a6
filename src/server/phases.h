// How long the phases of inference requests take: a histogram each, for the operator.
#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

namespace einfer::server {

/// In seconds, by a monotonic clock.
enum class Phase {
    Receive,    ///< "receive": first byte of a body to its last; of every body that arrived to its end
    Validate,   ///< "validate": spent on decoding and checking, of the time it arrives and after its last byte
    Store,      ///< "store": an admitted job's way to the disk
    Queue,      ///< "queue": on disk until its evaluation begins
    Evaluate,   ///< "evaluate": inputs to result, the last attempt's
    Serialise,  ///< "serialise": result to bytes
    Total,      ///< "total": last byte of the body until the job is completed on disk
};
inline constexpr std::size_t phase_count = 7;

/// The word in quotes above.
[[nodiscard]] std::string_view name(Phase phase);

/// Thread-safe, without locks. What a process has measured since it started.
class Phases {
public:
    /// Upper bounds of the buckets: 1, 2, 5 in each decade, from 10 µs to 100 s.
    static constexpr std::size_t bound_count = 22;
    [[nodiscard]] static const std::array<std::chrono::nanoseconds, bound_count>& bounds();

    struct Snapshot {
        /// Not cumulative: bucket i has what is above bound i−1 and not above bound i, the last what is above all.
        std::array<std::uint64_t, bound_count + 1> buckets{};
        std::uint64_t count = 0;  ///< of all buckets
        double sum_seconds = 0;
    };

    /// Nothing is recorded without a value.
    void record(Phase phase, std::optional<std::chrono::nanoseconds> spent);

    /// Measurements that are made meanwhile may be in the buckets and not yet in the sum.
    [[nodiscard]] Snapshot snapshot(Phase phase) const;

private:
    struct Histogram {
        std::array<std::atomic<std::uint64_t>, bound_count + 1> buckets{};
        std::atomic<std::uint64_t> nanoseconds{0};
    };
    std::array<Histogram, phase_count> histograms_{};
};

/// For the log.
[[nodiscard]] constexpr std::int64_t microseconds(std::chrono::nanoseconds spent) {
    return std::chrono::duration_cast<std::chrono::microseconds>(spent).count();
}

}  // namespace einfer::server
