// The models a server offers: JSON files of one directory, read once, checked as a whole, then immutable.
#pragma once

#include "base/error.h"
#include "protocol/model.h"
#include "registry/fault.h"
#include "registry/network_entry.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace einfer::registry {

/// A registry entry of v1.0: the public description and what the server keeps to itself.
struct Model {
    protocol::ModelDescription description;
    std::vector<double> input_bounds;  ///< one a feature: largest absolute value planned for
    double tolerance = 0;              ///< largest absolute error of an answer that the owner accepts
    std::vector<std::string> feature_names{}, class_names{};
};

/// Proves that a model can be executed. The layer that owns the planner supplies it.
using Prove = std::function<std::optional<protocol::ModelFault>(const Model&)>;

/// All models, each kind sorted by (model_id, version).
struct Models {
    std::vector<Model> columns;          ///< those of v1.0
    std::vector<NetworkModel> networks;  ///< those of v1.1
};
using LoadResult = boost::system::result<Models, Fault>;

/// Every *.json of `directory` (not its folders). All or nothing.
[[nodiscard]] LoadResult load(const std::filesystem::path& directory, const Prove& prove);

/// One v1.0 entry from its text; `file` is for messages.
[[nodiscard]] boost::system::result<Model, Fault> parse_entry(std::string_view text, const std::string& file,
                                                              const Prove& prove);

}  // namespace einfer::registry
