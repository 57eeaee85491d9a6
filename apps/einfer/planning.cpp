#include "planning.h"

#include "field_text.h"
#include "output.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <string_view>

namespace einfer::cli {
namespace {

std::optional<importing::Range> range_of(const std::string& text) {
    if (text.empty()) return std::nullopt;
    const std::size_t colon = text.find(':');
    if (colon != std::string::npos) {
        const auto lower = finite_number(std::string_view(text).substr(0, colon));
        const auto upper = finite_number(std::string_view(text).substr(colon + 1));
        if (lower && upper && *lower < *upper) return importing::Range{*lower, *upper};
    }
    throw InputError("--range is LO:HI, the lower number first, e.g. 0:255");
}

/// `given` in place of the file's own, unless those are the same in another order: that is a slip.
void name_classes(std::vector<std::string>& names, const std::vector<std::string>& given) {
    if (given.empty()) return;
    if (given != names && std::ranges::is_permutation(given, names)) {
        std::string order;
        for (const std::string& name : names) order += (order.empty() ? "" : ",") + name;
        throw InputError("--class-names: the file has these names in another order, " + order +
                         ": leave the option out");
    }
    names = given;
}

/// Ranges, sizes and errors are those of what is met: of few rows, other rows are outside of them.
void say_if_few(const RowTable& calibration, const std::string& file) {
    constexpr std::size_t few = 30;
    if (calibration.rows() < few)
        say("only " + std::to_string(calibration.rows()) + " calibration rows: ranges and errors are those of rows " +
                "like these; some hundred are better",
            file);
}

}  // namespace

RowTable read_table(const std::string& file, std::span<const std::string> features) try {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw InputError(std::string("cannot be opened: ") + std::strerror(errno));
    RowTable table = read_rows(stream, format_of_name(file), features);
    say(table.note, file);
    return table;
} catch (const InputError& error) {
    throw InputError(file + ": " + error.what());
}

std::vector<std::vector<double>> rows_of(const RowTable& table) {
    std::vector<std::vector<double>> rows;
    for (auto row = table.values.begin(); row != table.values.end();) {
        const auto end = row + static_cast<std::ptrdiff_t>(table.dimension);
        rows.emplace_back(row, end);
        row = end;
    }
    return rows;
}

InputError explained(const Error& error, const std::string& file) {
    std::string field, reason = error.message;
    for (const auto& [name, value] : error.details) {
        if (name == "field") field = value;
        if (name == "reason") reason = value;
    }
    if (field.starts_with("--")) return InputError(field + ": " + reason);
    return InputError(file + ": " + (field.empty() ? "" : field + ": ") + reason);
}

Planned plan_model(const PlanningOptions& options, const RowTable& calibration) {
    importing::PlanOptions wanted{.range = range_of(options.range),
                                  .tolerance = options.tolerance,
                                  .layout = std::nullopt,
                                  .rows = options.rows,
                                  .activation_degree = options.degree.value_or(2),
                                  .room = std::nullopt,
                                  .progress = {}};
    if (!options.layout.empty())
        wanted.layout = options.layout == "slots" ? importing::Layout::Slots : importing::Layout::Coefficients;
    if (!options.room.empty())
        wanted.room = options.room == "range" ? importing::Room::Range : importing::Room::Calibration;
    say_if_few(calibration, options.calibration.empty() ? "the data" : options.calibration);
    StatusLine status(options.progress);
    wanted.progress = [&status](std::string_view what) { status.show(what); };
    status.show("reading " + options.model);
    auto source = importing::read_model(options.model);
    if (!source) throw explained(source.error(), options.model);
    name_classes(source->network.class_names, options.class_names);
    auto plan = importing::plan_network(source->network, rows_of(calibration), wanted);
    if (!plan) throw explained(plan.error(), options.model);
    return {*std::move(source), *std::move(plan),
            options.ignore_header ? std::vector<std::string>() : calibration.names};
}

}  // namespace einfer::cli
