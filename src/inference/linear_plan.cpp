#include "inference/linear_plan.h"

#include "base/he_standard.h"
#include "he/context.h"
#include "inference/noise.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <limits>
#include <map>
#include <optional>
#include <tuple>
#include <utility>

namespace einfer::inference {
namespace {

constexpr int min_scale_bits = 4;
constexpr int max_scale_bits = 50;  // scaled numbers still fit a double exactly enough
constexpr int headroom_bits = 2;    // the sign, and a bit for noise

Error refusal(std::string field, std::string reason) {
    std::string message = field + ": " + reason;
    return {
        ErrorCode::SchemaViolation, std::move(message), {{"field", std::move(field)}, {"reason", std::move(reason)}}};
}

/// Three digits that are never below `bound`.
std::string rounded_up(double bound) {
    char text[32];
    std::snprintf(text, sizeof text, "%.2e", bound * 1.01);
    return text;
}

/// What the errors of one output depend on. Weights are those that are computed with: rounded.
struct Output {
    double sum = 0;       ///< Σ |weight|
    double norm = 0;      ///< √Σ weight²
    double rounding = 0;  ///< Σ |weight − exact weight|
    double bias = 0;
};

/// The outputs at a scale of the weights, each scale once: models have millions of weights, and a search asks often.
class RoundedOutputs {
public:
    explicit RoundedOutputs(const Stage& stage) : stage_(stage) {
        for (std::size_t j = 0; j < stage.matrix.rows; ++j) {
            double sum = std::abs(stage.bias[j]);
            for (const double weight : stage.matrix.row(j)) sum += std::abs(weight);
            largest_ = std::max(largest_, sum);
        }
    }

    /// The largest answer, weights exact.
    [[nodiscard]] double largest() const { return largest_; }

    [[nodiscard]] const std::vector<Output>& at(double weight_scale) {
        std::vector<Output>& outputs = known_[weight_scale];
        if (!outputs.empty()) return outputs;
        for (std::size_t j = 0; j < stage_.matrix.rows; ++j) {
            Output output{0, 0, 0, std::abs(stage_.bias[j])};
            for (const double exact : stage_.matrix.row(j)) {
                const double weight = std::round(exact * weight_scale) / weight_scale;
                output.sum += std::abs(weight);
                output.norm += weight * weight;
                output.rounding += std::abs(weight - exact);
            }
            output.norm = std::sqrt(output.norm);
            outputs.push_back(output);
        }
        return outputs;
    }

private:
    const Stage& stage_;
    double largest_ = 0;
    std::map<double, std::vector<Output>> known_;
};

/// Noise of answers at one degree and prime.
class Errors {
public:
    Errors(RoundedOutputs& outputs, std::size_t degree, double prime)
        : outputs_(outputs), degree_(static_cast<double>(degree)), prime_(prime), largest_(outputs.largest()) {}

    [[nodiscard]] double value_bound() const { return largest_; }
    [[nodiscard]] double prime() const { return prime_; }

    [[nodiscard]] bool fits(double input_scale, double weight_scale) const {
        return std::log2(std::max(largest_, 1 / weight_scale)) + std::log2(input_scale) + std::log2(weight_scale) +
                   headroom_bits <=
               std::log2(prime_);
    }

    /// Of the answers before they are made compact: the noise of encryption through the weights, the rounding of
    /// inputs, weights and bias.
    [[nodiscard]] double before_reply(double input_scale, double weight_scale) const {
        double worst = 0;
        for (const Output& output : outputs_.at(weight_scale))
            worst =
                std::max(worst, deviations_of_a_number * encryption_sigma * output.norm / input_scale +
                                    output.sum / (2 * input_scale) + output.rounding +
                                    (output.sum + output.bias) * double_rounding + 0.5 / (input_scale * weight_scale));
        return worst;
    }

    /// What replacing the prime by 2^bits adds: a rounding error in one coefficient of the first polynomial, and
    /// through the secret key in all of the second.
    [[nodiscard]] double of_reply(double result_scale, int bits) const {
        const double rounding = 0.5 + deviations_of_a_number * std::sqrt(degree_ * 2 / 3 / 12);
        return rounding * prime_ / std::ldexp(result_scale, bits);
    }

    /// The most bits of a compact answer: a client decrypts it modulo the prime, where the product of its second
    /// polynomial and a ternary key must not wrap around.
    [[nodiscard]] int most_reply_bits() const { return static_cast<int>(std::log2(prime_) - std::log2(degree_) - 2); }

    /// The fewest bits with which the error stays within `tolerance`, and where that can be the unit that answers are
    /// shown in. `packing` has the degree and result_scale.
    [[nodiscard]] std::optional<int> reply_bits(double error, LinearPacking packing, double tolerance) const {
        const int most = most_reply_bits();
        std::optional<int> coarse;
        for (int bits = 1; bits <= most; ++bits) {
            if (error + of_reply(packing.result_scale, bits) > tolerance) continue;
            packing.compact_bits = bits;
            if (packing.shown_unit(prime_) <= tolerance) return bits;
            coarse = coarse.value_or(bits);
        }
        return coarse;
    }

private:
    RoundedOutputs& outputs_;
    double degree_, prime_, largest_;
};

Result<double> prime_of(std::size_t degree, int bits) {
    const auto primes = he::coeff_modulus({degree, {bits}});
    if (!primes) return refusal("/encryption_parameters/coeff_modulus_bits", primes.error().message);
    return static_cast<double>(primes->front());
}

/// Scales and reply bits for the given sizes; nothing when the tolerance cannot be met. `closest` takes the best error
/// seen.
std::optional<LinearPlan> with_scales(const Errors& errors, const LinearPacking& sizes, double tolerance,
                                      double& closest) {
    std::optional<LinearPlan> best;
    for (int input = min_scale_bits; input <= max_scale_bits; ++input)
        for (int weight = min_scale_bits; weight <= max_scale_bits; ++weight) {
            const double input_scale = std::ldexp(1.0, input), weight_scale = std::ldexp(1.0, weight);
            if (!errors.fits(input_scale, weight_scale)) break;
            const double before = errors.before_reply(input_scale, weight_scale);
            const double result_scale = input_scale * weight_scale;
            closest = std::min(closest, before + errors.of_reply(result_scale, errors.most_reply_bits()));
            LinearPlan plan{sizes, weight_scale, errors.value_bound(), 0};
            plan.packing.input_scale = input_scale;
            plan.packing.result_scale = result_scale;
            const auto bits = errors.reply_bits(before, plan.packing, tolerance);
            if (!bits) continue;
            plan.packing.compact_bits = *bits;
            plan.error_bound = before + errors.of_reply(result_scale, *bits);
            const auto cost = [&](const LinearPlan& p) {
                return std::tuple(p.packing.shown_unit(errors.prime()) > tolerance, p.packing.compact_bits,
                                  p.error_bound);
            };
            if (!best || cost(plan) < cost(*best)) best = plan;
        }
    return best;
}

/// Bytes of a seeded request and a compact reply.
double bytes(const LinearPacking& packing) {
    const auto degree = static_cast<double>(packing.poly_modulus_degree);
    return static_cast<double>(packing.ciphertexts()) * 8 * degree +
           static_cast<double>(packing.results()) * degree * packing.compact_bits / 8;
}

/// Every useful way to lay the features and outputs out in degree N.
std::vector<LinearPacking> packings(std::size_t degree, int prime_bits, std::size_t features, std::size_t outputs) {
    std::vector<LinearPacking> all;
    for (std::size_t results = 1; results <= outputs; ++results) {
        LinearPacking packing{.poly_modulus_degree = degree,
                              .prime_bits = prime_bits,
                              .features = features,
                              .outputs = outputs,
                              .outputs_per_result = (outputs - 1) / results + 1};
        if (packing.outputs_per_result > degree) continue;
        const std::size_t most = degree / packing.outputs_per_result;
        const std::size_t ciphertexts = (features - 1) / most + 1;
        packing.features_per_ciphertext = (features - 1) / ciphertexts + 1;
        packing.rows = degree / (packing.features_per_ciphertext * packing.outputs_per_result);
        all.push_back(packing);
    }
    return all;
}

std::optional<Error> fault_of(const Stage& stage) {
    const bool zero = std::ranges::all_of(stage.matrix.values, [](double weight) { return weight == 0; });
    if (zero) return refusal("/layers", "all weights are zero: there is nothing to compute on ciphertexts");
    if (stage.activation) return refusal("/layers", "the coefficients layout is for linear models");
    return std::nullopt;
}

/// The first output of a result whose weights all round to zero, if there is one: its ciphertext would encrypt nothing.
std::optional<std::size_t> lost_result(const Stage& stage, const LinearPacking& packing, double weight_scale) {
    for (std::size_t result = 0; result < packing.results(); ++result) {
        const std::size_t first = result * packing.outputs_per_result;
        const std::size_t width = stage.matrix.columns;
        const auto weights = std::span(stage.matrix.values).subspan(first * width, packing.outputs_of(result) * width);
        if (std::ranges::all_of(weights, [&](double weight) { return std::round(weight * weight_scale) == 0; }))
            return first;
    }
    return std::nullopt;
}

Error too_exact(double closest) {
    if (std::isinf(closest))
        return refusal("/layers", "the answers are too large for any parameters: scale the model's outputs down");
    return refusal("/tolerance", "no plan is within it; the closest has an error bound of " + rounded_up(closest));
}

}  // namespace

Result<LinearPlan> plan_linear(const Stage& stage, double tolerance) {
    if (const auto fault = fault_of(stage)) return *fault;
    double closest = std::numeric_limits<double>::infinity();
    std::optional<LinearPlan> best;
    std::pair<bool, double> least;  // of the best: whether answers are shown more coarsely than wanted, bytes
    RoundedOutputs outputs(stage);
    for (std::size_t degree = 1024; degree <= max_poly_modulus_degree; degree *= 2) {
        const int bits = std::min(max_coeff_modulus_bits_128(degree), max_prime_bits);
        const auto prime = prime_of(degree, bits);
        if (!prime) return prime.error();
        const Errors errors(outputs, degree, *prime);
        const LinearPacking sizes{.poly_modulus_degree = degree, .prime_bits = bits};
        const auto scaled = with_scales(errors, sizes, tolerance, closest);
        if (!scaled) continue;
        for (LinearPacking packing : packings(degree, bits, stage.matrix.columns, stage.matrix.rows)) {
            packing.input_scale = scaled->packing.input_scale;
            packing.result_scale = scaled->packing.result_scale;
            packing.compact_bits = scaled->packing.compact_bits;
            const std::pair cost(packing.shown_unit(*prime) > tolerance, bytes(packing));
            if (best && cost >= least) continue;
            if (lost_result(stage, packing, scaled->weight_scale)) continue;
            best = scaled;
            best->packing = packing;
            least = cost;
        }
    }
    if (best) return *best;
    if (closest <= tolerance)
        return refusal("/layers", "the weights of some outputs are so small that they round to zero");
    return too_exact(closest);
}

Result<LinearPlan> prove_linear(const Stage& stage, const LinearPacking& packing, double tolerance) {
    if (const auto fault = fault_of(stage)) return *fault;
    const std::size_t block = packing.features_per_ciphertext * packing.outputs_per_result;
    if (packing.features != stage.matrix.columns || packing.outputs != stage.matrix.rows ||
        packing.features_per_ciphertext == 0 || packing.features_per_ciphertext > packing.features ||
        packing.outputs_per_result == 0 || packing.outputs_per_result > packing.outputs ||
        block > packing.poly_modulus_degree || packing.rows == 0 ||
        packing.rows > packing.poly_modulus_degree / std::max<std::size_t>(block, 1))
        return refusal("/packing", "rows, features and outputs do not fit the degree");
    const auto prime = prime_of(packing.poly_modulus_degree, packing.prime_bits);
    if (!prime) return prime.error();
    const double weight_scale = packing.result_scale / packing.input_scale;
    const auto is_scale = [](double scale) {
        return scale >= 1 && scale <= std::ldexp(1.0, max_scale_bits) &&
               std::exp2(std::round(std::log2(scale))) == scale;
    };
    if (!is_scale(packing.input_scale) || !is_scale(weight_scale))
        return refusal("/packing", "a scale is not a power of two from 1 to 2^50");
    RoundedOutputs outputs(stage);
    const Errors errors(outputs, packing.poly_modulus_degree, *prime);
    if (!errors.fits(packing.input_scale, weight_scale))
        return refusal("/packing", "the answers do not fit the prime at this scale");
    if (packing.compact_bits < 1 || packing.compact_bits > errors.most_reply_bits())
        return refusal("/packing", "compact_bits must be from 1 to " + std::to_string(errors.most_reply_bits()));
    if (const auto lost = lost_result(stage, packing, weight_scale))
        return refusal("/layers", "the weights of output " + std::to_string(*lost) +
                                      " and its neighbours round to zero: there is nothing to compute");
    const double error = errors.before_reply(packing.input_scale, weight_scale) +
                         errors.of_reply(packing.result_scale, packing.compact_bits);
    if (error > tolerance) return too_exact(error);
    return LinearPlan{packing, weight_scale, errors.value_bound(), error};
}

}  // namespace einfer::inference
