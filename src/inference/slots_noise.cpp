#include "inference/slots_noise.h"

#include "inference/noise.h"
#include "inference/slots_rounding.h"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <set>

namespace einfer::inference {
namespace {

constexpr double beyond_samples = 1.25;  // values may be that much larger than the samples'

/// A slot's share of the mean of digits, which are not centred: |Σ X^k|² / 4 at its root ζ, that is 1 / |1 − ζ|².
/// Slot i belongs to the root exp(iπ 3^i / N).
std::vector<double> digit_profile(std::size_t degree, std::size_t rows) {
    std::vector<double> profile(degree / 2 / rows);
    std::size_t power = 1;
    for (std::size_t slot = 0; slot < degree / 2; ++slot, power = power * 3 % (2 * degree)) {
        const double angle = std::numbers::pi * static_cast<double>(power) / static_cast<double>(degree);
        double& kept = profile[slot / rows];
        kept = std::max(kept, 1 / (2 - 2 * std::cos(angle)));
    }
    return profile;
}

void add(std::vector<double>& sum, const std::vector<double>& response, double amount) {
    for (std::size_t i = 0; i < sum.size(); ++i) sum[i] += response[i] * amount;
}

}  // namespace

SlotsNoise::SlotsNoise(const SlotsProgram& program, const SlotPeaks& peaks, std::size_t rows)
    : program_(program),
      peaks_(peaks),
      degree_(static_cast<double>(2 * program.slots() * rows)),
      rows_(rows),
      ones_(program.slots(), 1.0),
      profile_(digit_profile(2 * program.slots() * rows, rows)) {
    const std::size_t slots = program.slots();
    for (std::size_t i = 0; i < program.stages.size(); ++i) {
        const SlotsStage& stage = program.stages[i];
        StageResponses made;
        made.input = from_input(i, ones_);
        made.input_profile = from_input(i, profile_);
        made.babies = from_product(i, 0, apply(stage, ones_, true));
        made.babies_profile = from_product(i, 0, apply(stage, profile_, true));
        made.product = from_product(i, 0, ones_);
        made.product_profile = from_product(i, 0, profile_);
        std::vector<double> met(slots);
        for (const auto& diagonals : stage.matrix.diagonals) {
            std::set<int> giants;
            for (const auto& [step, diagonal] : diagonals) {
                giants.insert(step - step % stage.matrix.baby_count);
                for (std::size_t slot = 0; slot < slots; ++slot) {
                    const double x = peaks.stages[i].input[(slot + static_cast<std::size_t>(step)) & (slots - 1)];
                    met[slot] += x * x;
                }
            }
            made.giants += giants.size() - giants.count(0);
        }
        made.weights = from_product(i, 0, met);
        for (std::size_t fold = 0; fold < stage.matrix.folds.size(); ++fold) {
            made.folds.push_back(from_product(i, fold + 1, ones_));
            made.folds_profile.push_back(from_product(i, fold + 1, fold_profile(stage.matrix.folds[fold])));
        }
        made.linear = from_product(i, stage.matrix.folds.size(), ones_);
        responses_.push_back(std::move(made));
    }
    after_ = at_outputs(ones_);
    after_profile_ = at_outputs(profile_);
}

std::vector<double> SlotsNoise::fold_profile(std::span<const int> steps) const {
    if (steps.size() == 1) return profile_;
    // Several rotations are hoisted: the digits, and their mean, are rotated as well; SEAL's evaluator rotates first.
    std::vector<double> worst = profile_;
    for (const int step : steps)
        for (std::size_t slot = 0; slot < worst.size(); ++slot)
            worst[slot] = std::max(worst[slot], profile_[(slot + static_cast<std::size_t>(step)) & (worst.size() - 1)]);
    return worst;
}

std::vector<double> SlotsNoise::apply(const SlotsStage& stage, std::span<const double> variance,
                                      bool only_rotated) const {
    const std::size_t slots = program_.slots();
    std::vector<double> sum(slots);
    for (const auto& diagonals : stage.matrix.diagonals)
        for (const auto& [step, diagonal] : diagonals) {
            const auto baby = static_cast<std::size_t>(step % stage.matrix.baby_count);
            if (only_rotated && baby == 0) continue;
            for (std::size_t slot = 0; slot < slots; ++slot) {
                // Hoisted rotations leave their noise where the input had it, others where the result has it.
                double noise = variance[(slot + static_cast<std::size_t>(step)) & (slots - 1)];
                if (only_rotated)
                    noise = std::max(noise, variance[(slot + static_cast<std::size_t>(step) - baby) & (slots - 1)]);
                sum[slot] += diagonal[slot] * diagonal[slot] * noise;
            }
        }
    return sum;
}

SlotsNoise::Response SlotsNoise::from_product(std::size_t index, std::size_t first_fold,
                                              std::vector<double> variance) const {
    const std::size_t slots = program_.slots();
    const SlotsStage& stage = program_.stages[index];
    for (std::size_t fold = first_fold; fold < stage.matrix.folds.size(); ++fold) {
        const std::vector<double> before = variance;
        for (const int step : stage.matrix.folds[fold])
            for (std::size_t slot = 0; slot < slots; ++slot)
                variance[slot] += before[(slot + static_cast<std::size_t>(step)) & (slots - 1)];
    }
    for (std::size_t slot = 0; slot < slots; ++slot) {
        const double slope = stage.activation.slope(peaks_.stages[index].linear[slot] * beyond_samples);
        variance[slot] *= slope * slope;
    }
    return from_output(index, variance);
}

SlotsNoise::Response SlotsNoise::from_output(std::size_t stage, std::span<const double> variance) const {
    return stage + 1 == program_.stages.size() ? at_outputs(variance) : from_input(stage + 1, variance);
}

SlotsNoise::Response SlotsNoise::from_input(std::size_t stage, std::span<const double> variance) const {
    return from_product(stage, 0, apply(program_.stages[stage], variance, false));
}

SlotsNoise::Response SlotsNoise::at_outputs(std::span<const double> variance) const {
    Response response;
    for (const std::size_t slot : program_.output_slots) response.push_back(variance[slot]);
    return response;
}

std::vector<SlotsNoise::Response> SlotsNoise::encoding_errors(std::span<const StageLevels> levels) const {
    const std::size_t slots = program_.slots();
    const EncodingError encoding(2 * slots * rows_);
    std::vector<Response> responses;
    for (std::size_t i = 0; i < levels.size(); ++i) {
        std::vector<double> met(slots), all(slots * rows_);
        for (const auto& diagonals : program_.stages[i].matrix.diagonals)
            for (const auto& [step, diagonal] : diagonals) {
                for (std::size_t at = 0; at < all.size(); ++at) all[at] = diagonal[at / rows_];
                const std::vector<double> errors = encoding.squares(all, levels[i].weight_scale);
                for (std::size_t slot = 0; slot < slots; ++slot) {
                    const double x = peaks_.stages[i].input[(slot + static_cast<std::size_t>(step)) & (slots - 1)];
                    const auto own = errors.begin() + static_cast<std::ptrdiff_t>(slot * rows_);
                    met[slot] += *std::max_element(own, own + static_cast<std::ptrdiff_t>(rows_)) * x * x;
                }
            }
        responses.push_back(from_product(i, 0, std::move(met)));
    }
    return responses;
}

double SlotsNoise::bound(std::span<const StageLevels> levels, std::span<const double> primes, double special,
                         std::span<const Response> exact) const {
    const double round = rounding_variance(degree_), encoding = degree_ / 12;
    // A key switch's noise by the sizes of its digits: what is random in them, and their mean.
    const auto digits = [&](std::size_t count) {
        double sum = 0;
        for (const double prime : primes.first(count)) sum += prime / special * prime / special;
        return sum * encryption_sigma * encryption_sigma * degree_;
    };
    std::vector<double> variance(program_.output_slots.size());
    const auto switched = [&](const Response& ones, const Response& profile, double count, std::size_t at,
                              double scale) {
        add(variance, ones, count * (digits(at) * degree_ / 12 + round) / (scale * scale));
        add(variance, profile, count * digits(at) / (scale * scale));
    };
    const double fresh = encoding + std::max(encryption_sigma * encryption_sigma * degree_, round);
    add(variance, responses_[0].input, fresh / (levels[0].input_scale * levels[0].input_scale));
    for (std::size_t i = 0; i < levels.size(); ++i) {
        const StageResponses& from = responses_[i];
        const StageLevels& level = levels[i];
        const SlotsStage& stage = program_.stages[i];
        switched(from.babies, from.babies_profile, 1, level.product_primes, level.input_scale);
        switched(from.product, from.product_profile, static_cast<double>(from.giants), level.product_primes,
                 level.product_scale);
        const auto inputs = static_cast<double>(stage.matrix.diagonals.size());
        add(variance, from.product, inputs * round / (level.product_scale * level.product_scale));
        if (exact.empty())
            add(variance, from.weights, encoding / (level.weight_scale * level.weight_scale));
        else
            add(variance, exact[i], 1);
        if (stage.rescale != Rescale::Never)
            add(variance, stage.rescale == Rescale::BeforeFolds ? from.product : from.linear,
                round / (level.linear_scale * level.linear_scale));
        for (std::size_t fold = 0; fold < from.folds.size(); ++fold)
            switched(from.folds[fold], from.folds_profile[fold], static_cast<double>(stage.matrix.folds[fold].size()),
                     level.fold_primes, level.fold_scale);
        add(variance, from.linear, encoding / (level.linear_scale * level.linear_scale));  // the bias

        const Response& after = stage.last ? after_ : responses_[i + 1].input;
        const Response& after_profile = stage.last ? after_profile_ : responses_[i + 1].input_profile;
        if (stage.activation.square) {
            switched(after, after_profile, 1, level.linear_primes, level.linear_scale * level.linear_scale);
            if (!stage.last) add(variance, after, round / (level.output_scale * level.output_scale));
        } else if (!level.powers.empty()) {
            // Each power has its own rounding and its factors'; arguments are at most about 1.
            std::vector<double> own{0}, own_profile{0};
            for (std::size_t k = 2; k <= level.powers.size(); ++k) {
                const PowerLevel& power = level.powers[k - 1];
                const double q = primes[power.primes], before = power.scale * q;
                const std::size_t a = first_factor(k) - 1, b = k - first_factor(k) - 1;
                own.push_back(2 * (own[a] + own[b]) + round / (power.scale * power.scale) +
                              (digits(power.primes + 1) * degree_ / 12 + round) / (before * before));
                own_profile.push_back(2 * (own_profile[a] + own_profile[b]) +
                                      digits(power.primes + 1) / (before * before));
            }
            // They have noise in common, so that it is their deviations that add up.
            double sum = 0, sum_profile = 0;
            for (std::size_t k = 1; k < stage.activation.powers.size(); ++k) {
                const double c = std::abs(stage.activation.powers[k]);
                sum += c * std::sqrt(own[k - 1]) + 1 / level.sum_scale;
                sum_profile += c * std::sqrt(own_profile[k - 1]);
            }
            add(variance, after, sum * sum);
            add(variance, after_profile, sum_profile * sum_profile);
            if (!stage.last) add(variance, after, round / (level.output_scale * level.output_scale));
        }
    }
    return deviations_of_a_slot * std::sqrt(std::ranges::max(variance)) +
           std::max(peaks_.answer, 1.0) * double_rounding;
}

}  // namespace einfer::inference
