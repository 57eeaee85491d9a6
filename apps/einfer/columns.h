// Which columns of a CSV file are a model's features.
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <vector>

namespace einfer::cli {

struct Columns {
    std::vector<std::size_t> places{};  ///< of each feature, in the model's order, its column
    std::string note{};                 ///< for whoever gave the file: what is not taken as it stands; or empty
};

/// By name; blanks around a name do not count, capitals do. Columns that are no features are left out: a label, an
/// index. InputError when a feature has no column, or two. `features` has names that differ.
[[nodiscard]] Columns choose_columns(std::span<const std::string> header, std::span<const std::string> features);

/// Whether these names can tell columns apart.
[[nodiscard]] bool are_distinct(std::span<const std::string> names);

}  // namespace einfer::cli
