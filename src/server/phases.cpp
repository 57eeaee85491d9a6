#include "server/phases.h"

#include <algorithm>

namespace einfer::server {
namespace {

using std::chrono::nanoseconds;

constexpr auto all_bounds = [] {
    std::array<nanoseconds, Phases::bound_count> bounds{};
    nanoseconds decade = std::chrono::microseconds(10);
    for (std::size_t i = 0; i < bounds.size(); ++i) {
        constexpr int steps[] = {1, 2, 5};
        bounds[i] = decade * steps[i % 3];
        if (i % 3 == 2) decade *= 10;
    }
    return bounds;
}();
static_assert(all_bounds.back() == std::chrono::seconds(100));
static_assert(static_cast<std::size_t>(Phase::Total) + 1 == phase_count);

}  // namespace

std::string_view name(Phase phase) {
    switch (phase) {
        case Phase::Receive: return "receive";
        case Phase::Validate: return "validate";
        case Phase::Store: return "store";
        case Phase::Queue: return "queue";
        case Phase::Evaluate: return "evaluate";
        case Phase::Serialise: return "serialise";
        case Phase::Total: return "total";
    }
    return "";
}

const std::array<nanoseconds, Phases::bound_count>& Phases::bounds() { return all_bounds; }

void Phases::record(Phase phase, std::optional<nanoseconds> measured) {
    if (!measured) return;
    const nanoseconds spent = std::max(*measured, nanoseconds(0));
    Histogram& histogram = histograms_[static_cast<std::size_t>(phase)];
    const auto bucket = std::ranges::lower_bound(all_bounds, spent) - all_bounds.begin();
    histogram.buckets[static_cast<std::size_t>(bucket)].fetch_add(1, std::memory_order_relaxed);
    histogram.nanoseconds.fetch_add(static_cast<std::uint64_t>(spent.count()), std::memory_order_relaxed);
}

Phases::Snapshot Phases::snapshot(Phase phase) const {
    const Histogram& histogram = histograms_[static_cast<std::size_t>(phase)];
    Snapshot taken;
    for (std::size_t i = 0; i < taken.buckets.size(); ++i) {
        taken.buckets[i] = histogram.buckets[i].load(std::memory_order_relaxed);
        taken.count += taken.buckets[i];
    }
    taken.sum_seconds = static_cast<double>(histogram.nanoseconds.load(std::memory_order_relaxed)) * 1e-9;
    return taken;
}

}  // namespace einfer::server
