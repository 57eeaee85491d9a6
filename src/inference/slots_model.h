// What SlotsModel keeps. Private to src/inference.
#pragma once

#include "inference/slots_circuit.h"
#include "inference/slots_levels.h"

namespace einfer::inference {

struct SlotsModel::Impl {
    SlotsPlan plan;
    SlotsProgram program;
    std::vector<StageLevels> levels;
    std::vector<std::uint64_t> primes;  ///< the key-switching prime last
};

/// The form of a network under a spec's polynomials and divisors.
[[nodiscard]] std::vector<FormStep> form_of(std::span<const Stage> stages, const SlotsSpec& spec);

/// What the program costs goes into the plan.
void add_costs(const SlotsProgram& program, std::span<const StageLevels> levels, SlotsPlan& plan);

}  // namespace einfer::inference
