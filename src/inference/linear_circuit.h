// A linear plan made ready for its context, and run on ciphertexts.
#pragma once

#include "he/coefficients.h"
#include "he/evaluator.h"
#include "inference/linear_plan.h"
#include "wire/compact.h"

#include <cstdint>
#include <span>
#include <vector>

namespace einfer::inference {

/// Immutable, thread-safe.
class LinearCircuit {
public:
    /// INTERNAL when the context is not the plan's.
    static Result<LinearCircuit> create(const Stage& stage, const LinearPlan& plan, const he::Context& context);

    [[nodiscard]] const LinearPlan& plan() const { return plan_; }

    /// One ciphertext a result, with the bias, but everything else that the products have left in it.
    [[nodiscard]] Result<std::vector<he::Ciphertext>> run(const he::Evaluator& evaluator,
                                                          std::span<const he::CiphertextView> inputs) const;

    /// What may be shown of `results`: the answers of the first `rows` rows. In place of the other coefficients of the
    /// first polynomial there are fresh random ones, so that they tell nothing.
    void mask(std::vector<he::Ciphertext>& results, std::size_t rows) const;
    /// The same, modulo 2^compact_bits.
    [[nodiscard]] std::vector<wire::CompactResult> compact(const std::vector<he::Ciphertext>& results,
                                                           std::size_t rows) const;

private:
    LinearCircuit(const LinearPlan& plan, he::CoefficientRing ring) : plan_(plan), ring_(std::move(ring)) {}

    struct Weights {
        std::vector<std::size_t> inputs;  ///< those of which any weight is not zero
        std::vector<he::Plaintext> plains;
    };

    LinearPlan plan_;
    he::CoefficientRing ring_;
    std::vector<Weights> weights_;       ///< by result
    std::vector<he::Plaintext> biases_;  ///< by result
};

}  // namespace einfer::inference
