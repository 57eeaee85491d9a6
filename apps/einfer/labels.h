// What the classes of rows really are, from a file that a person made.
#pragma once

#include <span>
#include <string>
#include <vector>

namespace einfer::cli {

/// One label a line, in CSV with or without a header, or JSON lines of one number. Where the model has names for its
/// classes and all labels are such names, the numbers of the classes; else labels are numbers. InputError for others.
[[nodiscard]] std::vector<double> read_labels(const std::string& file, std::span<const std::string> class_names);

}  // namespace einfer::cli
