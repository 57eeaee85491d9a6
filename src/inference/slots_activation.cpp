#include "inference/slots_activation.h"

#include <algorithm>
#include <array>

namespace einfer::inference {
namespace {

using he::Ciphertext;
using he::CiphertextView;

Result<Ciphertext> product(const he::Evaluator& evaluator, const Ciphertext& a, const Ciphertext& b,
                           const he::KeySwitchKey& key) {
    const auto large = &a == &b ? evaluator.square(a) : evaluator.multiply(a, b);
    if (!large) return large;
    return evaluator.relinearize(*large, key);
}

Result<Ciphertext> square(const he::Evaluator& evaluator, const SlotsStage& stage, const Ciphertext& z,
                          const he::KeySwitchKey& key) {
    const auto squared = [&]() -> Result<Ciphertext> {
        if (!stage.activation.negative) return product(evaluator, z, z, key);
        const std::array<CiphertextView, 1> input{z};
        const std::array<double, 1> minus{-1};
        const auto opposite = evaluator.weighted_sum(input, minus, 0, 1);
        if (!opposite) return opposite;
        return product(evaluator, z, *opposite, key);
    };
    auto result = squared();
    return result && !stage.last ? evaluator.rescale(*result) : result;
}

/// z^k from two powers that are there, the one at the higher level brought down to the other's.
Result<Ciphertext> power(const he::Evaluator& evaluator, const Ciphertext& a, const Ciphertext& b,
                         const he::KeySwitchKey& key) {
    const std::size_t common = std::min(a.prime_count, b.prime_count);
    const auto at = [common](const Ciphertext& value) {
        CiphertextView view(value);
        view.prime_count = common;
        return view;
    };
    const auto large = &a == &b ? evaluator.square(at(a)) : evaluator.multiply(at(a), at(b));
    if (!large) return large;
    const auto small = evaluator.relinearize(*large, key);
    if (!small) return small;
    return evaluator.rescale(*small);
}

}  // namespace

Result<Ciphertext> activate(const he::Evaluator& evaluator, const SlotsStage& stage, const StageLevels& levels,
                            Ciphertext z, const he::KeySwitchKey& relinearization) {
    if (stage.activation.square) return square(evaluator, stage, z, relinearization);
    const std::vector<double>& coefficients = stage.activation.powers;
    std::vector<Ciphertext> powers;
    powers.push_back(std::move(z));
    for (std::size_t k = 2; k < coefficients.size(); ++k) {
        const std::size_t first = first_factor(k);
        auto next = power(evaluator, powers[first - 1], powers[k - first - 1], relinearization);
        if (!next) return next;
        powers.push_back(*std::move(next));
    }
    // A power of another scale is that power, times a factor, at the highest's scale: the factor goes to its weight.
    const Ciphertext& top = powers.back();
    std::vector<CiphertextView> terms;
    std::vector<double> weights;
    for (std::size_t k = 1; k < coefficients.size(); ++k) {
        CiphertextView& term = terms.emplace_back(powers[k - 1]);
        term.prime_count = top.prime_count;
        term.scale = top.scale;
        weights.push_back(coefficients[k] * top.scale / powers[k - 1].scale);
    }
    auto sum = evaluator.weighted_sum(terms, weights, 0, levels.sum_scale);
    return sum && !stage.last ? evaluator.rescale(*sum) : sum;
}

}  // namespace einfer::inference
