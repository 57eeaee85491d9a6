#include "inference/clear_evaluator.h"

namespace einfer::inference {

using Value = ClearEvaluator::Value;

Result<Value> ClearEvaluator::weighted_sum(std::span<const Value> inputs, std::span<const double> weights,
                                           double constant, double) const {
    Value sum(inputs.front().size(), constant);
    for (std::size_t feature = 0; feature < inputs.size(); ++feature)
        for (std::size_t row = 0; row < sum.size(); ++row) sum[row] += weights[feature] * inputs[feature][row];
    return sum;
}

Result<Value> ClearEvaluator::multiply(const Value& a, const Value& b) const {
    Value product = a;
    for (std::size_t row = 0; row < product.size(); ++row) product[row] *= b[row];
    return product;
}

Result<Value> ClearEvaluator::rescale(const Value& a) const { return a; }

Result<Value> ClearEvaluator::add_constant(const Value& a, double constant) const {
    Value sum = a;
    for (double& value : sum) value += constant;
    return sum;
}

}  // namespace einfer::inference
