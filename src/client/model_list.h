// The server's offer: read, checked, chosen from.
#pragma once

#include "client/failure.h"
#include "einfer/types.h"
#include "protocol/model_view.h"

#include <span>
#include <string_view>
#include <vector>

namespace einfer::client {

inline constexpr std::size_t max_models_bytes = 8 * 1024 * 1024;

/// The models of a GET /models?api_version=1.1 body, and of one of v1.0, whose models all have the layout
/// feature_columns. BadReply when it breaks the contract, or offers parameters that are insecure or
/// cannot work: then none of it is believed.
[[nodiscard]] Outcome<std::vector<protocol::ModelView>> read_model_views(std::string_view body);
[[nodiscard]] Outcome<std::vector<protocol::ModelView>> read_model_list(std::string_view body);

/// The model of that id and version; an empty version: the highest one. nullptr: not there.
[[nodiscard]] const protocol::ModelView* find_model(std::span<const protocol::ModelView> models, std::string_view id,
                                                    std::string_view version);

[[nodiscard]] Model to_public(const protocol::ModelView& model);

}  // namespace einfer::client
