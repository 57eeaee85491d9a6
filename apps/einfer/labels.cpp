#include "labels.h"

#include "field_text.h"
#include "input_error.h"
#include "planning.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <optional>
#include <utility>

namespace einfer::cli {
namespace {

/// A line of text, and its number in the file.
using LabelLine = std::pair<std::string, std::size_t>;

/// Without blank lines, the blanks around a label, and the quotes that CSV may have around it.
std::vector<LabelLine> lines_of(const std::string& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream) throw InputError(file + ": cannot be opened: " + std::strerror(errno));
    std::vector<LabelLine> lines;
    std::string line;
    for (std::size_t number = 1; std::getline(stream, line); ++number) {
        if (number == 1 && line.starts_with("\xef\xbb\xbf")) line.erase(0, 3);  // byte order mark
        std::string_view text = trimmed(line);
        if (text.size() > 1 && text.front() == '"' && text.back() == '"') text = text.substr(1, text.size() - 2);
        if (!text.empty()) lines.emplace_back(text, number);
    }
    return lines;
}

std::optional<double> class_of(const std::string& label, std::span<const std::string> class_names) {
    const auto found = std::ranges::find(class_names, label);
    if (found == class_names.end()) return std::nullopt;
    return static_cast<double>(found - class_names.begin());
}

std::string listed(std::span<const std::string> names) {
    constexpr std::size_t shown = 10;
    std::string text;
    for (const std::string& name : names.first(std::min(names.size(), shown)))
        text += (text.empty() ? "" : ", ") + cli::quoted(name);
    return text + (names.size() > shown ? ", ..." : "");
}

std::string wanted(std::span<const std::string> class_names) {
    if (class_names.empty())
        return "labels are numbers: the class from 0, or the value (--class-names gives classes names)";
    return "labels are the model's classes, " + listed(class_names) + ", or their numbers from 0 in this order";
}

}  // namespace

std::vector<double> read_labels(const std::string& file, std::span<const std::string> class_names) {
    const std::vector<LabelLine> lines = lines_of(file);
    const bool has_header = !lines.empty() && !class_of(lines[0].first, class_names) && !finite_number(lines[0].first);
    const std::span labels = std::span(lines).subspan(has_header ? 1 : 0);
    std::vector<double> named;
    for (const LabelLine& label : labels)
        if (const auto found = class_of(label.first, class_names)) named.push_back(*found);
    if (!labels.empty() && named.size() == labels.size()) return named;

    const auto is_word = [](const LabelLine& label) {
        return !finite_number(label.first) && label.first.find_first_of(",[{") == std::string::npos;
    };
    auto wrong = std::ranges::find_if(
        labels, [&](const LabelLine& label) { return is_word(label) && !class_of(label.first, class_names); });
    if (wrong == labels.end()) wrong = std::ranges::find_if(labels, is_word);  // a name among numbers
    if (wrong != labels.end())
        throw InputError(file + ": line " + std::to_string(wrong->second) + ": " + cli::quoted(wrong->first) + ": " +
                         wanted(class_names));
    RowTable table = read_table(file);
    if (table.dimension != 1) throw InputError(file + ": labels are one a row");
    return std::move(table.values);
}

}  // namespace einfer::cli
