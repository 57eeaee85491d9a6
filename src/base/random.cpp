#include "base/random.h"

#include <openssl/rand.h>

#include <bit>
#include <stdexcept>

namespace einfer {
namespace {

void fill(std::span<std::uint64_t> numbers) {
    const auto bytes = static_cast<int>(numbers.size_bytes());
    if (RAND_bytes(reinterpret_cast<unsigned char*>(numbers.data()), bytes) != 1)
        throw std::runtime_error("the system's random generator failed");
}

}  // namespace

void random_below(std::uint64_t bound, std::span<std::uint64_t> numbers) {
    // By rejection: the bits of the bound, and once more where they are not below it.
    const std::uint64_t mask = std::bit_ceil(bound) - 1;
    fill(numbers);
    for (std::uint64_t& number : numbers)
        while ((number &= mask) >= bound) fill({&number, 1});
}

}  // namespace einfer
