// The circuit operations of inference/ on ciphertexts, by SEAL's own Evaluator: the oracle that every faster evaluator
// must match bit for bit.
#pragma once

#include "he/context.h"

#include <memory>
#include <span>

namespace einfer::he {

/// Thread-safe after construction. Every operation: INVALID_CIPHERTEXT when the result is transparent (its inputs
/// cancel: only hostile ones do), INTERNAL when SEAL refuses the operands, which a plan that was proved rules out.
class SealEvaluator {
public:
    using Value = Ciphertext;

    explicit SealEvaluator(Context context);
    ~SealEvaluator();
    SealEvaluator(SealEvaluator&&) noexcept;

    /// Σ weights[i] · inputs[i] + constant, weights encoded as scalars at `weight_scale`; the result has scale
    /// inputs.scale · weight_scale. A weight that rounds to zero is left out; at least one must not.
    /// Inputs have one level and one scale.
    [[nodiscard]] Result<Value> weighted_sum(std::span<const Value> inputs, std::span<const double> weights,
                                             double constant, double weight_scale) const;
    /// The size-3 product of two size-2 ciphertexts at one level; scales multiply.
    [[nodiscard]] Result<Value> multiply(const Value& a, const Value& b) const;
    /// Divides by the last prime of the level; so does the scale.
    [[nodiscard]] Result<Value> rescale(const Value& a) const;
    [[nodiscard]] Result<Value> add_constant(const Value& a, double constant) const;

private:
    class Impl;
    std::unique_ptr<const Impl> impl_;
};

}  // namespace einfer::he
