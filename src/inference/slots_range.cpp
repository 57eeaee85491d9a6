#include "inference/slots_range.h"

#include <algorithm>
#include <cmath>

namespace einfer::inference {
namespace {

constexpr double reach = 1.01;  // of inputs, with noise and rounding

struct Interval {
    double low = 0, high = 0;

    [[nodiscard]] double largest() const { return std::max(-low, high); }
    Interval& operator+=(Interval other) {
        low += other.low;
        high += other.high;
        return *this;
    }
};
using Intervals = std::vector<Interval>;

Interval operator*(double factor, Interval x) {
    return factor < 0 ? Interval{factor * x.high, factor * x.low} : Interval{factor * x.low, factor * x.high};
}

Interval power(Interval x, std::size_t exponent) {
    const auto k = static_cast<double>(exponent);
    const double low = std::pow(x.low, k), high = std::pow(x.high, k);
    if (exponent % 2 == 1) return {low, high};
    return {x.low <= 0 && x.high >= 0 ? 0 : std::min(low, high), std::max(low, high)};
}

Interval activate(const FormStep& activation, Interval z) {
    if (activation.square) return (activation.negative ? -1.0 : 1.0) * power(z, 2);
    if (activation.powers.empty()) return z;
    Interval sum;
    for (std::size_t k = 1; k < activation.powers.size(); ++k) sum += activation.powers[k] * power(z, k);
    return sum;
}

double mean(const Intervals& values, std::size_t exponent = 1) {
    double sum = 0;
    for (const Interval& value : values) sum += std::pow(value.largest(), static_cast<double>(exponent));
    return sum / static_cast<double>(values.size());
}

/// One stage's output; `sizes` without its input.
Intervals run_stage(const SlotsStage& stage, std::span<const Intervals> inputs, StageSizes& sizes) {
    const std::size_t slots = stage.bias.size();
    const auto rotated = [slots](const Intervals& values, std::size_t slot, int step) {
        return values[(slot + static_cast<std::size_t>(step)) & (slots - 1)];
    };
    Intervals sum(slots);
    for (std::size_t t = 0; t < inputs.size(); ++t)
        for (const auto& [step, diagonal] : stage.matrix.diagonals[t])
            for (std::size_t slot = 0; slot < slots; ++slot)
                sum[slot] += diagonal[slot] * rotated(inputs[t], slot, step);
    sizes.linear = mean(sum);
    for (const std::vector<int>& steps : stage.matrix.folds) {
        const Intervals before = sum;
        for (const int step : steps)
            for (std::size_t slot = 0; slot < slots; ++slot) sum[slot] += rotated(before, slot, step);
        sizes.linear = std::max(sizes.linear, mean(sum));
    }
    Intervals output(slots);
    for (std::size_t slot = 0; slot < slots; ++slot) {
        sum[slot] += {stage.bias[slot], stage.bias[slot]};
        output[slot] = activate(stage.activation, sum[slot]);
    }
    sizes.linear = std::max(sizes.linear, mean(sum));
    sizes.output = mean(output);
    for (std::size_t k = 1; k < stage.activation.powers.size(); ++k)
        sizes.output = std::max(sizes.output, mean(sum, k));
    return output;
}

double mean_size(const std::vector<double>& slots) {
    double sum = 0;
    for (const double value : slots) sum += std::abs(value);
    return sum / static_cast<double>(slots.size());
}

}  // namespace

std::vector<ConstantSizes> constants_of(const SlotsProgram& program) {
    std::vector<ConstantSizes> all;
    for (const SlotsStage& stage : program.stages) {
        ConstantSizes& sizes = all.emplace_back();
        sizes.bias = mean_size(stage.bias);
        for (const auto& of_input : stage.matrix.diagonals)
            for (const auto& [step, diagonal] : of_input)
                sizes.diagonal = std::max(sizes.diagonal, mean_size(diagonal));
    }
    return all;
}

SlotSizes sizes_of(const SlotPeaks& peaks, double margin) {
    SlotSizes sizes;
    for (const SlotPeaks::Stage& peak : peaks.stages)
        sizes.stages.push_back(
            {std::ranges::max(peak.input) * margin, peak.linear_peak * margin, peak.output_peak * margin});
    sizes.answer = peaks.answer * margin;
    sizes.stages.back().output = std::max(sizes.stages.back().output, sizes.answer);
    return sizes;
}

SlotSizes sizes_of_range(const SlotsProgram& program) {
    std::vector<Intervals> values;
    for (const auto& feature_of_slot : program.input.features) {
        Intervals& input = values.emplace_back();
        for (const std::int32_t feature : feature_of_slot)
            input.push_back(feature >= 0 ? Interval{-reach, reach} : Interval{});
    }
    SlotSizes sizes;
    for (const SlotsStage& stage : program.stages) {
        StageSizes& met = sizes.stages.emplace_back();
        for (const Intervals& input : values) met.input = std::max(met.input, mean(input));
        values = {run_stage(stage, values, met)};
    }
    sizes.stages.back().output += std::abs(program.offset);
    for (const std::size_t slot : program.output_slots)
        sizes.answer = std::max(sizes.answer, values.front()[slot].largest() + std::abs(program.offset));
    return sizes;
}

}  // namespace einfer::inference
