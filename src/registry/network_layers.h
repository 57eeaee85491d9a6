// The layers of a network as JSON objects and a list of numbers. Private to src/registry.
#pragma once

#include "inference/network.h"

#include <boost/json/array.hpp>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace einfer::registry {

/// The layers, and their numbers behind one another.
struct WrittenLayers {
    boost::json::array layers;
    std::vector<double> numbers;
};
[[nodiscard]] WrittenLayers write_layers(const inference::Network& network);

struct LayerFault {
    std::string field;
    std::string reason;
};

/// Adds the layers to `network`, whose input is set, from objects that passed the schema. All numbers are used up, or
/// it is a fault.
[[nodiscard]] std::optional<LayerFault> read_layers(const boost::json::array& layers, std::span<const double> numbers,
                                                    inference::Network& network);

}  // namespace einfer::registry
