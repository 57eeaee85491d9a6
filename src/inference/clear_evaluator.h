// The circuit operations on plain numbers: one value a feature, one number a row.
#pragma once

#include "base/error.h"

#include <span>
#include <vector>

namespace einfer::inference {

/// Same circuit, no encryption, full double precision: weights are not rounded, rescale() changes nothing.
class ClearEvaluator {
public:
    using Value = std::vector<double>;
    using Input = Value;

    [[nodiscard]] Result<Value> weighted_sum(std::span<const Value> inputs, std::span<const double> weights,
                                             double constant, double weight_scale) const;
    [[nodiscard]] Result<Value> multiply(const Value& a, const Value& b) const;
    [[nodiscard]] Result<Value> rescale(const Value& a) const;
    [[nodiscard]] Result<Value> add_constant(const Value& a, double constant) const;
};

}  // namespace einfer::inference
