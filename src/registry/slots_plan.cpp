#include "registry/slots_plan.h"

#include "base/packing.h"
#include "inference/activation_fit.h"
#include "inference/slots_circuit.h"

#include <boost/json/array.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <string>
#include <string_view>
#include <utility>

namespace einfer::registry {
namespace {

namespace json = boost::json;
using inference::Fold;
using inference::Rescale;
using inference::SlotsSpec;
using inference::Stage;
using inference::StagePacking;
using inference::StageSpec;

constexpr std::array folds{std::pair(std::string_view("high"), Fold::High),
                           std::pair(std::string_view("low"), Fold::Low)};
constexpr std::array rescales{std::pair(std::string_view("never"), Rescale::Never),
                              std::pair(std::string_view("before_folds"), Rescale::BeforeFolds),
                              std::pair(std::string_view("after_folds"), Rescale::AfterFolds)};

/// What a search may choose; more than that takes more memory than a model is worth.
constexpr std::size_t max_diagonal_bits = 9;
constexpr std::size_t max_diagonals = std::size_t{1} << max_diagonal_bits;

template <class Table, class Value>
std::string_view name_of(const Table& table, Value value) {
    return std::ranges::find(table, value, &Table::value_type::second)->first;
}

template <class Table>
auto value_of(const Table& table, const json::value& name) {
    return std::ranges::find(table, std::string_view(name.get_string()), &Table::value_type::first)->second;
}

json::object stage_to_json(const StageSpec& stage) {
    const StagePacking& packing = stage.packing;
    return {{"fold", name_of(folds, packing.fold)},
            {"free_bits", packing.free_bits},
            {"diagonal_bits", packing.diagonal_bits},
            {"input_bits", packing.input_bits},
            {"ciphertexts", packing.ciphertexts},
            {"by_support", packing.by_support},
            {"baby_bits", packing.baby_bits},
            {"fold_bits", packing.fold_bits},
            {"rescale", name_of(rescales, stage.rescale)},
            {"weight_scale", stage.weight_scale},
            {"divisor", stage.divisor},
            {"output_divisor", stage.output_divisor}};
}

StageSpec stage_from_json(const json::object& object) {
    const auto integer = [&object](std::string_view key) { return object.at(key).to_number<int>(); };
    const auto number = [&object](std::string_view key) { return object.at(key).to_number<double>(); };
    return {.packing = {.fold = value_of(folds, object.at("fold")),
                        .free_bits = integer("free_bits"),
                        .diagonal_bits = integer("diagonal_bits"),
                        .input_bits = integer("input_bits"),
                        .ciphertexts = integer("ciphertexts"),
                        .by_support = object.at("by_support").get_bool(),
                        .baby_bits = integer("baby_bits"),
                        .fold_bits = integer("fold_bits")},
            .rescale = value_of(rescales, object.at("rescale")),
            .weight_scale = number("weight_scale"),
            .divisor = number("divisor"),
            .output_divisor = number("output_divisor")};
}

/// Of the matrices once activations that are linear are folded into them; nothing when one would be too large.
struct Sizes {
    std::size_t rows = 0, columns = 0;
};
std::optional<std::vector<Sizes>> folded_sizes(std::span<const Stage> stages) {
    std::vector<Sizes> sizes;
    bool open = false;
    for (const Stage& stage : stages) {
        if (open)
            sizes.back().rows = stage.matrix.rows;
        else
            sizes.push_back({stage.matrix.rows, stage.matrix.columns});
        if (sizes.back().rows > inference::NetworkLimits().max_matrix_values / sizes.back().columns)
            return std::nullopt;
        const auto is_beyond_linear = [](std::span<const double> coefficients) {
            return coefficients.size() > 2 &&
                   std::ranges::any_of(coefficients.subspan(2), [](double each) { return each != 0; });
        };
        open = stage.activation && !is_beyond_linear(stage.activation->coefficients);
    }
    return sizes;
}

/// Diagonals of a later stage, as its packing has them.
std::size_t diagonals_of(const StagePacking& packing, std::size_t rows) {
    if (packing.fold == Fold::Low) return std::size_t{1} << packing.diagonal_bits;
    return packing.diagonal_bits == 0 ? rows : std::size_t{1} << (packing.free_bits + packing.diagonal_bits);
}

std::optional<LayerFault> fault_of(const StageSpec& stage) {
    for (const auto& [name, value] :
         {std::pair("weight_scale", stage.weight_scale), std::pair("divisor", stage.divisor),
          std::pair("output_divisor", stage.output_divisor)})
        if (!std::isfinite(value)) return LayerFault{name, "must be finite"};
    return std::nullopt;
}

}  // namespace

json::object write_slots_plan(const SlotsSpec& spec) {
    json::array stages;
    for (const StageSpec& stage : spec.stages) stages.push_back(stage_to_json(stage));
    return {{"rows", spec.rows},
            {"stages", std::move(stages)},
            {"error_bound", spec.error_bound},
            {"value_bound", spec.value_bound}};
}

std::optional<LayerFault> read_slots_plan(const json::object& plan, std::span<const Stage> stages, double tolerance,
                                          SlotsSpec& spec) {
    spec.rows = plan.at("rows").to_number<std::size_t>();
    spec.error_bound = plan.at("error_bound").to_number<double>();
    spec.value_bound = plan.at("value_bound").to_number<double>();
    if (!std::has_single_bit(spec.rows) || spec.rows > spec.poly_modulus_degree / 4)
        return LayerFault{"/plan/rows", "must be a power of two, at most a quarter of poly_modulus_degree"};
    if (!(spec.error_bound <= tolerance)) return LayerFault{"/plan/error_bound", "is above tolerance"};
    if (!std::isfinite(spec.value_bound)) return LayerFault{"/plan/value_bound", "must be finite"};

    for (std::size_t i = 0; i < stages.size(); ++i) {
        if (!stages[i].activation) {
            spec.polynomials.emplace_back();
            continue;
        }
        spec.polynomials.push_back(stages[i].activation->coefficients);
        if (spec.polynomials.back().size() > inference::max_fitted_degree + 1)
            return LayerFault{"/layers", "the layout slots has polynomials of degree " +
                                             std::to_string(inference::max_fitted_degree) + " at most"};
    }
    const auto sizes = folded_sizes(stages);
    if (!sizes) return LayerFault{"/layers", "joined where activations are linear, they make too large a matrix"};
    const json::array& members = plan.at("stages").get_array();
    if (members.size() != sizes->size())
        return LayerFault{"/plan/stages", "needs " + std::to_string(sizes->size()) + " of them for these layers"};
    for (std::size_t i = 0; i < members.size(); ++i) {
        const std::string field = "/plan/stages/" + std::to_string(i);
        const StageSpec& stage = spec.stages.emplace_back(stage_from_json(members[i].get_object()));
        if (const auto fault = fault_of(stage)) return LayerFault{field + '/' + fault->field, fault->reason};
        if (i > 0 && diagonals_of(stage.packing, (*sizes)[i].rows) > max_diagonals)
            return LayerFault{field, "has more than " + std::to_string(max_diagonals) + " diagonals"};
    }

    const auto model = inference::SlotsModel::compile(stages, spec);
    if (!model) return LayerFault{"/plan", "is not of these layers and encryption_parameters"};
    const std::vector<double> answers = model->run_in_clear(std::vector<double>(stages.front().matrix.columns));
    if (!std::ranges::all_of(answers, [](double answer) { return std::isfinite(answer); }))
        return LayerFault{"/plan", "makes numbers that are not finite of these layers"};
    if (spec.value_bound > model->plan().room())
        return LayerFault{"/plan/value_bound", "answers as large do not fit the primes that are left for them"};
    return std::nullopt;
}

}  // namespace einfer::registry
