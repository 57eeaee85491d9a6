// A network packed into slots, on plain numbers. Private to src/inference.
#pragma once

#include "inference/slots_form.h"
#include "inference/slots_packing.h"

#include <span>
#include <vector>

namespace einfer::inference {

struct SlotsStage {
    PackedMatrix matrix;
    std::vector<double> bias;  ///< by slot; 0 in garbage
    FormStep activation;       ///< without its matrix and bias
    Rescale rescale = Rescale::Never;
    bool last = false;

    /// Products that follow one another in the activation.
    [[nodiscard]] std::size_t depth() const;
    /// Primes that the stage takes.
    [[nodiscard]] std::size_t levels() const;
};

struct SlotsProgram {
    std::size_t slot_bits = 0;  ///< of one row
    GatheredInput input;
    std::vector<SlotsStage> stages;
    std::vector<std::size_t> output_slots;  ///< by output
    double offset = 0;                      ///< FormStep::offset of the last

    [[nodiscard]] std::size_t slots() const { return std::size_t{1} << slot_bits; }
    [[nodiscard]] std::vector<int> steps() const;
};

/// INTERNAL when a packing does not fit.
[[nodiscard]] Result<SlotsProgram> make_program(std::span<const FormStep> form, std::span<const StageSpec> stages,
                                                std::size_t slot_bits);

/// The largest |value| in each slot over sample rows.
struct SlotPeaks {
    struct Stage {
        std::vector<double> input;   ///< of all its ciphertexts
        std::vector<double> linear;  ///< what the activation takes
        double linear_peak = 0;      ///< of all sums on the way, in all slots
        double output_peak = 0;      ///< of the activation and its powers, in all slots
    };
    std::vector<Stage> stages;
    double answer = 0;  ///< of the outputs
};
[[nodiscard]] SlotPeaks measure(const SlotsProgram& program, std::span<const std::vector<double>> rows);

/// The outputs for one row, computed slot by slot as the ciphertexts are.
[[nodiscard]] std::vector<double> run_in_clear(const SlotsProgram& program, std::span<const double> features);

}  // namespace einfer::inference
