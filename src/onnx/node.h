// A node of the graph with its attributes. Private to src/onnx.
#pragma once

#include "onnx/tensor.h"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace onnx {
class AttributeProto;
class NodeProto;
}  // namespace onnx

namespace einfer::onnx {

/// Attributes of a type other than the one asked for are refused.
class Node {
public:
    /// Of `proto`, which outlives it. Refused when two attributes have one name.
    explicit Node(const ::onnx::NodeProto& proto);

    [[nodiscard]] const ::onnx::NodeProto& proto() const { return proto_; }
    [[nodiscard]] const std::string& op() const;
    [[nodiscard]] bool is_ml() const;  ///< of ai.onnx.ml

    [[nodiscard]] bool has(std::string_view name) const { return find(name) != nullptr; }
    [[nodiscard]] std::int64_t integer(std::string_view name, std::int64_t otherwise) const;
    [[nodiscard]] bool flag(std::string_view name, bool otherwise) const { return integer(name, otherwise) != 0; }
    [[nodiscard]] double real(std::string_view name, double otherwise) const;  ///< finite
    [[nodiscard]] std::string text(std::string_view name, std::string_view otherwise) const;
    /// Empty when there is none.
    [[nodiscard]] std::vector<double> integers(std::string_view name) const;
    [[nodiscard]] std::vector<double> reals(std::string_view name) const;  ///< finite
    [[nodiscard]] std::vector<std::string> texts(std::string_view name) const;
    [[nodiscard]] std::optional<Tensor> tensor(std::string_view name, Budget& budget) const;

private:
    [[nodiscard]] const ::onnx::AttributeProto* find(std::string_view name) const;
    [[nodiscard]] const ::onnx::AttributeProto* find(std::string_view name, int type) const;

    const ::onnx::NodeProto& proto_;
};

/// "name/operator", for people.
[[nodiscard]] std::string label_of(const ::onnx::NodeProto& node);
/// Its name, or that of its first output when it has none.
[[nodiscard]] std::string name_of(const ::onnx::NodeProto& node);

}  // namespace einfer::onnx
