#include "inference/plan.h"

#include "he/context.h"
#include "inference/noise.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <optional>

namespace einfer::inference {
namespace {

constexpr int min_weight_scale_bits = 8;
constexpr int max_weight_scale_bits = 50;  // a scaled weight still fits a double exactly enough

/// Largest slot error of a fresh ciphertext in units of 1/scale: encoding, then the worse of public-key encryption
/// (after SEAL's division by the special prime) and symmetric encryption.
double fresh_noise(double degree) {
    const double encoding = std::sqrt(degree / 12);
    const double symmetric = encryption_sigma * std::sqrt(degree);
    return deviations_of_a_slot * (encoding + std::max(symmetric, std::sqrt(rounding_variance(degree))));
}

/// Range of an affine form over the input bounds, and its gain on input errors.
struct Reach {
    double value = 0;  ///< max |form(x)|
    double gain = 0;   ///< Σ |weights|
};

Reach reach(const AffineForm& form, const std::vector<double>& input_bounds) {
    Reach reached{std::abs(form.constant), 0};
    for (std::size_t i = 0; i < form.weights.size(); ++i) {
        reached.value += std::abs(form.weights[i]) * input_bounds[i];
        reached.gain += std::abs(form.weights[i]);
    }
    return reached;
}

/// |value| at `scale` fits a modulus of `modulus_bits`: below half of it, with a bit to spare for noise and for values
/// a little beyond the bounds.
bool fits(double value, double scale, double modulus_bits) {
    return std::log2(std::max(value, 1.0)) + std::log2(scale) + 2 <= modulus_bits;
}

class Planner {
public:
    Planner(const PolynomialModel& model, const std::vector<std::uint64_t>& primes)
        : model_(model),
          primes_(primes),
          degree_(static_cast<double>(model.poly_modulus_degree)),
          input_bound_sum_(std::accumulate(model.input_bounds.begin(), model.input_bounds.end(), 0.0)) {
        const auto [c0, c1, c2] = model.coefficients;
        if (model.quadratic()) {
            base_.affine = {scaled_form(c2, c2 * model.bias + c1), scaled_form(1, model.bias)};
            base_.constant = c0;
            base_.result_size = 3;
        } else {
            base_.affine = {scaled_form(c1, c1 * model.bias + c0)};
        }
        modulus_bits_.push_back(0);
        for (const std::uint64_t prime : primes)
            modulus_bits_.push_back(modulus_bits_.back() + std::log2(static_cast<double>(prime)));
        for (const AffineForm& form : base_.affine) reaches_.push_back(reach(form, model.input_bounds));
        base_.value_bound =
            base_.quadratic() ? reaches_[0].value * reaches_[1].value + std::abs(base_.constant) : reaches_[0].value;
    }

    /// The smallest answer within tolerance; among equals the most exact.
    [[nodiscard]] std::optional<Plan> best() {
        std::optional<Plan> found;
        const std::size_t data_primes = primes_.size() - 1;
        for (std::size_t primes = 1; primes <= data_primes; ++primes)
            for (const bool rescale : {false, true})
                for (int bits = min_weight_scale_bits; bits <= max_weight_scale_bits; ++bits) {
                    const std::optional<Plan> plan = candidate(primes, rescale, bits);
                    if (!plan) continue;
                    closest_ = std::min(closest_, plan->error_bound);
                    if (plan->error_bound > model_.tolerance) continue;
                    if (!found || better(*plan, *found)) found = plan;
                }
        return found;
    }

    /// Whether some affine form has no weight left at the largest scale.
    [[nodiscard]] bool vanishing() const {
        return std::any_of(base_.affine.begin(), base_.affine.end(), [](const AffineForm& form) {
            return !any_weight_left(form, std::ldexp(1.0, max_weight_scale_bits));
        });
    }

    /// The error bound of the most exact executable candidate seen by best(); infinite when there was none.
    [[nodiscard]] double closest() const { return closest_; }

private:
    [[nodiscard]] AffineForm scaled_form(double factor, double constant) const {
        AffineForm form{model_.weights, constant};
        for (double& weight : form.weights) weight *= factor;
        return form;
    }

    static bool any_weight_left(const AffineForm& form, double weight_scale) {
        return std::any_of(form.weights.begin(), form.weights.end(),
                           [weight_scale](double weight) { return std::round(weight * weight_scale) != 0; });
    }

    static bool better(const Plan& a, const Plan& b) {
        const auto cost = [](const Plan& plan) { return std::pair(plan.result_primes, plan.input_primes); };
        return cost(a) != cost(b) ? cost(a) < cost(b) : a.error_bound < b.error_bound;
    }

    /// The plan with these choices, or nothing when it does not fit the primes.
    [[nodiscard]] std::optional<Plan> candidate(std::size_t primes, bool rescale, int weight_scale_bits) const {
        if (rescale && (!base_.quadratic() || primes < 2 || model_.max_multiplicative_depth < 1)) return std::nullopt;
        Plan plan = base_;
        plan.input_primes = primes;
        plan.weight_scale = std::ldexp(1.0, weight_scale_bits);
        plan.rescale = rescale;
        plan.result_primes = primes - (rescale ? 1 : 0);
        for (const AffineForm& form : plan.affine)
            if (!any_weight_left(form, plan.weight_scale)) return std::nullopt;

        double scale = model_.scale * plan.weight_scale;
        for (const Reach& reached : reaches_)
            if (!fits(reached.value, scale, modulus_bits_[primes])) return std::nullopt;

        // Inputs' noise through the weights, the weights' own rounding, the constant's rounding.
        const auto affine_error = [&](const Reach& reached) {
            return reached.gain * fresh_noise(degree_) / model_.scale + input_bound_sum_ / (2 * plan.weight_scale) +
                   1 / scale + reached.value * double_rounding;
        };
        if (!plan.quadratic()) {
            plan.result_scale = scale;
            plan.error_bound = affine_error(reaches_[0]);
            return plan;
        }

        double rescale_error = 0;
        if (rescale) {
            scale /= static_cast<double>(primes_[primes - 1]);
            if (scale < 2) return std::nullopt;
            rescale_error = deviations_of_a_slot * std::sqrt(rounding_variance(degree_)) / scale;
            for (const Reach& reached : reaches_)
                if (!fits(reached.value, scale, modulus_bits_[plan.result_primes])) return std::nullopt;
        }
        plan.result_scale = scale * scale;
        if (!fits(plan.value_bound, plan.result_scale, modulus_bits_[plan.result_primes])) return std::nullopt;
        const double a = affine_error(reaches_[0]) + rescale_error;
        const double z = affine_error(reaches_[1]) + rescale_error;
        plan.error_bound = a * reaches_[1].value + z * reaches_[0].value + a * z + 1 / plan.result_scale +
                           plan.value_bound * double_rounding;
        return plan;
    }

    const PolynomialModel& model_;
    const std::vector<std::uint64_t>& primes_;
    std::vector<double> modulus_bits_;  ///< of the first 0, 1, 2, … primes together
    const double degree_;
    const double input_bound_sum_;
    Plan base_;
    std::vector<Reach> reaches_;
    double closest_ = INFINITY;
};

/// Three digits that are never below `bound`, so that an owner can take the text as the new tolerance.
std::string rounded_up(double bound) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2e", bound * 1.01);
    return text;
}

Error refusal(std::string field, std::string reason) {
    std::string message = field + ": " + reason;
    return {
        ErrorCode::SchemaViolation, std::move(message), {{"field", std::move(field)}, {"reason", std::move(reason)}}};
}

}  // namespace

Result<Plan> make_plan(const PolynomialModel& model) {
    if (std::all_of(model.weights.begin(), model.weights.end(), [](double weight) { return weight == 0; }))
        return refusal("/parameters/weights", "all are zero: there is nothing to compute on ciphertexts");
    if (model.coefficients[1] == 0 && model.coefficients[2] == 0)
        return refusal("/activation_parameters/coefficients", "a constant activation: nothing depends on the input");
    const auto primes = he::coeff_modulus({model.poly_modulus_degree, model.coeff_modulus_bits});
    if (!primes) return refusal("/encryption_parameters/coeff_modulus_bits", primes.error().message);
    Planner planner(model, *primes);
    if (std::optional<Plan> plan = planner.best()) return *std::move(plan);
    if (planner.vanishing())
        return refusal("/parameters/weights", "all are so close to zero that they round to it at every scale");
    if (std::isinf(planner.closest()))
        return refusal("/encryption_parameters",
                       "no level has room for the values at this scale: more or larger primes, a smaller scale, or "
                       "smaller input_bounds are needed");
    return refusal("/tolerance", "no executable plan is within it; the closest has an error bound of " +
                                     rounded_up(planner.closest()));
}

}  // namespace einfer::inference
