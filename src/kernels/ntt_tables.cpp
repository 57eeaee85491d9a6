#include "kernels/ntt_tables.h"

#include <algorithm>
#include <bit>

namespace einfer::kernels {
namespace {

std::size_t reverse_bits(std::size_t number, int width) {
    std::size_t reversed = 0;
    for (int i = 0; i < width; ++i) reversed |= (number >> i & 1) << (width - 1 - i);
    return reversed;
}

/// The smallest primitive `order`-th root of unity, `order` a power of two that divides p − 1; 0: p is no prime.
std::uint64_t smallest_root(std::uint64_t order, const Modulus& modulus) {
    constexpr std::uint64_t tries = 200;  // each succeeds with probability 1/2
    std::uint64_t root = 0;
    for (std::uint64_t candidate = 2; candidate < 2 + tries && root == 0; ++candidate) {
        const std::uint64_t power = modulus.power(modulus.reduce(candidate), (modulus.value() - 1) / order);
        if (modulus.power(power, order / 2) == modulus.value() - 1) root = power;
    }
    // All primitive roots are its odd powers.
    const Factor square = modulus.factor(modulus.multiply(root, root));
    std::uint64_t smallest = root;
    for (std::uint64_t i = 0, power = root; i < order / 2; ++i, power = modulus.multiply(power, square))
        smallest = std::min(smallest, power);
    return smallest;
}

Factors powers_in_tree_order(std::uint64_t base, std::size_t n, const Modulus& modulus) {
    Factors factors{std::vector<std::uint64_t>(n), std::vector<std::uint64_t>(n), {}};
    const int width = std::countr_zero(n);
    const Factor step = modulus.factor(base);
    std::uint64_t power = 1;
    for (std::size_t exponent = 0; exponent < n; ++exponent) {
        const Factor factor = modulus.factor(power);
        const std::size_t node = reverse_bits(exponent, width);
        factors.operands[node] = factor.operand;
        factors.quotients[node] = factor.quotient;
        power = modulus.multiply(power, step);
    }
    if (!modulus.fits_ifma()) return factors;
    factors.quotients_52.reserve(n);
    for (const std::uint64_t quotient : factors.quotients) factors.quotients_52.push_back(quotient >> 11);
    return factors;
}

void append(Factors& to, const Factors& from, std::size_t node) {
    to.operands.push_back(from.operands[node]);
    to.quotients.push_back(from.quotients[node]);
    if (!from.quotients_52.empty()) to.quotients_52.push_back(from.quotients_52[node]);
}

Factors in_lane_order(const Factors& tree) {
    constexpr std::size_t rows = 8;
    const std::size_t n = tree.operands.size();
    Factors lanes;
    for (auto* const list : {&lanes.operands, &lanes.quotients, &lanes.quotients_52})
        list->reserve(n / lane_run * lane_factors);
    for (std::size_t run = 0; run < n / lane_run; ++run)
        for (const std::size_t each : {std::size_t{2}, std::size_t{4}})  // nodes a row
            for (std::size_t i = 0; i < each; ++i)
                for (std::size_t row = 0; row < rows; ++row)
                    append(lanes, tree, each * (n / rows + run * rows + row) + i);
    return lanes;
}

}  // namespace

std::optional<NttTables> NttTables::create(std::size_t n, const Modulus& prime) {
    if (n < 2 || !std::has_single_bit(n) || prime.value() % (2 * n) != 1) return std::nullopt;
    const std::uint64_t root = smallest_root(2 * n, prime);
    if (root == 0) return std::nullopt;
    NttTables tables(n, prime);
    tables.roots_ = powers_in_tree_order(root, n, prime);
    tables.inverse_roots_ = powers_in_tree_order(prime.inverse(root), n, prime);
    tables.lane_roots_ = in_lane_order(tables.roots_);
    tables.inverse_lane_roots_ = in_lane_order(tables.inverse_roots_);
    tables.inverse_size_ = prime.factor(prime.inverse(n));
    tables.last_inverse_root_ =
        prime.factor(prime.multiply(tables.inverse_roots_.operands[1], tables.inverse_size_.operand));
    return tables;
}

}  // namespace einfer::kernels
