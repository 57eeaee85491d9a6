// How much memory a piece of code holds at most. Counted by the sanitizers' allocator; without one nothing is counted.
#pragma once

#include <cstddef>

namespace einfer::fuzz {

/// Counts from construction on; one at a time. Threads count together.
class Allocations {
public:
    Allocations();
    ~Allocations();
    Allocations(const Allocations&) = delete;
    Allocations& operator=(const Allocations&) = delete;

    /// The most bytes that were held at one time, beyond what was held at construction; 0 when nothing is counted.
    [[nodiscard]] std::size_t peak() const;
    /// The same now.
    [[nodiscard]] std::size_t held() const;
};

/// Aborts with `what` when `counted` ever held more than `bound` bytes.
void require_below(const Allocations& counted, std::size_t bound, const char* what);

}  // namespace einfer::fuzz
