// Random numbers that nobody can predict, by OpenSSL.
#pragma once

#include <cstdint>
#include <span>

namespace einfer {

/// Fills `numbers` with uniform ones below `bound`, 1 to 2^63. Throws std::runtime_error when the system has none.
void random_below(std::uint64_t bound, std::span<std::uint64_t> numbers);

}  // namespace einfer
