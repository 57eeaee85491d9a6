// From the files that a person names to a planned model. Failures are InputErrors that name the file or the option.
#pragma once

#include "base/error.h"
#include "commands.h"
#include "importing/model_file.h"
#include "importing/plan_network.h"
#include "row_reader.h"

#include <span>
#include <string>
#include <vector>

namespace einfer::cli {

/// A file of rows, its columns chosen by the names of `features` if there are any; says so when that makes a
/// difference.
[[nodiscard]] RowTable read_table(const std::string& file, std::span<const std::string> features = {});
[[nodiscard]] std::vector<std::vector<double>> rows_of(const RowTable& table);

struct Planned {
    importing::SourceModel source;
    importing::PlannedModel plan;
    std::vector<std::string> feature_names;  ///< a header's, unless it is ignored
};

/// Reads the model and plans it for rows like those of `calibration`.
[[nodiscard]] Planned plan_model(const PlanningOptions& options, const RowTable& calibration);

/// Names what `error` is about: the option, or the file and the place in it.
[[nodiscard]] InputError explained(const Error& error, const std::string& file);

}  // namespace einfer::cli
