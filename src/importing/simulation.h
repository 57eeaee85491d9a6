// What a plan costs in accuracy, found in clear.
#pragma once

#include "importing/plan_network.h"
#include "inference/network.h"
#include "registry/network_entry.h"

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace einfer::importing {

/// What an answer says: the index of the largest number; of a single one, whether it is positive. None for a single
/// number that no step makes a decision of.
[[nodiscard]] std::optional<std::size_t> decision(const inference::Network& network, std::span<const double> answer);

/// Both of the same inputs and outputs; `network` says what an answer decides.
[[nodiscard]] Agreement compare(const inference::Network& network, std::span<const inference::Stage> first,
                                std::span<const inference::Stage> second, std::span<const std::vector<double>> rows);

/// Answers against labels. Neither number when there are no labels, or no rows.
struct Score {
    std::size_t rows = 0;
    std::optional<std::size_t> right;  ///< rows whose decision is their label
    std::optional<double> r2;          ///< 1 - Σ (label - answer)² / Σ (label - mean)²
};

/// Of the rows that a client would send, unless it says otherwise.
struct Simulation {
    std::size_t rows = 0;             ///< all
    std::size_t outside = 0;          ///< that a client would refuse: not in the model's ranges
    std::optional<double> deviation;  ///< of the noise that was added to each number
    Score score;
    std::optional<Score> original;
    std::optional<Agreement> agreement;  ///< with the original; none either when all rows are outside
    // The scores of all rows; the same while none is outside.
    Score score_of_all;
    std::optional<Score> original_of_all;
};

struct SimulationOptions {
    std::span<const double> labels{};  ///< one a row: the number of the class, or the value; or none
    const inference::Network* original = nullptr;
    /// Largest error of an answer; its noise is taken for Gaussian, and the bound for 8.5 standard deviations of it.
    std::optional<double> error_bound{};
    std::uint64_t seed = 1;
};

/// The model on `rows`, as a server would compute it but in clear. SCHEMA_VIOLATION with details `field` and `reason`
/// when rows, labels or the original do not fit it.
[[nodiscard]] Result<Simulation> simulate(const registry::NetworkModel& model,
                                          std::span<const std::vector<double>> rows,
                                          const SimulationOptions& options = {});

/// The error bound of an entry, as its plan proves or states it.
[[nodiscard]] double error_bound_of(const registry::NetworkModel& model);

}  // namespace einfer::importing
