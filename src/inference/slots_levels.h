// Which primes and scales a packed network goes through. Private to src/inference.
#pragma once

#include "inference/slots_range.h"

#include <cstdint>
#include <span>
#include <vector>

namespace einfer::inference {

/// One power of an activation's argument; z itself is the first.
struct PowerLevel {
    std::size_t primes = 0;
    double scale = 0;
};

struct StageLevels {
    double weight_scale = 0;
    std::size_t product_primes = 0;  ///< of the input, and of the product with the matrix
    double input_scale = 0, product_scale = 0;
    std::size_t fold_primes = 0;
    double fold_scale = 0;
    std::size_t linear_primes = 0;  ///< of the activation's argument
    double linear_scale = 0;
    std::vector<PowerLevel> powers;  ///< z¹, z², …, of a polynomial of degree 3 and more
    double sum_scale = 0;            ///< of the weights of their sum
    std::size_t output_primes = 0;
    double output_scale = 0;
};

/// Follows the scales exactly as evaluators compute them. `primes`: the data primes. `weight_scales`: one a stage;
/// where it is 0, the one after which the stage's output has `scale` again; of the last stage the largest that leaves
/// room for coefficients of `last_size`. Empty when there are too few primes, or a weight scale is not in 2^6 … 2^50.
[[nodiscard]] std::vector<StageLevels> levels_of(const SlotsProgram& program, std::span<const double> primes,
                                                 double scale, std::span<const double> weight_scales, double last_size);

/// z^k = z^first · z^(k − first).
[[nodiscard]] std::size_t first_factor(std::size_t k);

/// Whether what is encoded, which are diagonals, biases, weights of sums and the offset, is encodable: SEAL wants up to
/// a bit more room for it than it needs.
[[nodiscard]] bool constants_fit(const SlotsProgram& program, std::span<const ConstantSizes> sizes,
                                 std::span<const StageLevels> levels, std::span<const double> primes);

/// Whether nothing of these sizes wraps.
[[nodiscard]] bool has_room(const SlotsProgram& program, const SlotSizes& sizes, std::span<const StageLevels> levels,
                            std::span<const double> primes);

}  // namespace einfer::inference
