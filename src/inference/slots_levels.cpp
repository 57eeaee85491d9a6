#include "inference/slots_levels.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace einfer::inference {
namespace {

constexpr double least_weight_scale = 0x1p6, largest_weight_scale = 0x1p50;
constexpr double least_size = 1;  // SEAL has no scales above the modulus, whatever is small enough for them
constexpr double largest_last_scale = 0x1p30;  // beyond, weights are no more exact than what they are applied to

/// The activation of one stage, from its argument's level to its output's.
bool activate(const SlotsStage& stage, std::span<const double> primes, double scale, StageLevels& levels) {
    std::size_t at = levels.linear_primes;
    levels.output_primes = at;
    levels.output_scale = levels.linear_scale;
    if (stage.activation.is_linear()) return true;
    if (stage.activation.square) {
        levels.output_scale = levels.linear_scale * levels.linear_scale;
        if (stage.last) return true;
        levels.output_scale = levels.output_scale / primes[at - 1];
        levels.output_primes = at - 1;
        return true;
    }
    levels.powers.push_back({at, levels.linear_scale});
    for (std::size_t k = 2; k < stage.activation.powers.size(); ++k) {
        const PowerLevel &a = levels.powers[first_factor(k) - 1], &b = levels.powers[k - first_factor(k) - 1];
        const std::size_t common = std::min(a.primes, b.primes);
        levels.powers.push_back({common - 1, a.scale * b.scale / primes[common - 1]});
    }
    // The highest power is at the lowest level, where the sum is made.
    const PowerLevel& top = levels.powers.back();
    levels.output_primes = top.primes;
    levels.sum_scale = stage.last ? 0x1p15 : primes[top.primes - 1] * scale / top.scale;
    levels.output_scale = top.scale * levels.sum_scale;
    if (stage.last) return true;
    levels.output_scale = levels.output_scale / primes[top.primes - 1];
    levels.output_primes = top.primes - 1;
    return true;
}

/// Of the first 0, 1, 2, … of the primes.
std::vector<double> modulus_bits(std::span<const double> primes) {
    std::vector<double> bits{0};
    for (const double prime : primes) bits.push_back(bits.back() + std::log2(prime));
    return bits;
}

}  // namespace

std::size_t first_factor(std::size_t k) { return std::bit_floor(k - 1); }

std::vector<StageLevels> levels_of(const SlotsProgram& program, std::span<const double> primes, double scale,
                                   std::span<const double> weight_scales, double last_size) {
    std::size_t needed = 1;
    for (const SlotsStage& stage : program.stages) needed += stage.levels();
    if (primes.size() != needed) return {};
    std::vector<StageLevels> all;
    std::size_t at = primes.size();
    double current = scale;
    for (std::size_t i = 0; i < program.stages.size(); ++i) {
        const SlotsStage& stage = program.stages[i];
        StageLevels levels;
        levels.product_primes = at;
        levels.input_scale = current;
        const double last = primes[at - 1];
        levels.weight_scale = weight_scales[i];
        if (levels.weight_scale == 0 && stage.rescale != Rescale::Never)
            levels.weight_scale = last * scale / current;
        else if (levels.weight_scale == 0 && !stage.last)
            levels.weight_scale = std::sqrt(last * scale) / current;
        else if (levels.weight_scale == 0) {
            double room = 0;
            for (const double prime : primes.first(at)) room += std::log2(prime);
            room -= 2 + std::log2(std::max(last_size, least_size));
            if (stage.activation.square) room /= 2;
            levels.weight_scale = std::min(std::exp2(std::floor(room - std::log2(current))), largest_last_scale);
        }
        if (!(levels.weight_scale >= least_weight_scale && levels.weight_scale <= largest_weight_scale)) return {};
        levels.product_scale = current * levels.weight_scale;
        levels.linear_primes = at;
        levels.linear_scale = levels.product_scale;
        if (stage.rescale != Rescale::Never) {
            levels.linear_scale = levels.product_scale / last;
            levels.linear_primes = at - 1;
        }
        const bool late = stage.rescale == Rescale::AfterFolds;
        levels.fold_primes = late ? at : levels.linear_primes;
        levels.fold_scale = late ? levels.product_scale : levels.linear_scale;
        if (!activate(stage, primes, scale, levels)) return {};
        at = levels.output_primes;
        current = levels.output_scale;
        all.push_back(std::move(levels));
    }
    return all;
}

bool constants_fit(const SlotsProgram& program, std::span<const ConstantSizes> sizes,
                   std::span<const StageLevels> levels, std::span<const double> primes) {
    const std::vector<double> bits = modulus_bits(primes);
    const auto fits = [&](double size, double scale, std::size_t count) {
        constexpr double rounding = 1e-6;  // of the sum of logarithms
        return std::log2(std::max(size, least_size)) + std::log2(scale) + 2 <= std::floor(bits[count] - rounding);
    };
    for (std::size_t i = 0; i < levels.size(); ++i) {
        const StageLevels& level = levels[i];
        const SlotsStage& stage = program.stages[i];
        if (!fits(sizes[i].diagonal, level.weight_scale, level.product_primes) ||
            (sizes[i].bias > 0 && !fits(sizes[i].bias, level.linear_scale, level.linear_primes)))
            return false;
        for (std::size_t k = 1; k <= level.powers.size(); ++k) {
            const PowerLevel& top = level.powers.back();
            const double weight = stage.activation.powers[k] * top.scale / level.powers[k - 1].scale;
            if (!fits(std::abs(weight), level.sum_scale, top.primes)) return false;
        }
    }
    const StageLevels& last = levels.back();
    return program.offset == 0 || fits(std::abs(program.offset), last.output_scale, last.output_primes);
}

bool has_room(const SlotsProgram& program, const SlotSizes& sizes, std::span<const StageLevels> levels,
              std::span<const double> primes) {
    const std::vector<double> bits = modulus_bits(primes);
    const auto fits = [&](double size, double scale, std::size_t count) {
        return std::log2(std::max(size, least_size)) + std::log2(scale) + 1 <= bits[count];
    };
    for (std::size_t i = 0; i < levels.size(); ++i) {
        const StageLevels& level = levels[i];
        const StageSizes& size = sizes.stages[i];
        if (!fits(size.input, level.input_scale, level.product_primes) ||
            !fits(size.linear, level.product_scale, level.product_primes) ||
            !fits(size.linear, level.linear_scale, level.linear_primes))
            return false;
        if (program.stages[i].activation.square &&
            (!fits(size.output, level.linear_scale * level.linear_scale, level.linear_primes) ||
             !fits(size.output, level.output_scale, level.output_primes)))
            return false;
        for (const PowerLevel& power : level.powers)
            if (!fits(size.output, power.scale, power.primes)) return false;
        if (!level.powers.empty() && !fits(size.output, level.output_scale, level.output_primes)) return false;
    }
    return true;
}

}  // namespace einfer::inference
