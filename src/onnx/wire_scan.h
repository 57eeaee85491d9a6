// How much memory a protobuf message takes once it is parsed. Private to src/onnx.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace einfer::onnx {

inline constexpr int max_message_depth = 32;

/// Walks the bytes of an onnx.ModelProto without taking memory, and throws Refusal when they are no such message, are
/// nested deeper than max_message_depth, or are so full of tiny objects that they take more than twice their size and
/// 16 MiB. (An empty node is two bytes in a file, and some hundred in memory.)
void scan_model(std::span<const std::uint8_t> file);

}  // namespace einfer::onnx
