#include "importing/entry.h"

#include "importing/class_names.h"
#include "importing/refusal.h"

#include <algorithm>
#include <optional>
#include <set>

namespace einfer::importing {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t max_id = 64;
/// Names of more features than that only fill the file: they are pixels.
constexpr std::size_t max_feature_names = 256;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return c >= 'a' && c <= 'z'; }

bool is_id(std::string_view text) {
    return !text.empty() && text.size() <= max_id && is_letter(text.front()) &&
           std::ranges::all_of(text, [](char c) { return is_letter(c) || is_digit(c) || c == '_'; });
}

bool is_version(std::string_view text) {
    std::size_t digits = 0, parts = 1;
    for (const char c : text) {
        if (is_digit(c)) {
            ++digits;
        } else if (c == '.' && digits > 0) {
            digits = 0;
            ++parts;
        } else {
            return false;
        }
    }
    return parts == 3 && digits > 0 && text.size() <= max_id;
}

bool are_names(std::span<const std::string> names) {
    return std::set<std::string_view>(names.begin(), names.end()).size() == names.size() &&
           std::ranges::all_of(names,
                               [](const std::string& name) { return !name.empty() && name.size() <= max_name_bytes; });
}

std::optional<Error> fault_of(const EntryNames& names) {
    if (!is_id(names.model_id))
        return refusal("--id", "is a lower-case letter, then up to 63 of lower-case letters, digits and _");
    if (!is_version(names.version)) return refusal("--version", "is three numbers, as 1.0.0");
    return std::nullopt;
}

std::optional<Error> fault_if_taken(const fs::path& directory, const std::string& id, const std::string& version,
                                    bool force) {
    const auto known = registry::find_entry(directory, id, version);
    if (!known || force) return std::nullopt;
    return refusal("--id", id + ' ' + version + " is already defined by " + known->string() +
                               ": give another --version, or --force to replace it");
}

}  // namespace

Result<void> check_names(const EntryNames& names, const fs::path& directory, bool force) {
    if (const auto fault = fault_of(names)) return *fault;
    if (const auto fault = fault_if_taken(directory, names.model_id, names.version, force)) return *fault;
    return {};
}

Result<registry::NetworkModel> make_entry(const PlannedModel& planned, const SourceModel& source,
                                          const EntryNames& names) {
    if (const auto fault = fault_of(names)) return *fault;
    registry::NetworkModel model = planned.model;
    model.model_id = names.model_id;
    model.version = names.version;
    const std::string from = "Imported from " + source.name;
    model.description = names.description.empty() ? from : names.description;
    model.provenance = from + " (sha256 " + source.sha256 + ")";
    const std::size_t features = model.network.input.size(), outputs = model.stages.back().matrix.rows;
    if (names.feature_names.size() == features && features <= max_feature_names && are_names(names.feature_names))
        model.feature_names = names.feature_names;
    if (const auto named = check_class_names(model.network.class_names, outputs); !named) return named.error();
    return model;
}

Result<registry::WrittenEntry> write_entry(const registry::NetworkModel& model, const fs::path& directory, bool force) {
    std::error_code ec;
    fs::create_directories(directory, ec);
    if (ec) return refusal("--output", directory.string() + " cannot be made: " + ec.message());
    if (const auto fault = fault_if_taken(directory, model.model_id, model.version, force)) return *fault;
    registry::WrittenEntry written = registry::write_network_entry(model, directory);
    if (written.fault) return refusal("--output", *written.fault);
    return written;
}

Result<registry::NetworkModel> read_entry(const fs::path& path) {
    auto model = registry::read_network_entry(path);
    if (!model) return refusal(model.error().field, model.error().reason);
    return *std::move(model);
}

}  // namespace einfer::importing
