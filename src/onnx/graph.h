// The graph of a model: who makes which value, and in which order. Private to src/onnx.
#pragma once

#include "onnx/import.h"
#include "onnx/tensor.h"

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace onnx {
class GraphProto;
class NodeProto;
class TensorProto;
}  // namespace onnx

namespace einfer::onnx {

class Graph {
public:
    /// Of `proto`, which outlives it. Refused when a name is given twice, or there are too many nodes.
    Graph(const ::onnx::GraphProto& proto, const ImportLimits& limits);

    struct Input {
        std::string_view name;
        std::optional<std::size_t> rows;  ///< when the model says how many
        Dims dims;                        ///< of one row
        bool is_integer = false;
    };
    /// The one that is no initialiser. Refused when there are more, or its shape is not known but for the first
    /// dimension.
    [[nodiscard]] Input input() const;

    struct Outputs {
        std::string_view values;                ///< what the model says of a row
        std::optional<std::string_view> label;  ///< of the class, when both are there
    };
    /// Refused when there is none, or several that are no class labels.
    [[nodiscard]] Outputs outputs() const;

    /// The nodes that `output` needs, each after those that it needs itself. Refused when there is a cycle, or a value
    /// that nobody makes.
    [[nodiscard]] std::vector<const ::onnx::NodeProto*> path_to(std::string_view output) const;

    /// Or nullptr.
    [[nodiscard]] const ::onnx::TensorProto* initializer(std::string_view name) const;

private:
    const ::onnx::GraphProto& proto_;
    const ImportLimits& limits_;
    std::map<std::string_view, const ::onnx::TensorProto*> initializers_;
    std::map<std::string_view, const ::onnx::NodeProto*> makers_;
    std::vector<std::string_view> inputs_;
};

}  // namespace einfer::onnx
