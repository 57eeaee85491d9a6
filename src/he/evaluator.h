// The operations that models are computed with, on ciphertexts. Two implementations: SealEvaluator, the oracle, and
// NativeEvaluator, on our kernels, bit for bit the same but where said.
#pragma once

#include "he/ciphertext.h"
#include "he/context.h"
#include "he/linear_transform.h"

#include <memory>
#include <span>
#include <string_view>
#include <vector>

namespace einfer::he {

/// Thread-safe after construction. Every operation: INVALID_CIPHERTEXT when the result is transparent (its inputs
/// cancel: only hostile ones do), INTERNAL when the operands do not fit each other or the level, which a plan that was
/// proved rules out.
class Evaluator {
public:
    using Value = Ciphertext;
    using Input = CiphertextView;

    virtual ~Evaluator() = default;

    /// Σ weights[i] · inputs[i] + constant, weights encoded as scalars at `weight_scale`; the result has scale
    /// inputs.scale · weight_scale. A weight that rounds to zero is left out; at least one must not.
    /// Inputs have one level, one scale and two polynomials.
    [[nodiscard]] virtual Result<Value> weighted_sum(std::span<const Input> inputs, std::span<const double> weights,
                                                     double constant, double weight_scale) const = 0;
    /// One level, one scale, one size.
    [[nodiscard]] virtual Result<Value> add(const Input& a, const Input& b) const = 0;
    [[nodiscard]] virtual Result<Value> add_constant(const Input& a, double constant) const = 0;
    /// One level, one scale.
    [[nodiscard]] virtual Result<Value> add_plain(const Input& a, const Plaintext& b) const = 0;
    /// One level; scales multiply.
    [[nodiscard]] virtual Result<Value> multiply_plain(const Input& a, const Plaintext& b) const = 0;
    /// Σ inputs[i] · plains[i]: one level, one scale each, at least one.
    [[nodiscard]] virtual Result<Value> multiply_accumulate(std::span<const Input> inputs,
                                                            std::span<const Plaintext> plains) const = 0;
    /// The size-3 product of two size-2 ciphertexts at one level; scales multiply.
    [[nodiscard]] virtual Result<Value> multiply(const Input& a, const Input& b) const = 0;
    [[nodiscard]] virtual Result<Value> square(const Input& a) const = 0;
    /// Size 3 to size 2.
    [[nodiscard]] virtual Result<Value> relinearize(const Input& a, const KeySwitchKey& key) const = 0;
    /// Divides by the last prime of the level; so does the scale.
    [[nodiscard]] virtual Result<Value> rescale(const Input& a) const = 0;
    /// To the level of fewer primes, at the same scale.
    [[nodiscard]] virtual Result<Value> mod_switch(const Input& a, std::size_t prime_count) const = 0;
    /// Slots to the left by `step`, |step| < N/2; negative: to the right. INTERNAL when its key is not there.
    [[nodiscard]] virtual Result<Value> rotate(const Input& a, int step, const GaloisKeys& keys) const = 0;
    /// One rotation each; 0 is the input itself. NativeEvaluator decomposes the input once for all of them ("hoisting",
    /// ePrint 2018/244 §3): the same slots, but other noise than rotate() adds, within the same bound.
    [[nodiscard]] virtual Result<std::vector<Value>> rotate_many(const Input& a, std::span<const int> steps,
                                                                 const GaloisKeys& keys) const = 0;
    /// a + Σ rotate(a, step), at least one step, none 0. NativeEvaluator decomposes the input once and divides the sum
    /// once: noise as rotate_many().
    [[nodiscard]] virtual Result<Value> add_rotations(const Input& a, std::span<const int> steps,
                                                      const GaloisKeys& keys) const = 0;
    /// The matrix times the vector in the slots, at scale a.scale · transform.scale. NativeEvaluator sums key switches
    /// before their one division: noise as rotate_many().
    [[nodiscard]] virtual Result<Value> apply(const LinearTransform& transform, const Input& a,
                                              const GaloisKeys& keys) const = 0;
};

enum class EvaluatorKind { Native, Seal };

/// INTERNAL when the tables of its primes cannot be made.
[[nodiscard]] Result<std::unique_ptr<const Evaluator>> make_evaluator(EvaluatorKind kind, const Context& context);

}  // namespace einfer::he
