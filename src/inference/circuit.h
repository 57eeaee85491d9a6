// The circuit of a plan, for any evaluator: SEAL's on ciphertexts, ClearEvaluator on numbers.
#pragma once

#include "base/error.h"
#include "inference/plan.h"

#include <array>
#include <concepts>
#include <span>

namespace einfer::inference {

/// The operations a circuit is made of; he/evaluator.h says what each means. They are large on purpose, so that an
/// evaluator can fuse what is inside.
template <class E>
concept CircuitEvaluator = requires(const E& evaluator, std::span<const typename E::Input> inputs,
                                    std::span<const double> weights, const typename E::Value& value, double number) {
    { evaluator.weighted_sum(inputs, weights, number, number) } -> std::same_as<Result<typename E::Value>>;
    { evaluator.multiply(value, value) } -> std::same_as<Result<typename E::Value>>;
    { evaluator.rescale(value) } -> std::same_as<Result<typename E::Value>>;
    { evaluator.add_constant(value, number) } -> std::same_as<Result<typename E::Value>>;
};

/// Runs `plan` on one value a feature. Fails as the evaluator's operations do.
template <CircuitEvaluator E>
[[nodiscard]] Result<typename E::Value> run(const Plan& plan, const E& evaluator,
                                            std::span<const typename E::Input> inputs) {
    const auto affine = [&](const AffineForm& form) {
        auto sum = evaluator.weighted_sum(inputs, form.weights, form.constant, plan.weight_scale);
        return sum && plan.rescale ? evaluator.rescale(*sum) : sum;
    };
    const auto first = affine(plan.affine[0]);
    if (!first || !plan.quadratic()) return first;
    const auto second = affine(plan.affine[1]);
    if (!second) return second;
    const auto product = evaluator.multiply(*first, *second);
    if (!product) return product;
    return evaluator.add_constant(*product, plan.constant);
}

}  // namespace einfer::inference
