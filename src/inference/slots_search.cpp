#include "inference/slots_search.h"

#include "base/he_standard.h"
#include "he/context.h"
#include "inference/activation_fit.h"
#include "inference/slots_beam.h"
#include "inference/slots_gather.h"
#include "inference/slots_model.h"
#include "inference/slots_noise.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <optional>

namespace einfer::inference {
namespace {

constexpr int least_scale_bits = 18, largest_scale_bits = 50;
constexpr std::size_t tried_chains = 16;

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

/// The coefficients of each stage's activation.
Result<std::vector<std::vector<double>>> polynomials_of(std::span<const Stage> stages) {
    std::vector<std::vector<double>> polynomials(stages.size());
    for (std::size_t i = 0; i < stages.size(); ++i) {
        if (!stages[i].activation) continue;
        if (stages[i].activation->kind != ActivationKind::Polynomial)
            return Error{ErrorCode::Internal, "an activation was not fitted before the search"};
        polynomials[i] = stages[i].activation->coefficients;
        if (polynomials[i].size() > max_fitted_degree + 1)
            return refusal("/stages/" + std::to_string(i),
                           "its activation has a degree above " + std::to_string(max_fitted_degree));
    }
    return polynomials;
}

/// Where stages divide: those with a square after them, and before the last; the last. Others have no choice but when.
struct Mode {
    Rescale middle, last;
};

/// What is found at one ring degree.
struct Found {
    SlotsSpec spec;
    double price = 0;  ///< time, and bytes as the options value them
    bool whole_range = false;

    /// No wrong answers come before cheap ones.
    [[nodiscard]] bool better_than(const Found& other) const {
        return whole_range != other.whole_range ? whole_range : price < other.price;
    }
};

struct Chain {
    std::vector<int> bits;
    double scale = 0;
    double slower = 1;  ///< wide_factor()
    double bound = 0;
};

double price_of(const SlotsPlan& plan, const SlotsOptions& options) {
    const auto mebibytes = [](std::size_t bytes) { return static_cast<double>(bytes) / (1 << 20); };
    return plan.predicted_ms + mebibytes(plan.key_bytes) * options.ms_per_key_mebibyte +
           mebibytes(plan.request_bytes) * options.ms_per_request_mebibyte +
           mebibytes(plan.plaintext_bytes) * options.ms_per_plaintext_mebibyte;
}

class Search {
public:
    Search(std::span<const Stage> stages, std::span<const std::vector<double>> samples, const SlotsOptions& options,
           std::vector<std::vector<double>> polynomials)
        : stages_(stages), samples_(samples), options_(options) {
        base_.polynomials = std::move(polynomials);
        base_.rows = options.rows;
        const std::vector<Stage> polynomial = with_polynomials(stages, base_.polynomials);
        for (const Normaliser& normaliser : normalisers_for(polynomial, samples)) {
            StageSpec& stage = base_.stages.emplace_back();
            stage.divisor = normaliser.before;
            stage.output_divisor = normaliser.after;
        }
        form_ = form_of(stages, base_);
    }

    /// The best at this ring degree, or why there is none.
    [[nodiscard]] Result<Found> at(std::size_t degree) {
        const std::size_t slots = degree / 2 / options_.rows;
        if (slots == 0) return refusal("/rows", "they do not fit one ciphertext");
        for (std::size_t i = 0; i < form_.size(); ++i) {
            const std::size_t values = form_[i].matrix.rows;
            if (values <= slots) continue;
            const std::string what =
                "it has " + std::to_string(values) + " values, for " + std::to_string(slots) + " slots";
            if (const std::size_t fit = std::bit_floor(degree / 2 / values); fit > 0)
                return refusal("/rows", "stage " + std::to_string(i) + " does not fit: " + what + " a row; at most " +
                                            std::to_string(fit) + " rows fit");
            return refusal("/stages/" + std::to_string(i), what);
        }
        for (std::size_t i = 0; i < form_.size(); ++i)
            if (std::ranges::all_of(form_[i].matrix.values, [](double weight) { return weight == 0; }))
                return refusal("/stages/" + std::to_string(i),
                               "all its weights are zero: there is nothing to compute on ciphertexts");
        std::optional<Found> best;
        nearest_ = no_packing();
        closest_ = INFINITY;
        for (const Rescale middle : {Rescale::Never, Rescale::BeforeFolds, Rescale::AfterFolds})
            for (const Rescale last : {Rescale::Never, Rescale::AfterFolds}) {
                if (form_.size() == 1 && middle != Rescale::Never) continue;
                std::optional<Found> found = with_mode(degree, {middle, last});
                if (found && (!best || found->better_than(*best))) best = std::move(found);
            }
        if (best) return *std::move(best);
        if (std::isfinite(closest_))
            return refusal("/tolerance",
                           "no choice within it was found; the closest has an error bound of " + rounded_up(closest_));
        return nearest_;
    }

private:
    [[nodiscard]] Error no_packing() const {
        return refusal("/stages", "their packing needs more slots than a ciphertext has, or more than " +
                                      std::to_string(options_.max_key_bytes >> 20) + " MiB of evaluation keys");
    }

    [[nodiscard]] std::optional<Found> with_mode(std::size_t degree, Mode mode) {
        SlotsSpec spec = base_;
        spec.poly_modulus_degree = degree;
        std::vector<char> drops;  // in the order in which they are dropped: d a scale's, m a merged one
        std::vector<StagePrimes> primes;
        std::size_t all = 1;
        for (std::size_t i = 0; i < form_.size(); ++i) {
            const bool last = i + 1 == form_.size();
            StageSpec& stage = spec.stages[i];
            stage.rescale = last ? mode.last : mode.middle;
            if (!form_[i].powers.empty() && stage.rescale == Rescale::Never) stage.rescale = Rescale::BeforeFolds;
            SlotsStage shape{{}, {}, {{}, {}, form_[i].powers, form_[i].square, false, 0}, stage.rescale, last};
            const std::size_t levels = shape.levels();
            drops.insert(drops.end(), levels, stage.rescale == Rescale::Never ? 'm' : 'd');
            primes.push_back({all, all + (stage.rescale == Rescale::BeforeFolds ? 1 : 0)});
            all += levels;
        }
        for (StagePrimes& each : primes) each = {all + 1 - each.product, all + 1 - each.folds};  // counted from the top
        const int budget = max_coeff_modulus_bits_128(degree);
        if (budget < static_cast<int>(all + 1) * least_scale_bits) {
            nearest_ = refusal("/stages", "they need " + std::to_string(all + 1) + " primes, more than " +
                                              std::to_string(budget) + " bits hold");
            return std::nullopt;
        }
        const std::vector<StagePacking> packings = best_packings(form_, primes, degree, all + 1, options_);
        if (packings.empty()) {
            nearest_ = no_packing();
            return std::nullopt;
        }
        for (std::size_t i = 0; i < packings.size(); ++i) spec.stages[i].packing = packings[i];
        const auto program =
            make_program(form_, spec.stages, static_cast<std::size_t>(std::countr_zero(degree / 2 / options_.rows)));
        if (!program) {
            nearest_ = program.error();
            return std::nullopt;
        }
        const SlotPeaks peaks = measure(*program, samples_);
        const SlotsNoise noise(*program, peaks, options_.rows);
        // Room for whatever a client may send, if there is any; else for rows that are like the samples.
        SlotSizes sizes = sizes_of_range(*program);
        const bool whole_range = choose_chain(*program, noise, sizes, drops, budget, spec);
        if (!whole_range) {
            nearest_ = refusal("/stages", "they need " + std::to_string(all) +
                                              " levels, and primes for so many are too small for their values");
            if (options_.whole_range) return std::nullopt;
            sizes = sizes_of(peaks, options_.margin);
            if (!choose_chain(*program, noise, sizes, drops, budget, spec)) return std::nullopt;
        }
        const auto model = SlotsModel::compile(stages_, spec);
        if (!model) return std::nullopt;
        spec.value_bound = std::min(sizes.answer, model->plan().room());
        return Found{std::move(spec), price_of(model->plan(), options_), whole_range};
    }

    /// Primes and scales for the program, into `spec`.
    bool choose_chain(const SlotsProgram& program, const SlotsNoise& noise, const SlotSizes& sizes,
                      std::span<const char> drops, int budget, SlotsSpec& spec) {
        const std::vector<double> chosen_later(program.stages.size(), 0.0);
        const std::vector<ConstantSizes> constants = constants_of(program);
        std::vector<StageLevels> levels;
        const auto bound_of = [&](std::span<const double> data, double special, double scale) -> double {
            levels = levels_of(program, data, scale, chosen_later, sizes.stages.back().largest_result());
            if (levels.empty() || !has_room(program, sizes, levels, data) ||
                !constants_fit(program, constants, levels, data))
                return INFINITY;
            return noise.bound(levels, data, special);
        };
        std::vector<Chain> chains;
        for_each_chain(drops, budget, [&](Chain chain) {
            std::vector<double> data;
            for (std::size_t i = 0; i + 1 < chain.bits.size(); ++i) data.push_back(std::ldexp(1.0, chain.bits[i]));
            chain.bound = bound_of(data, std::ldexp(1.0, chain.bits.back()), chain.scale);
            closest_ = std::min(closest_, chain.bound);
            if (chain.bound <= options_.tolerance) chains.push_back(std::move(chain));
        });
        const std::size_t tried = std::min(tried_chains, chains.size());
        std::partial_sort(
            chains.begin(), chains.begin() + static_cast<std::ptrdiff_t>(tried), chains.end(),
            [](const Chain& a, const Chain& b) { return std::pair(a.slower, a.bound) < std::pair(b.slower, b.bound); });
        for (std::size_t i = 0; i < tried; ++i) {
            // The primes that there are, not the powers of two beside them.
            const auto primes = he::coeff_modulus({spec.poly_modulus_degree, chains[i].bits});
            if (!primes) continue;
            const std::vector<double> data(primes->begin(), primes->end() - 1);
            const auto special = static_cast<double>(primes->back());
            double bound = bound_of(data, special, chains[i].scale);
            if (bound > options_.tolerance) continue;
            bound = noise.bound(levels, data, special, noise.encoding_errors(levels));
            closest_ = std::min(closest_, bound);
            if (bound > options_.tolerance) continue;
            spec.coeff_modulus_bits = chains[i].bits;
            spec.scale = chains[i].scale;
            spec.error_bound = bound;
            for (std::size_t stage = 0; stage < levels.size(); ++stage)
                spec.stages[stage].weight_scale = levels[stage].weight_scale;
            return true;
        }
        nearest_ = refusal("/stages", "no primes of " + std::to_string(budget) + " bits together have room for them");
        return false;
    }

    /// Calls visit(chain) for what may be worth trying, its bound aside.
    template <class Visit>
    void for_each_chain(std::span<const char> drops, int budget, Visit visit) const {
        const bool merged = std::ranges::find(drops, 'm') != drops.end();
        for (int scale = least_scale_bits; scale <= largest_scale_bits; ++scale)
            for (int large = merged ? std::max(scale + 12, 30) : 0; large <= (merged ? max_prime_bits : 0);
                 large += 2) {
                std::vector<int> bits{0};
                for (std::size_t i = drops.size(); i-- > 0;)
                    bits.push_back(drops[i] == 'm' ? large : std::max(scale, min_prime_bits));
                const int rest = budget - std::accumulate(bits.begin(), bits.end(), 0);
                const int largest = *std::ranges::max_element(bits);
                for (int base = std::max(scale, 24); base <= max_prime_bits; base += 2)
                    for (const int special :
                         {std::min(rest - base, fast_prime_bits), std::min(rest - base, max_prime_bits)}) {
                        if (special < std::max(largest, base)) continue;
                        Chain chain{bits, std::ldexp(1.0, scale), 1, 0};
                        chain.bits[0] = base;
                        chain.bits.push_back(special);
                        chain.slower = wide_factor(chain.bits);
                        visit(std::move(chain));
                    }
            }
    }

    const std::span<const Stage> stages_;
    const std::span<const std::vector<double>> samples_;
    const SlotsOptions& options_;
    SlotsSpec base_;
    std::vector<FormStep> form_;
    double closest_ = INFINITY;  ///< error bound of what could be computed
    Error nearest_{ErrorCode::Internal, ""};
};

}  // namespace

Result<SlotsSpec> search_slots(std::span<const Stage> stages, std::span<const std::vector<double>> samples,
                               const SlotsOptions& options) {
    if (stages.empty() || samples.empty() || !std::has_single_bit(options.rows))
        return Error{ErrorCode::Internal, "a search needs stages, samples, and a power of two of rows"};
    for (const std::vector<double>& row : samples)
        if (row.size() != stages.front().matrix.columns ||
            !std::ranges::all_of(row, [](double value) { return std::isfinite(value); }))
            return refusal("/samples", "they are not rows of the network's inputs");
    auto polynomials = polynomials_of(stages);
    if (!polynomials) return polynomials.error();
    Search search(stages, samples, options, *std::move(polynomials));
    std::optional<Error> why;
    for (std::size_t degree = 2048; degree <= max_poly_modulus_degree; degree *= 2) {
        auto found = search.at(degree);
        if (found && degree <= options.max_poly_modulus_degree) {
            // A larger ring has room for cheaper packings, which pays now and then.
            if (2 * degree <= std::min(options.max_poly_modulus_degree, max_poly_modulus_degree))
                if (auto larger = search.at(2 * degree);
                    larger && larger->price < found->price && larger->whole_range >= found->whole_range)
                    return std::move(larger->spec);
            return std::move(found->spec);
        }
        if (found) {
            const std::string nearest = "N = " + std::to_string(degree) + " would fit";
            if (!why) return refusal("/max_poly_modulus_degree", nearest);
            const std::string field = why->details.empty() ? "" : why->details[0].second;
            return refusal(field, (why->details.empty() ? why->message : why->details[1].second) + "; " + nearest);
        }
        if (degree <= options.max_poly_modulus_degree || !why) why = found.error();
    }
    return *why;
}

}  // namespace einfer::inference
