// The choices of the slots layout as a JSON object. Private to src/registry.
#pragma once

#include "inference/slots_spec.h"
#include "registry/network_layers.h"

#include <boost/json/object.hpp>

#include <optional>
#include <span>

namespace einfer::registry {

/// But for what the entry says elsewhere: the encryption's parameters, and the activations, which are the network's.
[[nodiscard]] boost::json::object write_slots_plan(const inference::SlotsSpec& spec);

/// Fills in the rest of `spec`, whose parameters of the encryption are set, from an object that passed the schema, and
/// proves it: it compiles for `stages`, in bounded memory, and its error bound is within `tolerance`.
[[nodiscard]] std::optional<LayerFault> read_slots_plan(const boost::json::object& plan,
                                                        std::span<const inference::Stage> stages, double tolerance,
                                                        inference::SlotsSpec& spec);

}  // namespace einfer::registry
