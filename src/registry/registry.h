// The models a server offers: JSON files of one directory, read once, checked as a whole, then immutable.
#pragma once

#include "base/error.h"
#include "protocol/model.h"

#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace einfer::registry {

/// One registry entry: the public description and what the server keeps to itself.
struct Model {
    protocol::ModelDescription description;
    std::vector<double> input_bounds;  ///< one a feature: largest absolute value planned for
    double tolerance = 0;              ///< largest absolute error of an answer that the owner accepts
};

/// Why a start stops.
struct Fault {
    std::string file;      ///< name inside the directory; empty: the directory itself
    std::string category;  ///< "schema" or "semantic"
    std::string field;     ///< JSON pointer, or empty
    std::string reason;

    /// "models/x.json: semantic fault at /parameters/weights: …"
    [[nodiscard]] std::string to_string() const;
};

/// Proves that a model can be executed. The layer that owns the planner supplies it.
using Prove = std::function<std::optional<protocol::ModelFault>(const Model&)>;

using LoadResult = boost::system::result<std::vector<Model>, Fault>;
[[noreturn]] void throw_exception_from_error(const Fault& fault, const boost::source_location&);

/// Every *.json of `directory` (not its folders), sorted by (model_id, version). All or nothing.
[[nodiscard]] LoadResult load(const std::filesystem::path& directory, const Prove& prove);

/// One entry from its text; `file` is for messages.
[[nodiscard]] boost::system::result<Model, Fault> parse_entry(std::string_view text, const std::string& file,
                                                              const Prove& prove);

}  // namespace einfer::registry
