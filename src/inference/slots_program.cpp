#include "inference/slots_program.h"

#include "inference/slots_gather.h"

#include <algorithm>
#include <cmath>
#include <set>

namespace einfer::inference {
namespace {

void raise(std::vector<double>& peaks, std::span<const double> values) {
    peaks.resize(values.size());
    for (std::size_t i = 0; i < values.size(); ++i) peaks[i] = std::max(peaks[i], std::abs(values[i]));
}

double largest(std::span<const double> values) {
    double most = 0;
    for (const double value : values) most = std::max(most, std::abs(value));
    return most;
}

/// The output ciphertext's slots; what is met on the way goes to `peaks` unless null.
std::vector<double> run_slots(const SlotsProgram& program, std::span<const double> features, SlotPeaks* peaks) {
    const std::size_t slots = program.slots();
    std::vector<std::vector<double>> inputs;
    for (const auto& feature_of_slot : program.input.features) {
        std::vector<double>& values = inputs.emplace_back(slots);
        for (std::size_t slot = 0; slot < slots; ++slot)
            if (feature_of_slot[slot] >= 0) values[slot] = features[static_cast<std::size_t>(feature_of_slot[slot])];
    }
    for (std::size_t i = 0; i < program.stages.size(); ++i) {
        const SlotsStage& stage = program.stages[i];
        std::vector<double> sum(slots);
        for (std::size_t t = 0; t < inputs.size(); ++t)
            for (const auto& [step, diagonal] : stage.matrix.diagonals[t])
                for (std::size_t slot = 0; slot < slots; ++slot)
                    sum[slot] += diagonal[slot] * inputs[t][(slot + static_cast<std::size_t>(step)) & (slots - 1)];
        double peak = largest(sum);
        for (const std::vector<int>& steps : stage.matrix.folds) {
            const std::vector<double> before = sum;
            for (const int step : steps)
                for (std::size_t slot = 0; slot < slots; ++slot)
                    sum[slot] += before[(slot + static_cast<std::size_t>(step)) & (slots - 1)];
            peak = std::max(peak, largest(sum));
        }
        for (std::size_t slot = 0; slot < slots; ++slot) sum[slot] += stage.bias[slot];
        std::vector<double> output(slots);
        std::ranges::transform(sum, output.begin(), [&](double z) { return stage.activation.activate(z); });
        if (peaks != nullptr) {
            SlotPeaks::Stage& kept = peaks->stages[i];
            for (const std::vector<double>& input : inputs) raise(kept.input, input);
            raise(kept.linear, sum);
            peak = std::max(peak, largest(sum));
            kept.linear_peak = std::max(kept.linear_peak, peak);
            double most = largest(output);
            if (!stage.activation.powers.empty())
                most = std::max({most, peak, std::pow(peak, static_cast<double>(stage.activation.powers.size() - 1))});
            kept.output_peak = std::max(kept.output_peak, most);
        }
        inputs = {std::move(output)};
    }
    return inputs.front();
}

}  // namespace

std::size_t SlotsStage::depth() const {
    if (activation.square) return 1;
    return activation.powers.empty() ? 0 : static_cast<std::size_t>(bits_for(activation.powers.size() - 1));
}

std::size_t SlotsStage::levels() const {
    const std::size_t linear = rescale == Rescale::Never ? 0 : 1;
    if (activation.is_linear()) return linear;
    if (activation.square) return linear + (last ? 0 : 1);
    return linear + depth() + (last ? 0 : 1);  // the weights of the powers' sum
}

std::vector<int> SlotsProgram::steps() const {
    std::set<int> all;
    for (const SlotsStage& stage : stages) {
        const std::vector<int> steps = stage.matrix.steps();
        all.insert(steps.begin(), steps.end());
    }
    return {all.begin(), all.end()};
}

Result<SlotsProgram> make_program(std::span<const FormStep> form, std::span<const StageSpec> stages,
                                  std::size_t slot_bits) {
    if (form.empty() || form.size() != stages.size())
        return Error{ErrorCode::Internal, "the choices are for another network"};
    const Packer packer(slot_bits);
    SlotsProgram program{slot_bits, {}, {}, {}, form.back().offset};
    for (std::size_t i = 0; i < form.size(); ++i) {
        auto packed = i == 0
                          ? packer.pack_first(form[i].matrix, stages[i].packing, program.input)
                          : packer.pack_later(form[i].matrix, stages[i].packing, program.stages.back().matrix.output);
        if (!packed) return packed.error();
        SlotsStage stage{
            *std::move(packed), std::vector<double>(program.slots()), {}, stages[i].rescale, i + 1 == form.size()};
        for (std::size_t slot = 0; slot < program.slots(); ++slot)
            if (const std::int32_t row = stage.matrix.output.content[slot]; row >= 0)
                stage.bias[slot] = form[i].bias[static_cast<std::size_t>(row)];
        stage.activation = {{}, {}, form[i].powers, form[i].square, form[i].negative, form[i].offset};
        program.stages.push_back(std::move(stage));
    }
    program.output_slots.assign(form.back().matrix.rows, 0);
    const std::vector<std::int32_t>& content = program.stages.back().matrix.output.content;
    for (std::size_t slot = content.size(); slot-- > 0;)
        if (content[slot] >= 0) program.output_slots[static_cast<std::size_t>(content[slot])] = slot;
    return program;
}

SlotPeaks measure(const SlotsProgram& program, std::span<const std::vector<double>> rows) {
    SlotPeaks peaks;
    peaks.stages.resize(program.stages.size());
    for (const std::vector<double>& row : rows) {
        const std::vector<double> slots = run_slots(program, row, &peaks);
        for (const std::size_t slot : program.output_slots)
            peaks.answer = std::max(peaks.answer, std::abs(slots[slot] + program.offset));
    }
    return peaks;
}

std::vector<double> run_in_clear(const SlotsProgram& program, std::span<const double> features) {
    const std::vector<double> slots = run_slots(program, features, nullptr);
    std::vector<double> outputs;
    for (const std::size_t slot : program.output_slots) outputs.push_back(slots[slot] + program.offset);
    return outputs;
}

}  // namespace einfer::inference
