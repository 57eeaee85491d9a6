#include "inference/linear_circuit.h"

#include "base/random.h"
#include "kernels/kernels.h"

#include <algorithm>
#include <cmath>

namespace einfer::inference {
namespace {

std::int64_t scaled(double number, double scale) { return static_cast<std::int64_t>(std::round(number * scale)); }

/// Numbers below the prime to numbers modulo 2^bits, rounded.
class Compaction {
public:
    Compaction(std::uint64_t prime, int bits)
        : mask_((std::uint64_t{1} << bits) - 1),
          ratio_(static_cast<std::uint64_t>((static_cast<kernels::Wide>(1) << (64 + bits)) / prime)) {}

    /// Within 2^-4 of the nearest: the ratio is short by less than one, and numbers are below 2^60.
    [[nodiscard]] std::uint64_t operator()(std::uint64_t number) const {
        const kernels::Wide half = static_cast<kernels::Wide>(1) << 63;
        return static_cast<std::uint64_t>((static_cast<kernels::Wide>(number) * ratio_ + half) >> 64) & mask_;
    }

private:
    std::uint64_t mask_;
    std::uint64_t ratio_;
};

}  // namespace

Result<LinearCircuit> LinearCircuit::create(const Stage& stage, const LinearPlan& plan, const he::Context& context) {
    auto ring = he::CoefficientRing::create(context);
    if (!ring) return ring.error();
    const LinearPacking& packing = plan.packing;
    if (ring->degree() != packing.poly_modulus_degree)
        return Error{ErrorCode::Internal, "the plan is for other encryption parameters"};
    LinearCircuit circuit(plan, *std::move(ring));
    const std::size_t width = packing.features_per_ciphertext;
    std::vector<std::int64_t> coefficients(packing.poly_modulus_degree);
    for (std::size_t result = 0; result < packing.results(); ++result) {
        const std::size_t first = result * packing.outputs_per_result;
        auto& weights = circuit.weights_.emplace_back();
        for (std::size_t input = 0; input < packing.ciphertexts(); ++input) {
            std::ranges::fill(coefficients, 0);
            for (std::size_t output = 0; output < packing.outputs_of(result); ++output)
                for (std::size_t i = 0; i < width && input * width + i < packing.features; ++i)
                    coefficients[output * width + width - 1 - i] =
                        scaled(stage.matrix.at(first + output, input * width + i), plan.weight_scale);
            if (std::ranges::all_of(coefficients, [](std::int64_t number) { return number == 0; })) continue;
            weights.inputs.push_back(input);
            weights.plains.push_back(circuit.ring_.encode(coefficients, plan.weight_scale));
        }
        std::ranges::fill(coefficients, 0);
        for (std::size_t row = 0; row < packing.rows; ++row)
            for (std::size_t output = 0; output < packing.outputs_of(result); ++output)
                coefficients[packing.output_coefficient(row, output)] =
                    scaled(stage.bias[first + output], packing.result_scale);
        circuit.biases_.push_back(circuit.ring_.encode(coefficients, packing.result_scale));
    }
    return circuit;
}

Result<std::vector<he::Ciphertext>> LinearCircuit::run(const he::Evaluator& evaluator,
                                                       std::span<const he::CiphertextView> inputs) const {
    std::vector<he::Ciphertext> results;
    for (std::size_t result = 0; result < weights_.size(); ++result) {
        if (inputs.size() != plan_.packing.ciphertexts()) return Error{ErrorCode::Internal, "the evaluation failed"};
        const auto& [used, plains] = weights_[result];
        std::vector<he::CiphertextView> factors;
        for (const std::size_t input : used) factors.push_back(inputs[input]);
        auto sum = evaluator.multiply_accumulate(factors, plains);
        if (!sum) return sum.error();
        kernels::active().add(ring_.modulus(), ring_.degree(), sum->words.data(), biases_[result].words.data(),
                              sum->words.data());
        results.push_back(*std::move(sum));
    }
    return results;
}

void LinearCircuit::mask(std::vector<he::Ciphertext>& results, std::size_t rows) const {
    const std::uint64_t prime = ring_.modulus().value();
    he::Residues shown(ring_.degree());
    for (std::size_t result = 0; result < results.size(); ++result) {
        std::uint64_t* const first = results[result].words.data();
        ring_.to_coefficients(first, shown.data());
        random_below(prime, {first, ring_.degree()});
        for (std::size_t row = 0; row < rows; ++row)
            for (std::size_t output = 0; output < plan_.packing.outputs_of(result); ++output) {
                const std::size_t at = plan_.packing.output_coefficient(row, output);
                first[at] = shown[at];
            }
        ring_.from_coefficients(first, first);
    }
}

std::vector<wire::CompactResult> LinearCircuit::compact(const std::vector<he::Ciphertext>& results,
                                                        std::size_t rows) const {
    const Compaction compaction(ring_.modulus().value(), plan_.packing.compact_bits);
    std::vector<wire::CompactResult> all;
    he::Residues coefficients(ring_.degree());
    for (std::size_t result = 0; result < results.size(); ++result) {
        const he::CiphertextView view(results[result]);
        wire::CompactResult& compacted = all.emplace_back();
        ring_.to_coefficients(view.polynomial(0), coefficients.data());
        for (std::size_t row = 0; row < rows; ++row)
            for (std::size_t output = 0; output < plan_.packing.outputs_of(result); ++output)
                compacted.values.push_back(compaction(coefficients[plan_.packing.output_coefficient(row, output)]));
        ring_.to_coefficients(view.polynomial(1), coefficients.data());
        compacted.second.resize(ring_.degree());
        std::ranges::transform(coefficients, compacted.second.begin(), compaction);
    }
    return all;
}

}  // namespace einfer::inference
