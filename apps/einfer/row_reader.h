// Rows of numbers from a file that a person made: CSV or JSON lines. Says where and what when it is wrong.
#pragma once

#include "input_error.h"

#include <cstddef>
#include <istream>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace einfer::cli {

enum class RowFormat {
    Csv,       ///< RFC 4180; an optional first row of names; every other field a number
    JsonLines  ///< a line: [1, 2.5] or {"features": [1, 2.5]}; other members are ignored
};

struct RowTable {
    RowFormat format = RowFormat::Csv;
    std::size_t dimension = 0;         ///< numbers in each row
    std::vector<double> values{};      ///< row after row, finite
    std::vector<std::size_t> lines{};  ///< of each row, the line that it begins in
    std::vector<std::string> names{};  ///< a CSV header's, if it has as many as a row has numbers
    std::string note{};                ///< of choose_columns()

    [[nodiscard]] std::size_t rows() const { return dimension == 0 ? 0 : values.size() / dimension; }
};

/// By the name's ending: .csv; .jsonl, .ndjson.
[[nodiscard]] std::optional<RowFormat> format_of_name(std::string_view file_name);

/// Reads to the end. Without a format, JSON lines if the first character that is no white space is [ or {, else CSV.
/// Blank lines are skipped. With the names of a model's features, the columns of a CSV with a header are chosen by
/// them: choose_columns(); what stands in others does not matter. InputError for anything but at least one row, rows of
/// one length, and finite numbers.
[[nodiscard]] RowTable read_rows(std::istream& in, std::optional<RowFormat> format,
                                 std::span<const std::string> features = {});

}  // namespace einfer::cli
