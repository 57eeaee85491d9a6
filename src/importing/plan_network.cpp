#include "importing/plan_network.h"

#include "importing/class_names.h"
#include "importing/refusal.h"
#include "importing/simulation.h"
#include "inference/slots_circuit.h"
#include "inference/slots_search.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdlib>
#include <numeric>

namespace einfer::importing {
namespace {

constexpr double max_tolerance = 1e6;  // that an entry may have

using inference::Stage;
using Rows = std::span<const std::vector<double>>;

std::optional<Error> fault_of(const inference::Network& network, Rows rows, const PlanOptions& options) {
    const std::size_t features = network.input.size();
    if (rows.empty()) return refusal("--calibration", "has no rows");
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (rows[i].size() != features)
            return refusal("--calibration", "row " + std::to_string(i + 1) + " has " + std::to_string(rows[i].size()) +
                                                " numbers, the model takes " + std::to_string(features) +
                                                ": its features only, no label and no index");
    if (options.activation_degree < 1 || options.activation_degree > 8) return refusal("--degree", "is from 1 to 8");
    if (options.tolerance && !(*options.tolerance > 0 && *options.tolerance <= max_tolerance))
        return refusal("--tolerance", "is above 0, and at most 1000000");
    if (options.rows && (!std::has_single_bit(*options.rows) || *options.rows > 16384))
        return refusal("--rows", "is a power of two, at most 16384");
    return std::nullopt;
}

Result<Agreement> compare_on(Rows rows, const inference::Network& network, std::span<const Stage> first,
                             std::span<const Stage> second) {
    Agreement agreement = compare(network, first, second, rows);
    if (!std::isfinite(agreement.largest_answer))
        return refusal("--calibration", "the model's answers to its rows are not finite: are they in its own units?");
    if (!std::isfinite(agreement.max_difference))
        return refusal("--degree", "the polynomials make answers that are not finite");
    return agreement;
}

std::vector<std::vector<double>> normalised(const registry::NetworkModel& model, Rows rows) {
    std::vector<std::vector<double>> moved;
    for (const std::vector<double>& row : rows) moved.push_back(model.normalised(row));
    return moved;
}

bool is_linear(std::span<const Stage> stages) { return stages.size() == 1 && !stages.front().activation; }

/// Of a product in one ring: forward and inverse transforms, and a multiplication a pair. Nanoseconds for a word as
/// bench_kernels has them on AVX-512.
double linear_ms(const LinearPacking& packing) {
    const auto degree = static_cast<double>(packing.poly_modulus_degree);
    const auto inputs = static_cast<double>(packing.ciphertexts()), results = static_cast<double>(packing.results());
    const double transform = degree * std::log2(degree) * 0.25, product = degree * 0.7;
    return 2 * ((inputs + results) * transform + inputs * results * product) * 1e-6;
}

Result<void> plan_coefficients(PlannedModel& planned, std::span<const Stage> stages, double tolerance) {
    if (!is_linear(stages))
        return refusal("--layout", "coefficients is for linear models, and this one has activations: leave it out");
    const auto plan = inference::plan_linear(stages.front(), tolerance);
    if (!plan) return refusal(detail(plan.error(), "field"), detail(plan.error(), "reason"));
    const LinearPacking& packing = plan->packing;
    registry::NetworkModel& model = planned.model;
    model.poly_modulus_degree = packing.poly_modulus_degree;
    model.coeff_modulus_bits = {packing.prime_bits};
    model.scale = packing.input_scale;
    model.max_batch_size = packing.rows;
    model.plan = packing;
    planned.plan = *plan;
    planned.error_bound = plan->error_bound;
    planned.value_bound = plan->value_bound;
    const std::size_t polynomial = packing.poly_modulus_degree * 8;
    const std::size_t coefficients =
        packing.rows * packing.outputs + packing.results() * packing.poly_modulus_degree;  // of both polynomials
    planned.estimates = {.request_bytes = packing.ciphertexts() * polynomial,
                         .reply_bytes = (coefficients * static_cast<std::size_t>(packing.compact_bits) + 7) / 8,
                         .evaluation_ms = linear_ms(packing),
                         .server_bytes = packing.ciphertexts() * packing.results() * polynomial};
    return {};
}

Result<void> plan_slots(PlannedModel& planned, std::span<const Stage> stages, Rows samples, double tolerance,
                        const PlanOptions& options) {
    inference::SlotsOptions search{
        .tolerance = tolerance, .rows = options.rows.value_or(1), .whole_range = options.room != Room::Calibration};
    auto spec = inference::search_slots(stages, samples, search);
    if (!spec && !options.room) {
        search.whole_range = false;
        spec = inference::search_slots(stages, samples, search);
    }
    if (!spec) return refusal(detail(spec.error(), "field"), detail(spec.error(), "reason"));
    const auto compiled = inference::SlotsModel::compile(stages, *spec);
    if (!compiled) return compiled.error();
    const inference::SlotsPlan& plan = compiled->plan();
    registry::NetworkModel& model = planned.model;
    model.poly_modulus_degree = plan.poly_modulus_degree;
    model.coeff_modulus_bits = plan.coeff_modulus_bits;
    model.scale = plan.input_scale;
    model.max_batch_size = plan.rows;
    model.plan = *std::move(spec);
    planned.plan = plan;
    planned.error_bound = plan.error_bound;
    planned.value_bound = plan.value_bound;
    planned.whole_range = plan.whole_range;
    planned.estimates = {.request_bytes = plan.request_bytes,
                         .reply_bytes = plan.reply_bytes,
                         .key_bytes = plan.key_bytes,
                         .evaluation_ms = plan.predicted_ms,
                         .server_bytes = plan.plaintext_bytes,
                         .server_key_bytes = 2 * plan.key_bytes};  // seeds are expanded
    return {};
}

/// The reason of a plan that failed, and what its reader can change.
Error with_advice(const Error& error, Agreement calibration, double tolerance, std::optional<Room> room) {
    std::string field = detail(error, "field"), reason = detail(error, "reason");
    if (field == "/tolerance") {
        reason += " (asked for: " + text_of(tolerance) + "; answers are up to " + text_of(calibration.largest_answer) +
                  "). A larger --tolerance helps";
        if (room == Room::Range) reason += ", or a smaller --range, or --room calibration";
        field = "--tolerance";
    } else if (field == "/rows") {
        field = "--rows";
    } else if (field.starts_with("/stages")) {
        reason += ". A larger --tolerance, a lower --degree of the polynomials or fewer layers help";
        if (room == Room::Range) reason += ", or a smaller --range, or --room calibration";
        field = "/layers";
    }
    return refusal(std::move(field), std::move(reason));
}

}  // namespace

std::string_view name(Layout layout) { return layout == Layout::Coefficients ? "coefficients" : "slots"; }

Layout PlannedModel::layout() const {
    return std::holds_alternative<inference::LinearPlan>(plan) ? Layout::Coefficients : Layout::Slots;
}

double default_tolerance(double largest_answer, Layout layout) {
    const double wanted =
        std::clamp(largest_answer * (layout == Layout::Coefficients ? 1e-4 : 1e-3), 1e-6, max_tolerance);
    return std::strtod(text_of(wanted, 1).c_str(), nullptr);
}

Result<PlannedModel> plan_network(const inference::Network& network, Rows rows, const PlanOptions& options) {
    const auto tell = [&options](std::string_view what) {
        if (options.progress) options.progress(what);
    };
    if (const auto fault = fault_of(network, rows, options)) return *fault;
    PlannedModel planned;
    planned.model.network = network;
    planned.model.calibration_rows = rows.size();
    tell("reading the network");
    const auto original = inference::to_stages(network);
    if (!original) return refusal(detail(original.error(), "field"), detail(original.error(), "reason"));

    const auto named = check_class_names(network.class_names, original->back().matrix.rows);
    if (!named) return named.error();

    tell("fitting activations");
    auto fitted = fit_activations(planned.model.network, *original, rows, options.activation_degree);
    if (!fitted) return fitted.error();
    planned.fitted = *std::move(fitted);
    auto stages = inference::to_stages(planned.model.network);
    if (!stages) return refusal(detail(stages.error(), "field"), detail(stages.error(), "reason"));
    const auto agreement = compare_on(rows, network, *original, *stages);
    if (!agreement) return agreement.error();
    planned.calibration = *agreement;

    auto ranges = choose_ranges(network.input, rows, options.range);
    if (!ranges) return ranges.error();
    planned.model.lower = std::move(ranges->lower);
    planned.model.upper = std::move(ranges->upper);
    planned.common_range = ranges->common;
    inference::normalise_inputs(stages->front(), planned.model.lower, planned.model.upper);

    const Layout layout = options.layout.value_or(is_linear(*stages) ? Layout::Coefficients : Layout::Slots);
    if (layout == Layout::Coefficients && options.rows)
        return refusal("--rows", "is for the layout slots; with coefficients a request holds as many rows as fit");
    const double tolerance = options.tolerance.value_or(default_tolerance(agreement->largest_answer, layout));
    planned.model.tolerance = tolerance;
    tell("choosing a plan");
    const Result<void> made = layout == Layout::Coefficients
                                  ? plan_coefficients(planned, *stages, tolerance)
                                  : plan_slots(planned, *stages, normalised(planned.model, rows), tolerance, options);
    if (!made) return with_advice(made.error(), *agreement, tolerance, options.room);
    planned.model.evaluation_ms = std::strtod(text_of(planned.estimates.evaluation_ms, 2).c_str(), nullptr);
    planned.model.stages = *std::move(stages);
    return planned;
}

}  // namespace einfer::importing
