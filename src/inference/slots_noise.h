// How exact an answer in the slots layout is, predicted. Private to src/inference.
#pragma once

#include "inference/slots_levels.h"

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace einfer::inference {

/// Noise is Gaussian-like and independent between the slots (CKKS, ePrint 2016/421 §3.1): its variances go through the
/// squares of the matrices' entries, and of the activations' slopes at the samples' peaks. What one unit of each source
/// does to the outputs is computed once; a choice of primes and scales is then a short sum.
class SlotsNoise {
public:
    /// Both outlive it. `rows` share a ciphertext.
    SlotsNoise(const SlotsProgram& program, const SlotPeaks& peaks, std::size_t rows);

    /// Variances in the outputs.
    using Response = std::vector<double>;
    /// What the encoded matrices' rounding does at these scales, one a stage; bound() takes it as by chance without.
    [[nodiscard]] std::vector<Response> encoding_errors(std::span<const StageLevels> levels) const;

    /// Of |decrypted − computed in clear| in all outputs, for honest ciphertexts of inputs like the samples: 8.5
    /// standard deviations, exceeded with probability below 2^-55 a slot.
    [[nodiscard]] double bound(std::span<const StageLevels> levels, std::span<const double> primes, double special,
                               std::span<const Response> encoding = {}) const;

private:
    struct StageResponses {
        Response input, input_profile;      ///< noise in the inputs, the same in all slots; as key switches leave it
        Response babies, babies_profile;    ///< in what baby steps rotate
        Response product, product_profile;  ///< in the product
        Response weights;                   ///< in the encoded matrix
        std::vector<Response> folds, folds_profile;  ///< after each set of them
        Response linear;                             ///< in the activation's argument
        std::size_t giants = 0;
    };

    /// Where the mean of the digits is after a set of rotations.
    [[nodiscard]] std::vector<double> fold_profile(std::span<const int> steps) const;
    [[nodiscard]] std::vector<double> apply(const SlotsStage& stage, std::span<const double> variance,
                                            bool only_rotated) const;
    [[nodiscard]] Response from_product(std::size_t stage, std::size_t first_fold, std::vector<double> variance) const;
    [[nodiscard]] Response from_input(std::size_t stage, std::span<const double> variance) const;
    [[nodiscard]] Response at_outputs(std::span<const double> variance) const;
    [[nodiscard]] Response from_output(std::size_t stage, std::span<const double> variance) const;

    const SlotsProgram& program_;
    const SlotPeaks& peaks_;
    double degree_;
    std::size_t rows_;
    std::vector<double> ones_, profile_;
    std::vector<StageResponses> responses_;
    Response after_, after_profile_;  ///< in the last activation's result
};

}  // namespace einfer::inference
