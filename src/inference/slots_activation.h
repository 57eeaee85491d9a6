// Polynomials of ciphertexts. Private to src/inference.
#pragma once

#include "he/evaluator.h"
#include "inference/slots_levels.h"

namespace einfer::inference {

/// The stage's activation of `z`, from its linear level to its output's. Fails as the evaluator's operations do.
[[nodiscard]] Result<he::Ciphertext> activate(const he::Evaluator& evaluator, const SlotsStage& stage,
                                              const StageLevels& levels, he::Ciphertext z,
                                              const he::KeySwitchKey& relinearization);

}  // namespace einfer::inference
