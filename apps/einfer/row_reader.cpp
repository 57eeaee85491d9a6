#include "row_reader.h"

#include "columns.h"
#include "field_text.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <csv.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <span>
#include <utility>

namespace einfer::cli {
namespace {

namespace json = boost::json;

std::string at_line(std::size_t line) { return "line " + std::to_string(line); }

/// A number, also one that is not finite or more than a double holds.
bool is_number_like(std::string_view text) {
    text = trimmed(text);
    if (text.size() > 1 && text[0] == '+') text.remove_prefix(1);
    double value = 0;
    const char* const end = text.data() + text.size();
    return std::from_chars(text.data(), end, value).ptr == end && !text.empty();
}

bool has_other_separator(std::string_view field) { return field.find_first_of(";\t") != std::string_view::npos; }

/// Names of features: not a row whose numbers are missing or not finite.
bool is_header(std::span<const std::string> fields) {
    return std::none_of(fields.begin(), fields.end(), is_number_like) &&
           std::any_of(fields.begin(), fields.end(), [](const std::string& field) { return !trimmed(field).empty(); });
}

/// Collects rows, all of one length.
class TableBuilder {
public:
    explicit TableBuilder(RowFormat format) { table_.format = format; }

    void add(std::span<const double> row, std::size_t line) {
        if (row.empty()) throw InputError(at_line(line) + ": a row without numbers");
        if (table_.dimension == 0) {
            table_.dimension = row.size();
            first_line_ = line;
        }
        if (row.size() != table_.dimension)
            throw InputError(at_line(line) + ": " + std::to_string(row.size()) + " numbers, but " +
                             at_line(first_line_) + " has " + std::to_string(table_.dimension));
        table_.lines.push_back(line);
        table_.values.insert(table_.values.end(), row.begin(), row.end());
    }

    void name(std::span<const std::string> names) {
        for (const std::string& each : names) table_.names.emplace_back(trimmed(each));
    }

    void note(std::string text) { table_.note = std::move(text); }

    RowTable finish(std::string_view why_none = "") {
        if (table_.names.size() != table_.dimension) table_.names.clear();
        if (table_.values.empty()) throw InputError("there are no rows in the input" + std::string(why_none));
        return std::move(table_);
    }

private:
    RowTable table_;
    std::size_t first_line_ = 0;
};

/// libcsv's callbacks only note what they see: no exception may pass through its C code.
class CsvRows {
public:
    /// `features`: names of columns to choose by, or none.
    explicit CsvRows(std::span<const std::string> features) : features_(features) {
        if (csv_init(&parser_, CSV_STRICT | CSV_STRICT_FINI) != 0) throw std::bad_alloc();
    }
    CsvRows(const CsvRows&) = delete;
    CsvRows& operator=(const CsvRows&) = delete;
    ~CsvRows() { csv_free(&parser_); }

    /// `text` is one line with its end; it holds the end of a row unless a quoted field goes on.
    void feed(std::string_view text, std::size_t line) {
        if (line_ == 0) row_line_ = line;  // blank ones may have come before
        line_ = line;
        if (csv_parse(&parser_, text.data(), text.size(), on_field, on_row, this) != text.size()) fail(row_line_);
        settle();
    }

    RowTable finish() {
        if (csv_fini(&parser_, on_field, on_row, this) != 0) fail(row_line_);
        settle();
        return builder_.finish(
            skipped_header_ ? " below its first line, which has no numbers: a header? Values are separated by commas"
                            : "");
    }

private:
    using Fields = std::vector<std::string>;

    static void on_field(void* data, std::size_t size, void* self) noexcept {
        static_cast<CsvRows*>(self)->fields_.emplace_back(static_cast<const char*>(data), size);
    }
    static void on_row(int, void* self) noexcept {
        auto& rows = *static_cast<CsvRows*>(self);
        rows.ended_.push_back(std::exchange(rows.fields_, {}));
    }

    [[noreturn]] void fail(std::size_t line) {
        throw InputError(at_line(line) + ": not CSV: a quote that is not closed, or one in the middle of a field");
    }

    void settle() {
        for (const Fields& fields : std::exchange(ended_, {})) take(fields);
        constexpr int row_not_begun = 0;  // of libcsv's own states
        if (parser_.pstate == row_not_begun) row_line_ = line_ + 1;
    }

    void take_header(const Fields& fields) {
        skipped_header_ = true;
        if (features_.empty() || !are_distinct(features_)) return builder_.name(fields);
        if (features_.size() > 1 && fields.size() == 1 && has_other_separator(fields[0]))
            throw InputError(at_line(row_line_) + ": " + quoted(fields[0]) +
                             " is one value to CSV: values are separated by commas");
        try {
            Columns chosen = choose_columns(fields, features_);
            columns_ = std::move(chosen.places);
            builder_.note(std::move(chosen.note));
        } catch (const InputError& error) {
            throw InputError(at_line(row_line_) + ": " + error.what());
        }
        header_size_ = fields.size();
        builder_.name(features_);
    }

    void take(const Fields& fields) {
        const bool may_be_header = std::exchange(first_row_, false);
        if (columns_ && fields.size() != header_size_)
            throw InputError(at_line(row_line_) + ": " + std::to_string(fields.size()) +
                             " values, but the header has " + std::to_string(header_size_));
        std::vector<double> row;
        std::size_t bad = fields.size();
        const std::size_t count = columns_ ? columns_->size() : fields.size();
        for (std::size_t i = 0; i < count; ++i) {
            const std::size_t column = columns_ ? (*columns_)[i] : i;
            const auto number = finite_number(fields[column]);
            if (number) {
                row.push_back(*number);
            } else {
                bad = std::min(bad, column);
            }
        }
        if (bad == fields.size()) return builder_.add(row, row_line_);
        if (may_be_header && row.empty() && is_header(fields)) return take_header(fields);
        const std::string where = at_line(row_line_) + ", column " + std::to_string(bad + 1) + ": ";
        if (trimmed(fields[bad]).empty()) throw InputError(where + "empty, but every feature needs a number");
        throw InputError(where + quoted(fields[bad]) + " is not a finite number" +
                         (may_be_header                      ? " (a header has no numbers at all)"
                          : has_other_separator(fields[bad]) ? " (values are separated by commas)"
                                                             : ""));
    }

    const std::span<const std::string> features_;
    std::optional<std::vector<std::size_t>> columns_;  // that are chosen; all of them otherwise
    std::size_t header_size_ = 0;                      // with chosen columns
    csv_parser parser_{};
    TableBuilder builder_{RowFormat::Csv};
    Fields fields_;              // of the row being read
    std::vector<Fields> ended_;  // rows that are complete
    std::size_t row_line_ = 1;   // where the row being read began
    std::size_t line_ = 0;
    bool first_row_ = true;
    bool skipped_header_ = false;
};

std::vector<double> json_row(std::string_view text, std::size_t line) {
    constexpr const char* wanted = R"(one row a line, [1, 2.5] or {"features": [1, 2.5]})";
    boost::system::error_code fault;
    const json::value document = json::parse(text, fault);
    if (fault) throw InputError(at_line(line) + ": not JSON: write " + wanted);
    const json::array* array = document.if_array();
    if (const json::object* object = document.if_object())
        if (const json::value* features = object->if_contains("features")) array = features->if_array();
    if (array == nullptr) throw InputError(at_line(line) + ": no array of numbers: write " + wanted);

    std::vector<double> row;
    for (const json::value& value : *array) {
        const double number = value.is_number() ? value.to_number<double>() : std::nan("");
        if (!std::isfinite(number))
            throw InputError(at_line(line) + ", element " + std::to_string(row.size() + 1) +
                             " is not a finite number: write " + wanted);
        row.push_back(number);
    }
    return row;
}

RowFormat detect(std::string_view first_line) {
    const std::string_view text = trimmed(first_line);
    return !text.empty() && (text[0] == '[' || text[0] == '{') ? RowFormat::JsonLines : RowFormat::Csv;
}

}  // namespace

std::optional<RowFormat> format_of_name(std::string_view file_name) {
    std::string lower(file_name);
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
    if (lower.ends_with(".csv")) return RowFormat::Csv;
    if (lower.ends_with(".jsonl") || lower.ends_with(".ndjson")) return RowFormat::JsonLines;
    return std::nullopt;
}

RowTable read_rows(std::istream& in, std::optional<RowFormat> format, std::span<const std::string> features) {
    std::optional<CsvRows> csv;
    TableBuilder json_rows(RowFormat::JsonLines);
    std::string line;
    for (std::size_t number = 1; std::getline(in, line); ++number) {
        if (number == 1 && line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);  // byte order mark
        const bool blank = trimmed(line).empty();
        if (!format && !blank) format = detect(line);
        if (format == RowFormat::Csv) {
            if (!csv) csv.emplace(features);
            csv->feed(line += '\n', number);
        } else if (!blank) {
            json_rows.add(json_row(line, number), number);
        }
    }
    if (in.bad()) throw InputError("reading the input failed");
    return csv ? csv->finish() : json_rows.finish();
}

}  // namespace einfer::cli
