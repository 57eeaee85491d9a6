// Packings for all stages together. Private to src/inference.
#pragma once

#include "inference/slots_cost.h"
#include "inference/slots_form.h"
#include "inference/slots_search.h"

namespace einfer::inference {

struct StagePrimes {
    std::size_t product = 0, folds = 0;  ///< of the level where a stage's matrix is applied, and its sum folded
};

/// The packings of least cost (time, and keys and bytes as `options` values them), by a beam search: a stage's choices
/// depend on those before it by the layout they leave, and by the keys that are there already. Empty when there is
/// none.
[[nodiscard]] std::vector<StagePacking> best_packings(std::span<const FormStep> form,
                                                      std::span<const StagePrimes> primes, std::size_t degree,
                                                      std::size_t all_primes, const SlotsOptions& options);

}  // namespace einfer::inference
