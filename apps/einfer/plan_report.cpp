#include "plan_report.h"

#include "importing/this_machine.h"

#include <boost/json/array.hpp>

#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <numeric>

namespace einfer::cli {
namespace {

namespace json = boost::json;
using importing::FittedActivation;
using importing::PlannedModel;

std::string line(std::string_view name, const std::string& text) {
    std::string padded(name);
    padded.resize(13, ' ');
    return padded + text + '\n';
}

std::string counted(std::size_t count, const std::string& what) {
    return std::to_string(count) + ' ' + what + (count == 1 ? "" : "s");
}

std::string scale_text(double scale) {
    const double bits = std::log2(scale);
    return bits == std::floor(bits) ? "2^" + short_text(bits) : short_text(scale);
}

std::string encryption_text(const registry::NetworkModel& model) {
    std::string primes;
    for (const int bits : model.coeff_modulus_bits) primes += (primes.empty() ? "" : ", ") + std::to_string(bits);
    return "N = " + std::to_string(model.poly_modulus_degree) + ", primes of " + primes + " bits, scale " +
           scale_text(model.scale);
}

std::string range_text(const PlannedModel& planned) {
    const registry::NetworkModel& model = planned.model;
    const std::string first = short_text(model.lower[0], 6) + " to " + short_text(model.upper[0], 6);
    if (planned.common_range) return first + " for every feature; clients refuse rows outside";
    return "one a feature (" + first + " for the first); clients refuse rows outside";
}

std::string values_text(const PlannedModel& planned) {
    if (planned.whole_range) return "no row within these ranges can overflow";
    return "a row quite unlike the calibration rows can overflow: its answer is then wrong, and nobody is told";
}

std::string packing_text(const inference::LinearPlan& plan) {
    const LinearPacking& packing = plan.packing;
    return counted(packing.rows, "row") + " a request, " + counted(packing.ciphertexts(), "ciphertext") + " in, " +
           std::to_string(packing.results()) + " out, " + std::to_string(packing.compact_bits) +
           " bits a coefficient of compact answers";
}

std::string packing_text(const inference::SlotsPlan& plan) {
    return counted(plan.rows, "row") + " a request (--rows), " + counted(plan.feature_of_slot.size(), "ciphertext") +
           " in; " + counted(plan.coeff_modulus_bits.size() - 1 - plan.result_primes, "level") + ", " +
           counted(plan.rotations, "rotation") + ", " + counted(plan.relinearizations, "relinearization") + ", " +
           counted(plan.plain_products, "plain product");
}

std::string time_text(double evaluation_ms) {
    const importing::ThisMachine machine = importing::this_machine();
    const std::string there =
        "about " + short_text(evaluation_ms, 2) + " ms a request, on one thread of a processor with AVX-512 IFMA";
    if (machine.slowdown == 1) return there + ", as this one has it";
    return there + "; about " + short_text(evaluation_ms * machine.slowdown, 2) + " ms on this one (" +
           std::string(machine.kernels) + ")";
}

std::string fitted_text(const FittedActivation& fitted) {
    return "degree " + std::to_string(fitted.coefficients.size() - 1) + " for " + fitted.stands_for + " (layer " +
           std::to_string(fitted.layer) + ") on [" + short_text(fitted.lower) + ", " + short_text(fitted.upper) +
           "]: off by " + short_text(fitted.rms_error, 2) + " (rms), " + short_text(fitted.max_error, 2) + " at most";
}

json::object to_json(const inference::LinearPlan& plan) {
    const LinearPacking& packing = plan.packing;
    return {{"rows", packing.rows},
            {"ciphertexts", packing.ciphertexts()},
            {"results", packing.results()},
            {"compact_bits", packing.compact_bits},
            {"levels", 0},
            {"rotations", 0},
            {"relinearizations", 0},
            {"plain_products", packing.ciphertexts() * packing.results()}};
}

json::object to_json(const inference::SlotsPlan& plan) {
    return {{"rows", plan.rows},
            {"ciphertexts", plan.feature_of_slot.size()},
            {"results", 1},
            {"levels", plan.coeff_modulus_bits.size() - 1 - plan.result_primes},
            {"rotations", plan.rotations},
            {"rotation_keys", plan.steps.size()},
            {"relinearizations", plan.relinearizations},
            {"plain_products", plan.plain_products}};
}

json::array array_of(const std::vector<double>& values) { return json::array(values.begin(), values.end()); }

}  // namespace

std::string short_text(double value, int digits) {
    std::array<char, 40> text{};
    std::snprintf(text.data(), text.size(), "%.*g", digits, value);
    const double shown = std::strtod(text.data(), nullptr);
    if (std::abs(shown) >= 1 && std::abs(shown) < 1e6)  // 250, not 2.5e+02
        std::snprintf(text.data(), text.size(), "%.7g", shown);
    return text.data();
}

std::string bytes_text(std::size_t bytes) {
    const auto value = static_cast<double>(bytes);
    if (bytes < 1000) return std::to_string(bytes) + " B";
    if (bytes < 1'000'000) return short_text(value / 1e3) + " kB";
    return short_text(value / 1e6, 4) + " MB";
}

std::string plan_text(const PlannedModel& planned) {
    const registry::NetworkModel& model = planned.model;
    const importing::Estimates& estimates = planned.estimates;
    std::string text =
        line("layout", std::string(importing::name(planned.layout())) + ": " +
                           counted(model.network.input.size(), "feature") + ", " +
                           counted(model.stages.back().matrix.rows, "output")) +
        line("inputs", range_text(planned)) + line("values", values_text(planned)) +
        line("encryption", encryption_text(model)) +
        line("packing", std::visit([](const auto& plan) { return packing_text(plan); }, planned.plan)) +
        line("bytes", bytes_text(estimates.request_bytes) + " a request, " + bytes_text(estimates.reply_bytes) +
                          " its answer, " +
                          (estimates.key_bytes == 0 ? std::string("no evaluation keys")
                                                    : bytes_text(estimates.key_bytes) + " of keys, sent once")) +
        line("time", time_text(estimates.evaluation_ms)) +
        line("memory",
             bytes_text(estimates.server_bytes) + " at the server" +
                 (estimates.server_key_bytes == 0 ? ""
                                                  : ", and " + bytes_text(estimates.server_key_bytes) + " a client")) +
        line("error", "of encryption, for rows like the calibration rows: at most " +
                          short_text(planned.error_bound, 2) + " (tolerance " + short_text(model.tolerance) +
                          "; answers are up to " + short_text(planned.calibration.largest_answer) + ")");
    for (const FittedActivation& fitted : planned.fitted) text += line("activation", fitted_text(fitted));
    if (!planned.fitted.empty()) {
        const importing::Agreement& agreement = planned.calibration;
        text += line("agreement",
                     (agreement.agreed
                          ? std::to_string(*agreement.agreed) + " of " + std::to_string(agreement.rows) + " decisions, "
                          : std::string()) +
                         "answers differ by " + short_text(agreement.max_difference, 2) +
                         " at most, on the calibration rows (a higher --degree fits better, and costs more)");
    }
    return text;
}

json::object plan_json(const PlannedModel& planned) {
    const registry::NetworkModel& model = planned.model;
    const importing::Estimates& estimates = planned.estimates;
    const importing::ThisMachine machine = importing::this_machine();
    json::array fitted;
    for (const FittedActivation& each : planned.fitted)
        fitted.push_back(json::object{{"layer", each.layer},
                                      {"stands_for", each.stands_for},
                                      {"coefficients", array_of(each.coefficients)},
                                      {"lower", each.lower},
                                      {"upper", each.upper},
                                      {"rms_error", each.rms_error},
                                      {"max_error", each.max_error}});
    json::object calibration{{"rows", planned.calibration.rows},
                             {"max_difference", planned.calibration.max_difference},
                             {"largest_answer", planned.calibration.largest_answer}};
    if (planned.calibration.agreed) calibration["agreed"] = *planned.calibration.agreed;
    return {{"layout", importing::name(planned.layout())},
            {"input_dimension", model.network.input.size()},
            {"output_dimension", model.stages.back().matrix.rows},
            {"lower", planned.common_range ? json::value(model.lower[0]) : json::value(array_of(model.lower))},
            {"upper", planned.common_range ? json::value(model.upper[0]) : json::value(array_of(model.upper))},
            {"encryption_parameters",
             {{"poly_modulus_degree", model.poly_modulus_degree},
              {"coeff_modulus_bits", json::array(model.coeff_modulus_bits.begin(), model.coeff_modulus_bits.end())},
              {"scale", model.scale}}},
            {"packing", std::visit([](const auto& plan) { return to_json(plan); }, planned.plan)},
            {"max_batch_size", model.max_batch_size},
            {"tolerance", model.tolerance},
            {"error_bound", planned.error_bound},
            {"value_bound", planned.value_bound},
            {"whole_range", planned.whole_range},
            {"fitted_activations", std::move(fitted)},
            {"calibration", std::move(calibration)},
            {"estimates",
             {{"request_bytes", estimates.request_bytes},
              {"reply_bytes", estimates.reply_bytes},
              {"key_bytes", estimates.key_bytes},
              {"evaluation_ms", estimates.evaluation_ms},
              {"kernels", "avx512ifma"},
              {"this_machine",
               {{"kernels", machine.kernels}, {"evaluation_ms", estimates.evaluation_ms * machine.slowdown}}},
              {"server_bytes", estimates.server_bytes},
              {"server_key_bytes", estimates.server_key_bytes}}}};
}

}  // namespace einfer::cli
