#include "inference/slots_circuit.h"

#include "he/encoder.h"
#include "inference/slots_activation.h"
#include "inference/slots_model.h"

#include <algorithm>

namespace einfer::inference {
namespace {

Error failed() { return {ErrorCode::Internal, "the evaluation failed"}; }

/// Every row has the same.
std::vector<double> for_rows(std::span<const double> slots, std::size_t rows) {
    std::vector<double> all;
    all.reserve(slots.size() * rows);
    for (const double value : slots) all.insert(all.end(), rows, value);
    return all;
}

}  // namespace

Result<SlotsCircuit> SlotsCircuit::create(const SlotsModel& model, const he::Context& context) {
    const SlotsModel::Impl& from = model.impl();
    const std::size_t rows = from.plan.rows;
    const auto factor = static_cast<int>(rows);
    if (!std::ranges::equal(context.primes(), from.primes) ||
        context.poly_modulus_degree() != from.plan.poly_modulus_degree)
        return Error{ErrorCode::Internal, "the plan is for other encryption parameters"};
    SlotsCircuit circuit(model);
    for (std::size_t i = 0; i < from.program.stages.size(); ++i) {
        const SlotsStage& stage = from.program.stages[i];
        const StageLevels& level = from.levels[i];
        EncodedStage& made = circuit.stages_.emplace_back();
        for (const auto& of_input : stage.matrix.diagonals) {
            he::Diagonals diagonals;
            for (const auto& [step, diagonal] : of_input) diagonals.emplace(step * factor, for_rows(diagonal, rows));
            auto encoded = he::encode(context, diagonals, level.product_primes, level.weight_scale,
                                      stage.matrix.baby_count * factor);
            if (!encoded) return encoded.error();
            made.matrices.push_back(*std::move(encoded));
        }
        made.folds = stage.matrix.folds;
        for (std::vector<int>& steps : made.folds)
            for (int& step : steps) step *= factor;
        if (std::ranges::any_of(stage.bias, [](double value) { return value != 0; })) {
            auto bias = he::encode(context, for_rows(stage.bias, rows), level.linear_primes, level.linear_scale);
            if (!bias) return bias.error();
            made.bias = *std::move(bias);
        }
    }
    return circuit;
}

Result<he::Ciphertext> SlotsCircuit::run(const he::Evaluator& evaluator, std::span<const he::CiphertextView> inputs,
                                         const he::GaloisKeys& keys, const he::KeySwitchKey* relinearization) const {
    const SlotsModel::Impl& model = model_.impl();
    if (inputs.size() != plan().feature_of_slot.size() || (relinearization == nullptr && plan().needs_relinearization))
        return failed();
    he::Ciphertext value;
    for (std::size_t i = 0; i < stages_.size(); ++i) {
        const EncodedStage& stage = stages_[i];
        const SlotsStage& program = model.program.stages[i];
        const he::CiphertextView own(value);
        auto sum = evaluator.apply(stage.matrices[0], i == 0 ? inputs[0] : own, keys);
        for (std::size_t t = 1; sum && t < stage.matrices.size(); ++t) {
            const auto term = evaluator.apply(stage.matrices[t], inputs[t], keys);
            sum = term ? evaluator.add(*sum, *term) : term;
        }
        if (sum && program.rescale == Rescale::BeforeFolds) sum = evaluator.rescale(*sum);
        for (std::size_t fold = 0; sum && fold < stage.folds.size(); ++fold)
            sum = evaluator.add_rotations(*sum, stage.folds[fold], keys);
        if (sum && program.rescale == Rescale::AfterFolds) sum = evaluator.rescale(*sum);
        if (sum && stage.bias) sum = evaluator.add_plain(*sum, *stage.bias);
        if (sum && !program.activation.is_linear())
            sum = activate(evaluator, program, model.levels[i], *std::move(sum), *relinearization);
        if (!sum) return sum;
        value = *std::move(sum);
    }
    if (model.program.offset == 0) return value;
    return evaluator.add_constant(value, model.program.offset);
}

}  // namespace einfer::inference
