// Layout feature_columns: the models of v1.0.
#include "base/sha256.h"
#include "inference/circuit.h"
#include "inference/clear_evaluator.h"
#include "server/executable.h"
#include "wire/ciphertext.h"

#include <boost/json/serialize.hpp>

namespace einfer::server {
namespace {

inference::PolynomialModel planner_view(const registry::Model& model) {
    const protocol::ModelDescription& description = model.description;
    return {
        .poly_modulus_degree = description.encryption.poly_modulus_degree,
        .coeff_modulus_bits = description.encryption.coeff_modulus_bits,
        .scale = description.encryption.scale,
        .max_multiplicative_depth = description.encryption.max_multiplicative_depth,
        .weights = description.weights,
        .bias = description.bias,
        .coefficients = description.coefficients,
        .input_bounds = model.input_bounds,
        .tolerance = model.tolerance,
    };
}

class ColumnsExecutable final : public Executable {
public:
    explicit ColumnsExecutable(inference::Plan plan) : plan_(std::move(plan)) {}

    Result<void> prepare(const he::Context& context) override {
        context_ = context;
        return {};
    }

    [[nodiscard]] std::size_t kept_primes() const override { return plan_.input_primes; }
    [[nodiscard]] std::size_t result_bytes(std::size_t, protocol::ResultFormat) const override {
        return wire::serialized_size(plan_.result_size, context_->poly_modulus_degree(), plan_.result_primes);
    }
    /// A slot is computed whether or not the request says that there is a row in it.
    [[nodiscard]] std::size_t rows_told(std::size_t) const override { return context_->slot_count(); }

    [[nodiscard]] Result<std::vector<std::uint8_t>> run(const Evaluation& evaluation) const override {
        const auto result = inference::run(plan_, evaluation.evaluator, evaluation.inputs);
        if (!result) return result.error();
        if (result->prime_count != plan_.result_primes || result->size != plan_.result_size)
            return Error{ErrorCode::Internal, "the evaluation did not follow its plan"};
        return seal_bytes(*result, *context_, evaluation.seal_minor);
    }

    [[nodiscard]] Result<std::vector<std::vector<double>>> run_plain(
        std::span<const std::vector<double>> rows) const override {
        std::vector<std::vector<double>> columns(plan_.affine.front().weights.size());
        for (const std::vector<double>& row : rows)
            for (std::size_t feature = 0; feature < columns.size(); ++feature) columns[feature].push_back(row[feature]);
        const auto outputs = inference::run(plan_, inference::ClearEvaluator{},
                                            std::span<const inference::ClearEvaluator::Value>(columns));
        if (!outputs) return outputs.error();
        std::vector<std::vector<double>> answers;
        for (const double output : *outputs) answers.push_back({output});
        return answers;
    }

private:
    inference::Plan plan_;
    std::optional<he::Context> context_;
};

}  // namespace

std::optional<protocol::ModelFault> prove_columns(const registry::Model& model) {
    const auto plan = inference::make_plan(planner_view(model));
    if (plan) return std::nullopt;
    protocol::ModelFault fault;
    for (const auto& [key, value] : plan.error().details) (key == "field" ? fault.field : fault.reason) = value;
    return fault;
}

DescribedExecutable make_columns_executable(registry::Model model) {
    const inference::Plan plan = *inference::make_plan(planner_view(model));
    const protocol::ModelDescription& description = model.description;
    const std::size_t degree = description.encryption.poly_modulus_degree;
    protocol::ModelView view;
    view.model_id = description.model_id;
    view.version = description.version;
    view.description = description.description;
    view.poly_modulus_degree = degree;
    view.coeff_modulus_bits = description.encryption.coeff_modulus_bits;
    view.scale = description.encryption.scale;
    view.input_dimension = description.input_dimension;
    view.output_dimension = 1;
    for (const double bound : model.input_bounds) {
        view.lower.push_back(-bound);
        view.upper.push_back(bound);
    }
    view.feature_names = model.feature_names;
    view.class_names = model.class_names;
    view.packing = protocol::FeatureColumns{degree / 2};
    Sha256 digest;
    const std::string text = boost::json::serialize(protocol::to_json(description));
    digest.update({reinterpret_cast<const std::uint8_t*>(text.data()), text.size()});
    view.plan_digest = digest.hex_digest();
    view.error_bound = plan.error_bound;
    view.costs.request_bytes =
        description.input_dimension * wire::seeded_size(degree, view.coeff_modulus_bits.size() - 1);
    view.costs.reply_bytes = wire::serialized_size(plan.result_size, degree, plan.result_primes);
    view.max_batch_size = description.max_batch_size;
    view.v1_0 = std::move(model.description);
    return {std::move(view), std::make_unique<ColumnsExecutable>(plan)};
}

}  // namespace einfer::server
