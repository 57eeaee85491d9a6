#include "kernels/galois.h"

#include <bit>

namespace einfer::kernels {
namespace {

constexpr std::uint64_t generator = 3;

std::uint32_t reverse_bits(std::uint32_t number, int width) {
    std::uint32_t reversed = 0;
    for (int i = 0; i < width; ++i) reversed |= (number >> i & 1) << (width - 1 - i);
    return reversed;
}

}  // namespace

std::vector<std::uint32_t> galois_permutation(std::size_t n, std::uint32_t galois_element) {
    // Value i is the polynomial at ψ^(2·reverse(i) + 1).
    const int width = std::countr_zero(n);
    std::vector<std::uint32_t> table(n);
    for (std::uint32_t i = 0; i < n; ++i) {
        const std::uint64_t exponent = 2 * std::uint64_t{reverse_bits(i, width)} + 1;
        const std::uint64_t image = exponent * galois_element % (2 * n);
        table[i] = reverse_bits(static_cast<std::uint32_t>(image / 2), width);
    }
    return table;
}

std::uint32_t galois_element(std::size_t n, int step) {
    const auto slots = static_cast<int>(n / 2);
    std::uint64_t element = 1;
    for (int i = 0; i < (step < 0 ? step + slots : step); ++i) element = element * generator % (2 * n);
    return static_cast<std::uint32_t>(element);
}

std::optional<int> galois_step(std::size_t n, std::uint32_t galois_element) {
    const auto slots = static_cast<int>(n / 2);
    std::uint64_t element = 1;
    for (int step = 0; step < slots; ++step, element = element * generator % (2 * n))
        if (element == galois_element) return step <= slots / 2 ? step : step - slots;
    return std::nullopt;
}

}  // namespace einfer::kernels
