#include "columns.h"

#include "field_text.h"
#include "input_error.h"

#include <algorithm>
#include <map>
#include <set>
#include <string_view>

namespace einfer::cli {
namespace {

constexpr const char* advice = ". Name the columns as the model does, or give --ignore-header if they are in its order";

/// "'a', 'b', 'c' and 4 more".
std::string listed(std::span<const std::string> names) {
    constexpr std::size_t most = 3;
    std::string text;
    for (const std::string& name : names.first(std::min(most, names.size())))
        text += (text.empty() ? "" : ", ") + quoted(name);
    return names.size() > most ? text + " and " + std::to_string(names.size() - most) + " more" : text;
}

}  // namespace

bool are_distinct(std::span<const std::string> names) {
    std::set<std::string_view> seen;
    return std::ranges::all_of(names, [&seen](const std::string& name) { return seen.insert(trimmed(name)).second; });
}

Columns choose_columns(std::span<const std::string> header, std::span<const std::string> features) {
    std::multimap<std::string_view, std::size_t> columns;
    for (std::size_t i = 0; i < header.size(); ++i) columns.emplace(trimmed(header[i]), i);
    std::set<std::string_view> wanted;
    for (const std::string& feature : features) wanted.insert(trimmed(feature));
    std::vector<std::string> others;
    for (const std::string& name : header)
        if (!wanted.contains(trimmed(name))) others.emplace_back(trimmed(name));

    Columns chosen;
    for (const std::string& feature : features) {
        const auto [first, last] = columns.equal_range(trimmed(feature));
        if (first == last)
            throw InputError("the header has no column " + quoted(trimmed(feature)) + ", a feature of the model" +
                             (others.empty() ? "" : "; its column " + quoted(others.front()) + " is none") + advice);
        if (std::next(first) != last)
            throw InputError("the header has two columns " + quoted(trimmed(feature)) + ", a feature of the model" +
                             advice);
        chosen.places.push_back(first->second);
    }
    if (!std::ranges::is_sorted(chosen.places))
        chosen.note = "the columns are taken by their names: their order is not the model's";
    if (!others.empty())
        chosen.note +=
            (chosen.note.empty() ? "" : "; ") + std::string("left out, no features of the model: ") + listed(others);
    return chosen;
}

}  // namespace einfer::cli
