// Layout slots: networks.
#include "inference/slots_circuit.h"
#include "server/executable.h"
#include "server/key_needs.h"
#include "wire/ciphertext.h"
#include "wire/encryption_parameters.h"

namespace einfer::server {
namespace {

class SlotsExecutable final : public Executable {
public:
    SlotsExecutable(inference::SlotsModel model, std::vector<double> lower, std::vector<double> upper)
        : model_(std::move(model)), lower_(std::move(lower)), upper_(std::move(upper)) {}

    Result<void> prepare(const he::Context& context) override {
        context_ = context;
        auto circuit = inference::SlotsCircuit::create(model_, context);
        if (!circuit) return circuit.error();
        circuit_ = *std::move(circuit);
        return {};
    }

    [[nodiscard]] std::size_t kept_primes() const override { return plan().input_primes; }

    [[nodiscard]] std::size_t result_bytes(std::size_t, protocol::ResultFormat) const override {
        return wire::serialized_size(2, plan().poly_modulus_degree, plan().result_primes);
    }

    /// Every row that fits is computed.
    [[nodiscard]] std::size_t rows_told(std::size_t) const override { return plan().rows; }

    [[nodiscard]] Result<std::vector<std::uint8_t>> run(const Evaluation& evaluation) const override {
        static const he::EvaluationKeys none;
        const he::EvaluationKeys& keys = evaluation.keys == nullptr ? none : *evaluation.keys;
        const auto result = circuit_->run(evaluation.evaluator, evaluation.inputs, keys.galois,
                                          keys.relinearization ? &*keys.relinearization : nullptr);
        if (!result) return result.error();
        if (result->prime_count != plan().result_primes || result->size != 2)
            return Error{ErrorCode::Internal, "the evaluation did not follow its plan"};
        return seal_bytes(*result, *context_, evaluation.seal_minor);
    }

    [[nodiscard]] Result<std::vector<std::vector<double>>> run_plain(
        std::span<const std::vector<double>> rows) const override {
        std::vector<std::vector<double>> answers;
        for (const std::vector<double>& row : rows)
            answers.push_back(model_.run_in_clear(normalised(row, lower_, upper_)));
        return answers;
    }

private:
    [[nodiscard]] const inference::SlotsPlan& plan() const { return model_.plan(); }

    inference::SlotsModel model_;
    std::vector<double> lower_, upper_;
    std::optional<he::Context> context_;
    std::optional<inference::SlotsCircuit> circuit_;
};

SlotsPacking packing_of(const inference::SlotsPlan& plan, std::size_t features) {
    SlotsPacking packing{
        .poly_modulus_degree = plan.poly_modulus_degree,
        .features = features,
        .outputs = plan.output_slots.size(),
        .rows = plan.rows,
        .feature_of_slot = plan.feature_of_slot,
        .output_slots = {},
        .input_scale = plan.input_scale,
    };
    for (const std::size_t slot : plan.output_slots)
        packing.output_slots.push_back(static_cast<std::uint32_t>(slot / plan.rows));
    // The client fills up with zeros.
    for (auto& slots : packing.feature_of_slot)
        while (slots.size() > 1 && slots.back() < 0) slots.pop_back();
    return packing;
}

}  // namespace

DescribedExecutable make_slots_executable(registry::NetworkModel model) {
    const auto compiled =
        inference::SlotsModel::compile(model.stages, std::get<inference::SlotsSpec>(model.plan)).value();
    const inference::SlotsPlan& plan = compiled.plan();
    const std::size_t degree = plan.poly_modulus_degree, primes = plan.coeff_modulus_bits.size();
    protocol::ModelView view = network_view(model);
    view.packing = packing_of(plan, view.input_dimension);
    view.keys.relinearization = plan.needs_relinearization;
    view.keys.galois_steps = plan.steps;
    if (plan.needs_relinearization) view.keys.relinearization_bytes = wire::seeded_relin_keys_size(degree, primes);
    if (!plan.steps.empty())
        view.keys.galois_bytes =
            wire::seeded_galois_keys_size(degree, primes, galois_elements(degree, plan.steps).size());
    view.error_bound = plan.error_bound;
    view.costs.request_bytes = plan.feature_of_slot.size() * wire::seeded_size(degree, primes - 1);
    view.costs.reply_bytes = wire::serialized_size(2, degree, plan.result_primes);
    if (view.costs.evaluation_ms == 0) view.costs.evaluation_ms = plan.predicted_ms;
    view.costs.memory_bytes = plan.plaintext_bytes;
    return {std::move(view),
            std::make_unique<SlotsExecutable>(compiled, std::move(model.lower), std::move(model.upper))};
}

}  // namespace einfer::server
