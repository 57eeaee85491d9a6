// What people give to an import: a model's file, and what is known of it.
#pragma once

#include "base/error.h"
#include "inference/network.h"

#include <filesystem>
#include <string>

namespace einfer::importing {

struct SourceModel {
    inference::Network network;
    std::string name;    ///< of the file, without its folder
    std::string sha256;  ///< of its bytes
};

/// SCHEMA_VIOLATION with details `field` and `reason`: when the file cannot be read, or as onnx::import().
[[nodiscard]] Result<SourceModel> read_model(const std::filesystem::path& path);

}  // namespace einfer::importing
