// A planned model becomes an entry of a registry.
#pragma once

#include "base/error.h"
#include "importing/model_file.h"
#include "importing/plan_network.h"
#include "registry/network_entry.h"

#include <filesystem>
#include <string>
#include <vector>

namespace einfer::importing {

struct EntryNames {
    std::string model_id;
    std::string version = "1.0.0";
    std::string description{};                 ///< empty: where it was imported from
    std::vector<std::string> feature_names{};  ///< left out unless they are one a feature, and differ
};

/// What make_entry() and write_entry() would refuse, whatever the plan. SCHEMA_VIOLATION with details `field` and
/// `reason` for a name that an entry cannot have, or that one in `directory` has already, unless `force`.
[[nodiscard]] Result<void> check_names(const EntryNames& names, const std::filesystem::path& directory, bool force);

/// The entry of `planned`, which came from `source`. SCHEMA_VIOLATION with details `field` and `reason` for names that
/// an entry cannot have.
[[nodiscard]] Result<registry::NetworkModel> make_entry(const PlannedModel& planned, const SourceModel& source,
                                                        const EntryNames& names);

/// Writes it into `directory`, which is made when it is not there. What defines this model and version already is only
/// replaced when `force`. SCHEMA_VIOLATION with details `field` and `reason`.
[[nodiscard]] Result<registry::WrittenEntry> write_entry(const registry::NetworkModel& model,
                                                         const std::filesystem::path& directory, bool force);

/// An entry that was written. SCHEMA_VIOLATION with details `field` and `reason`.
[[nodiscard]] Result<registry::NetworkModel> read_entry(const std::filesystem::path& path);

}  // namespace einfer::importing
