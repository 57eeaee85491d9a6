// Layout coefficients.
#include "inference/linear_circuit.h"
#include "server/executable.h"
#include "wire/ciphertext.h"

namespace einfer::server {
namespace {

class LinearExecutable final : public Executable {
public:
    LinearExecutable(registry::NetworkModel model, const inference::LinearPlan& plan)
        : model_(std::move(model)), plan_(plan) {}

    Result<void> prepare(const he::Context& context) override {
        context_ = context;
        auto circuit = inference::LinearCircuit::create(model_.stages.front(), plan_, context);
        if (!circuit) return circuit.error();
        circuit_ = *std::move(circuit);
        return {};
    }

    [[nodiscard]] std::size_t kept_primes() const override { return 1; }

    [[nodiscard]] std::size_t result_bytes(std::size_t rows, protocol::ResultFormat format) const override {
        const LinearPacking& packing = plan_.packing;
        if (format == protocol::ResultFormat::Compact) return wire::compact_shape(packing, rows).size();
        return packing.results() * wire::serialized_size(2, packing.poly_modulus_degree, 1);
    }

    [[nodiscard]] std::size_t rows_told(std::size_t rows) const override { return rows; }

    [[nodiscard]] Result<std::vector<std::uint8_t>> run(const Evaluation& evaluation) const override {
        auto results = circuit_->run(evaluation.evaluator, evaluation.inputs);
        if (!results) return results.error();
        if (evaluation.format == protocol::ResultFormat::Compact)
            return wire::write_compact(wire::compact_shape(plan_.packing, evaluation.rows),
                                       circuit_->compact(*results, evaluation.rows));
        circuit_->mask(*results, evaluation.rows);
        std::vector<std::uint8_t> bytes;
        for (const he::Ciphertext& result : *results) {
            const auto one = seal_bytes(result, *context_, evaluation.seal_minor);
            bytes.insert(bytes.end(), one.begin(), one.end());
        }
        return bytes;
    }

    [[nodiscard]] Result<std::vector<std::vector<double>>> run_plain(
        std::span<const std::vector<double>> rows) const override {
        std::vector<std::vector<double>> answers;
        for (const std::vector<double>& row : rows)
            answers.push_back(inference::linear(model_.stages.front(), model_.normalised(row)));
        return answers;
    }

private:
    registry::NetworkModel model_;
    inference::LinearPlan plan_;
    std::optional<he::Context> context_;
    std::optional<inference::LinearCircuit> circuit_;
};

}  // namespace

DescribedExecutable make_linear_executable(registry::NetworkModel model) {
    const LinearPacking packing = std::get<LinearPacking>(model.plan);
    const inference::LinearPlan plan = *inference::prove_linear(model.stages.front(), packing, model.tolerance);
    protocol::ModelView view = network_view(model);
    view.packing = packing;
    view.compact_results = true;
    view.error_bound = plan.error_bound;
    view.costs.request_bytes = packing.ciphertexts() * wire::seeded_size(packing.poly_modulus_degree, 1);
    view.costs.reply_bytes = wire::compact_shape(packing, 1).size();
    view.costs.memory_bytes = 8 * packing.poly_modulus_degree * packing.results() * (packing.ciphertexts() + 1);
    return {std::move(view), std::make_unique<LinearExecutable>(std::move(model), plan)};
}

}  // namespace einfer::server
