// einfer simulate.
#include "commands.h"
#include "exit_codes.h"
#include "importing/entry.h"
#include "importing/simulation.h"
#include "labels.h"
#include "output.h"
#include "plan_report.h"
#include "planning.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <string>
#include <utility>

namespace einfer::cli {
namespace {

namespace json = boost::json;
using importing::Score;
using importing::Simulation;

/// What is simulated, and on what.
struct Subject {
    registry::NetworkModel model;
    std::optional<inference::Network> original;
    RowTable data;
};

Subject subject_of_entry(const SimulateCommand& command) {
    const PlanningOptions& planning = command.planning;
    for (const auto& [option, is_given] :
         {std::pair("--class-names", !planning.class_names.empty()),
          std::pair("--tolerance", planning.tolerance.has_value()), std::pair("--layout", !planning.layout.empty()),
          std::pair("--rows", planning.rows.has_value()), std::pair("--degree", planning.degree.has_value()),
          std::pair("--range", !planning.range.empty()), std::pair("--room", !planning.room.empty()),
          std::pair("--calibration", !planning.calibration.empty())})
        if (is_given) throw InputError(std::string(option) + " is for an ONNX file: an entry has its own");
    auto model = importing::read_entry(planning.model);
    if (!model) throw explained(model.error(), planning.model);
    RowTable data =
        read_table(command.data, planning.ignore_header ? std::vector<std::string>() : model->feature_names);
    Subject subject{*std::move(model), std::nullopt, std::move(data)};
    if (command.original.empty()) return subject;
    auto source = importing::read_model(command.original);
    if (!source) throw explained(source.error(), command.original);
    subject.original = std::move(source->network);
    return subject;
}

/// The plan of an ONNX file; without calibration rows the data are them, and with them their header names the features.
Subject subject_of_file(const SimulateCommand& command) {
    if (!command.original.empty()) throw InputError("--original is for an entry: an ONNX file is its own original");
    const PlanningOptions& planning = command.planning;
    std::optional<RowTable> calibration;
    if (!planning.calibration.empty()) calibration = read_table(planning.calibration);
    const bool is_named = calibration && !planning.ignore_header;
    RowTable data = read_table(command.data, is_named ? calibration->names : std::vector<std::string>());
    Planned planned = plan_model(planning, calibration ? *calibration : data);
    return {std::move(planned.plan.model), std::move(planned.source.network), std::move(data)};
}

Subject subject_of(const SimulateCommand& command) {
    return command.planning.model.ends_with(".json") ? subject_of_entry(command) : subject_of_file(command);
}

std::string score_text(const Score& score) {
    if (score.right) {
        const double percent = 100 * static_cast<double>(*score.right) / static_cast<double>(score.rows);
        return "accuracy " + short_text(percent, 4) + " % (" + std::to_string(*score.right) + " of " +
               std::to_string(score.rows) + ')';
    }
    return "R2 " + short_text(*score.r2, 4);
}

json::object to_json(const Score& score) {
    if (score.right)
        return {{"accuracy", static_cast<double>(*score.right) / static_cast<double>(score.rows)},
                {"right", *score.right},
                {"rows", score.rows}};
    return {{"r2", *score.r2}, {"rows", score.rows}};
}

bool is_scored(const Score& score) { return score.right || score.r2; }

/// Of the rows that are sent; where others are not, of all as well.
std::string score_lines(const std::string& whose, const Score& sent, const Score& all) {
    if (!is_scored(all)) return "";
    if (sent.rows == all.rows) return whose + score_text(sent) + '\n';
    const std::string text = is_scored(sent) ? whose + score_text(sent) + " of the rows inside\n" : "";
    return text + whose + score_text(all) + " of all rows\n";
}

std::string as_text(const Simulation& simulation) {
    std::string text = std::to_string(simulation.rows) + " rows";
    if (simulation.deviation)
        text += ", with noise of " + short_text(*simulation.deviation, 2) + " (standard deviation)";
    text += '\n';
    if (simulation.outside > 0)
        text +=
            std::to_string(simulation.outside) + " of them outside the model's input ranges: clients refuse those\n";
    text += score_lines("", simulation.score, simulation.score_of_all);
    if (simulation.original) text += score_lines("original: ", *simulation.original, *simulation.original_of_all);
    if (const auto& agreement = simulation.agreement) {
        text += "compared with the original: ";
        if (agreement->agreed)
            text +=
                std::to_string(*agreement->agreed) + " of " + std::to_string(agreement->rows) + " decisions agree, ";
        text += "answers differ by " + short_text(agreement->max_difference, 2) + " at most" +
                (simulation.outside > 0 ? ", on the rows inside\n" : "\n");
    }
    if (!is_scored(simulation.score_of_all) && !simulation.agreement)
        text += "give --labels, or the ONNX file with --original, to know how good its answers are\n";
    return text;
}

json::object to_json(const Simulation& simulation) {
    json::object object{{"rows", simulation.rows}, {"outside", simulation.outside}};
    if (simulation.deviation) object["noise"] = *simulation.deviation;
    const auto add = [&object](const char* name, const std::optional<Score>& score) {
        if (score && is_scored(*score)) object[name] = to_json(*score);
    };
    add("score", simulation.score);
    add("original", simulation.original);
    if (simulation.outside > 0) {
        add("score_of_all_rows", simulation.score_of_all);
        add("original_of_all_rows", simulation.original_of_all);
    }
    if (const auto& agreement = simulation.agreement) {
        object["agreement"] = json::object{{"max_difference", agreement->max_difference}, {"rows", agreement->rows}};
        if (agreement->agreed) object["agreement"].as_object()["agreed"] = *agreement->agreed;
    }
    return object;
}

}  // namespace

int run(const SimulateCommand& command) {
    const Subject subject = subject_of(command);
    std::vector<double> labels;
    if (!command.labels.empty()) labels = read_labels(command.labels, subject.model.network.class_names);
    const auto rows = rows_of(subject.data);
    StatusLine status(command.planning.progress);
    status.show("computing " + std::to_string(rows.size()) + " rows");
    importing::SimulationOptions options{
        .labels = labels, .original = subject.original ? &*subject.original : nullptr, .error_bound = std::nullopt};
    if (command.noise) options.error_bound = importing::error_bound_of(subject.model);
    const auto simulation = importing::simulate(subject.model, rows, options);
    if (!simulation) throw explained(simulation.error(), command.planning.model);
    status.show("");
    OutputFile("-").commit(command.planning.json ? json::serialize(to_json(*simulation)) + '\n' : as_text(*simulation));
    return exit_ok;
}

}  // namespace einfer::cli
