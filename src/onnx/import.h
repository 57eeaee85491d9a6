// Trained models in ONNX files (opset 9 to 22, and ai.onnx.ml), as scikit-learn's and PyTorch's exporters write them.
#pragma once

#include "base/error.h"
#include "inference/network.h"

#include <cstddef>
#include <cstdint>
#include <span>

namespace einfer::onnx {

struct ImportLimits {
    std::size_t max_file_bytes = std::size_t{256} << 20;
    std::size_t max_nodes = 10'000;
    std::size_t max_elements = 1u << 16;  ///< of the values between two layers, for one row
    std::size_t max_layers = 256;
    std::size_t max_window_work = 1u << 28;  ///< elements under all places of a convolution or pool, padding included
    std::size_t max_values = 1u << 25;       ///< weights and other constants, as decoded and computed with
    std::size_t max_class_names = 10'000;
    std::size_t max_class_name_bytes = 256;
};

/// The network in an ONNX file from anywhere. The first dimension of the model's input is the row; a model has one
/// input and one path from it to the output. Of several outputs the one that is no class label is taken. What only
/// follows the last layer becomes `postprocessing`; two columns that say the same of a binary class ([1 - p, p], [-z,
/// z]) become one output, of the second class. `class_names` holds a name a class, so two for a binary model's one
/// output. A class label beside the output names them, and none are known when it is not the largest of these outputs.
///
/// SCHEMA_VIOLATION with details `node` ("name/operator", empty when it is about the whole file) and `reason` when the
/// file is damaged, passes a limit, or holds what cannot be computed on encrypted data. Memory: about twice the file,
/// 16 bytes for each of `max_values`, and 64 MiB.
[[nodiscard]] Result<inference::Network> import(std::span<const std::uint8_t> file, const ImportLimits& limits = {});

}  // namespace einfer::onnx
