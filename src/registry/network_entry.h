// Registry entries of v1.1: a network with the plan that was made for it, in a JSON file, and its numbers beside it.
#pragma once

#include "base/packing.h"
#include "inference/linear_plan.h"
#include "inference/network.h"
#include "inference/slots_spec.h"
#include "registry/fault.h"

#include <boost/json/object.hpp>
#include <boost/system/result.hpp>

#include <filesystem>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace einfer::registry {

/// What einfer import writes and a server reads.
struct NetworkModel {
    std::string model_id;
    std::string version;
    std::string description;
    std::size_t poly_modulus_degree = 0;
    std::vector<int> coeff_modulus_bits;
    double scale = 0;
    std::vector<double> lower, upper;  ///< of each feature
    std::vector<std::string> feature_names;
    inference::Network network;                              ///< its activations are polynomials
    std::variant<LinearPacking, inference::SlotsSpec> plan;  ///< by layout: coefficients, slots
    double tolerance = 0;
    std::size_t calibration_rows = 0;  ///< that the planner saw; 0: not known
    std::size_t max_batch_size = 0;
    double evaluation_ms = 0;  ///< estimated or measured when it was planned; 0: not known
    std::string provenance;
    std::string plan_digest;  ///< 64 hex digits over all that decides what ciphertexts mean; set by reading
    /// The network for inputs in [-1, 1]; set by reading.
    std::vector<inference::Stage> stages;

    /// Each number of `row`, moved to [-1, 1] by its range.
    [[nodiscard]] std::vector<double> normalised(std::span<const double> row) const;
};

/// Whether this JSON object is in the form of v1.1.
[[nodiscard]] bool is_network_entry(const boost::json::object& object);

/// An object of that form; its weights are looked up in `directory`. Proves the plan.
[[nodiscard]] boost::system::result<NetworkModel, Fault> parse_network_entry(const boost::json::value& document,
                                                                             const std::string& file,
                                                                             const std::filesystem::path& directory);

/// The same from a file; its weights lie beside it.
[[nodiscard]] boost::system::result<NetworkModel, Fault> read_network_entry(const std::filesystem::path& path);

/// The file of `directory` that defines this model and version, in either form; the first by name. Files that cannot be
/// read are passed over.
[[nodiscard]] std::optional<std::filesystem::path> find_entry(const std::filesystem::path& directory,
                                                              std::string_view model_id, std::string_view version);

/// What write_network_entry() wrote, or the reason why it could not.
struct WrittenEntry {
    std::filesystem::path entry, weights;
    std::optional<std::string> fault;
};

/// Writes `model` and its weights into `directory`: in place of the file that defines its version, else as ID.json, or
/// as ID-VERSION.json where another version is called that. Both whole or not at all; weights that no entry names any
/// more are removed.
[[nodiscard]] WrittenEntry write_network_entry(const NetworkModel& model, const std::filesystem::path& directory);

}  // namespace einfer::registry
