// The models in tests/data/onnx.
#pragma once

#include "onnx/import.h"
#include "support/files.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

namespace einfer::test {

inline const std::filesystem::path& onnx_directory() {
    static const std::filesystem::path path = std::filesystem::path(EINFER_SOURCE_DIR) / "tests/data/onnx";
    return path;
}

inline std::vector<std::uint8_t> onnx_bytes(const std::string& text) { return {text.begin(), text.end()}; }

/// "sk_mlp_binary", "refused/lstm".
inline std::vector<std::uint8_t> onnx_file(const std::string& name) {
    return onnx_bytes(read_file(onnx_directory() / (name + ".onnx")));
}

/// The names of all models in a directory, sorted.
inline std::vector<std::string> onnx_names(const std::filesystem::path& directory) {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(directory))
        if (entry.path().extension() == ".onnx") names.push_back(entry.path().stem());
    std::ranges::sort(names);
    return names;
}

inline std::string detail(const Error& error, std::string_view key) {
    for (const auto& [name, value] : error.details)
        if (name == key) return value;
    return "(none)";
}

}  // namespace einfer::test
