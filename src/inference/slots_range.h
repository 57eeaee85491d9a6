// How large what is encrypted can become on the way through a packed network. Private to src/inference.
#pragma once

#include "inference/slots_program.h"

#include <algorithm>
#include <vector>

namespace einfer::inference {

/// Bounds of |coefficients| of the polynomials that a stage's ciphertexts hold, before scaling: what must not wrap. A
/// coefficient is at most the mean of the |slots| (it is the mean of the slots times numbers of absolute value 1).
struct StageSizes {
    double input = 0;   ///< of its ciphertexts
    double linear = 0;  ///< of all sums on the way to what the activation takes
    double output = 0;  ///< of the activation and its powers; of the last stage with the program's offset

    [[nodiscard]] double largest_result() const { return std::max(linear, output); }
};

struct SlotSizes {
    std::vector<StageSizes> stages;
    double answer = 0;  ///< of |outputs| in their slots
};

/// Of the diagonals (the largest) and the bias of each stage.
struct ConstantSizes {
    double diagonal = 0, bias = 0;
};

[[nodiscard]] std::vector<ConstantSizes> constants_of(const SlotsProgram& program);

/// Of values `margin` times the samples'.
[[nodiscard]] SlotSizes sizes_of(const SlotPeaks& peaks, double margin);

/// Of every row whose inputs are in −1 … 1, by interval arithmetic: as a rule larger than what any row makes, never
/// smaller.
[[nodiscard]] SlotSizes sizes_of_range(const SlotsProgram& program);

}  // namespace einfer::inference
