#include "commands.h"
#include "einfer/client.h"
#include "exit_codes.h"
#include "output.h"
#include "row_reader.h"

#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <iostream>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace einfer::cli {
namespace {

namespace json = boost::json;

std::pair<std::string, std::string> split_model(const std::string& text) {
    const std::size_t at = text.find('@');
    if (at == std::string::npos) return {text, ""};
    if (at == 0 || at + 1 == text.size()) throw InputError("--model is ID or ID@VERSION, e.g. logistic_v1@1.0.0");
    return {text.substr(0, at), text.substr(at + 1)};
}

std::string input_name(const InferCommand& command) { return command.input == "-" ? "standard input" : command.input; }

/// An error that names a row by its index, for somebody who sees lines.
InputError at_its_line(const Error& error, const InferCommand& command, const RowTable& table) {
    const std::size_t row = error.row().value();
    std::string what = error.what();
    if (const std::string begin = "row " + std::to_string(row) + ' '; what.starts_with(begin))
        what.erase(0, begin.size());
    return InputError(input_name(command) + ": line " + std::to_string(table.lines.at(row)) + ' ' + what);
}

/// What --format says, else what the name's ending does.
std::optional<RowFormat> format_of(const InferCommand& command, const std::string& file_name) {
    if (command.format.empty()) return format_of_name(file_name);
    return command.format == "csv" ? RowFormat::Csv : RowFormat::JsonLines;
}

RowTable read_input(const InferCommand& command, std::span<const std::string> features) try {
    const std::optional<RowFormat> format = format_of(command, command.input);
    if (command.input == "-") return read_rows(std::cin, format, features);
    std::ifstream file(command.input, std::ios::binary);
    if (!file) throw InputError(std::string("cannot be opened: ") + std::strerror(errno));
    return read_rows(file, format, features);
} catch (const InputError& error) {
    throw InputError(input_name(command) + ": " + error.what());
}

std::string stats_text(const Predictions& predictions) {
    const Timings& timings = predictions.timings;
    return json::serialize(json::object{
               {"rows", predictions.values.size() / predictions.outputs},
               {"batches", predictions.batches},
               {"seconds", json::object{{"keys", timings.keys},
                                        {"encrypt", timings.encrypt},
                                        {"round_trip", timings.round_trip},
                                        {"decrypt", timings.decrypt}}},
               {"bytes", json::object{{"sent", predictions.bytes_sent}, {"received", predictions.bytes_received}}},
               {"error_bound", predictions.error_bound},
           }) +
           '\n';
}

/// The secret key is gone after the run, and so the evaluation keys have no use.
class KeysOfThisRun {
public:
    explicit KeysOfThisRun(Client& client) : client_(client) {}
    KeysOfThisRun(const KeysOfThisRun&) = delete;
    KeysOfThisRun& operator=(const KeysOfThisRun&) = delete;
    ~KeysOfThisRun() {
        try {
            client_.forget_evaluation_keys();
        } catch (const std::exception&) {
            // They expire; the answers are what counts.
        }
    }

private:
    Client& client_;
};

}  // namespace

int run(const InferCommand& command) {
    const auto [id, version] = split_model(command.model);
    Client client(command.client);
    std::vector<std::string> features;
    if (!command.ignore_header) features = client.model(id, version).feature_names;
    const RowTable table = read_input(command, features);
    say(table.note, input_name(command));
    // Made now: that a file cannot be written should not be found after the work.
    OutputFile output(command.output);
    std::optional<OutputFile> stats;
    if (!command.stats.empty()) stats.emplace(command.stats);

    const Predictions predictions = [&, &id = id, &version = version] {
        const KeysOfThisRun keys(client);
        ProgressBar bar(command.progress);
        try {
            return client.infer(id, version, table.values, table.dimension,
                                [&](std::size_t done, std::size_t total) { bar.show(done, total); });
        } catch (const Error& error) {
            if (!error.row()) throw;
            throw at_its_line(error, command, table);
        }
    }();
    output.commit(predictions_text(predictions, format_of(command, command.output).value_or(table.format)));
    if (stats) stats->commit(stats_text(predictions));
    return exit_ok;
}

}  // namespace einfer::cli
