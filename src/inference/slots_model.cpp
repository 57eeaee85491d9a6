#include "inference/slots_model.h"

#include "base/he_standard.h"
#include "inference/activation_fit.h"
#include "inference/noise.h"
#include "inference/slots_cost.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <set>

namespace einfer::inference {
namespace {

Error mismatch() { return {ErrorCode::Internal, "the choices are for another network"}; }

/// Rotations as they are, not as a search estimates them: diagonals that are zero are left out.
PackingCost actual_cost(const PackedMatrix& matrix, std::size_t input) {
    PackingCost cost;
    std::set<int> babies, giants;
    for (const auto& [step, diagonal] : matrix.diagonals[input]) {
        babies.insert(step % matrix.baby_count);
        giants.insert(step - step % matrix.baby_count);
    }
    babies.erase(0);
    giants.erase(0);
    cost.diagonals = matrix.diagonals[input].size();
    cost.babies.assign(babies.begin(), babies.end());
    cost.giants.assign(giants.begin(), giants.end());
    return cost;
}

}  // namespace

std::vector<FormStep> form_of(std::span<const Stage> stages, const SlotsSpec& spec) {
    std::vector<Normaliser> normalisers;
    for (const StageSpec& stage : spec.stages) normalisers.push_back({stage.divisor, stage.output_divisor});
    const std::vector<Stage> polynomial = with_polynomials(stages, spec.polynomials);
    if (polynomial.size() != normalisers.size()) return {};
    return to_form(polynomial, normalisers);
}

void add_costs(const SlotsProgram& program, std::span<const StageLevels> levels, SlotsPlan& plan) {
    const std::size_t degree = plan.poly_modulus_degree;
    const SlotsCost costs(degree, plan.coeff_modulus_bits.size());
    for (std::size_t i = 0; i < program.stages.size(); ++i) {
        const SlotsStage& stage = program.stages[i];
        const StageLevels& level = levels[i];
        for (std::size_t t = 0; t < stage.matrix.diagonals.size(); ++t) {
            PackingCost cost = actual_cost(stage.matrix, t);
            if (t == 0) cost.folds = stage.matrix.folds;
            plan.predicted_ms += costs.matrix(cost, 1, level.product_primes, level.fold_primes);
            plan.rotations += cost.babies.size() + cost.giants.size();
            plan.plain_products += cost.diagonals;
            plan.plaintext_bytes += cost.diagonals * (level.product_primes + 1) * degree * 8;
        }
        for (const std::vector<int>& steps : stage.matrix.folds) plan.rotations += steps.size();
        if (stage.rescale != Rescale::Never) plan.predicted_ms += costs.rescale(level.product_primes);
        const std::size_t products = stage.activation.square ? 1 : std::max<std::size_t>(level.powers.size(), 1) - 1;
        plan.relinearizations += products;
        plan.predicted_ms +=
            static_cast<double>(products) * (costs.product(level.linear_primes) + costs.rescale(level.linear_primes));
    }
    plan.predicted_ms *= wide_factor(plan.coeff_modulus_bits);
    plan.needs_relinearization = plan.relinearizations > 0;
    plan.key_bytes =
        (plan.steps.size() + (plan.needs_relinearization ? 1 : 0)) * static_cast<std::size_t>(costs.key_bytes());
    plan.request_bytes = program.input.features.size() * plan.input_primes * degree * 8;
    plan.reply_bytes = 2 * plan.result_primes * degree * 8;
}

Result<SlotsModel> SlotsModel::compile(std::span<const Stage> stages, const SlotsSpec& spec) {
    if (!std::has_single_bit(spec.rows) || !std::has_single_bit(spec.poly_modulus_degree) ||
        spec.poly_modulus_degree > max_poly_modulus_degree || spec.poly_modulus_degree / 4 < spec.rows ||
        spec.coeff_modulus_bits.size() < 2 || stages.empty() || spec.polynomials.size() != stages.size())
        return mismatch();
    for (std::size_t i = 0; i < stages.size(); ++i)
        if (stages[i].activation && (spec.polynomials[i].empty() || spec.polynomials[i].size() > max_fitted_degree + 1))
            return mismatch();
    for (const StageSpec& stage : spec.stages)
        if (!(stage.divisor > 0 && std::isfinite(stage.divisor)) ||
            !(stage.output_divisor > 0 && std::isfinite(stage.output_divisor)))
            return mismatch();
    const std::vector<FormStep> form = form_of(stages, spec);
    if (form.empty()) return mismatch();
    const auto slot_bits = static_cast<std::size_t>(std::countr_zero(spec.poly_modulus_degree / 2 / spec.rows));
    auto program = make_program(form, spec.stages, slot_bits);
    if (!program) return program.error();
    auto primes = he::coeff_modulus({spec.poly_modulus_degree, spec.coeff_modulus_bits});
    if (!primes) return primes.error();

    auto impl = std::make_shared<Impl>();
    impl->primes = *std::move(primes);
    std::vector<double> weight_scales;
    for (const StageSpec& stage : spec.stages) weight_scales.push_back(stage.weight_scale);
    const std::vector<double> data(impl->primes.begin(), impl->primes.end() - 1);
    impl->levels = levels_of(*program, data, spec.scale, weight_scales, 1);
    if (impl->levels.empty()) return mismatch();
    if (!constants_fit(*program, constants_of(*program), impl->levels, data))
        return Error{ErrorCode::Internal, "the network's numbers do not fit the encryption parameters"};
    impl->program = *std::move(program);

    SlotsPlan& plan = impl->plan;
    plan.poly_modulus_degree = spec.poly_modulus_degree;
    plan.coeff_modulus_bits = spec.coeff_modulus_bits;
    plan.rows = spec.rows;
    plan.feature_of_slot = impl->program.input.features;
    plan.input_scale = spec.scale;
    plan.input_primes = data.size();
    for (const std::size_t slot : impl->program.output_slots) plan.output_slots.push_back(slot * spec.rows);
    plan.result_scale = impl->levels.back().output_scale;
    plan.result_primes = impl->levels.back().output_primes;
    for (const int step : impl->program.steps()) plan.steps.push_back(step * static_cast<int>(spec.rows));
    plan.error_bound = spec.error_bound;
    plan.value_bound = spec.value_bound;
    plan.whole_range = has_room(impl->program, sizes_of_range(impl->program), impl->levels, data);
    add_costs(impl->program, impl->levels, plan);
    return SlotsModel(std::move(impl));
}

double SlotsPlan::room() const {
    const auto left = coeff_modulus_bits.begin() + static_cast<std::ptrdiff_t>(result_primes);
    return std::ldexp(1 / result_scale, std::accumulate(coeff_modulus_bits.begin(), left, 0) - 1);
}

const SlotsPlan& SlotsModel::plan() const { return impl_->plan; }

std::vector<double> SlotsModel::run_in_clear(std::span<const double> features) const {
    return inference::run_in_clear(impl_->program, features);
}

std::vector<double> SlotsModel::simulate(std::span<const double> features, std::mt19937_64& random) const {
    std::vector<double> outputs = run_in_clear(features);
    std::normal_distribution<double> noise(0, plan().error_bound / deviations_of_a_number);
    for (double& output : outputs) output += noise(random);
    return outputs;
}

std::vector<std::vector<double>> SlotsModel::arrange(std::span<const std::vector<double>> rows) const {
    std::vector<std::vector<double>> ciphertexts;
    for (const auto& features : plan().feature_of_slot) {
        std::vector<double>& slots = ciphertexts.emplace_back(features.size() * plan().rows);
        for (std::size_t slot = 0; slot < features.size(); ++slot)
            for (std::size_t row = 0; row < rows.size() && features[slot] >= 0; ++row)
                slots[slot * plan().rows + row] = rows[row][static_cast<std::size_t>(features[slot])];
    }
    return ciphertexts;
}

std::vector<double> SlotsModel::answer(std::span<const double> slots, std::size_t row) const {
    std::vector<double> outputs;
    for (const std::size_t slot : plan().output_slots) outputs.push_back(slots[slot + row]);
    return outputs;
}

}  // namespace einfer::inference
