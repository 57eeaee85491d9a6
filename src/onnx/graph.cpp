#include "onnx/graph.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <set>
#include <utility>

namespace einfer::onnx {
namespace {

using ::onnx::NodeProto;
using ::onnx::TensorProto;
using ::onnx::TensorShapeProto;
using ::onnx::ValueInfoProto;

bool is_label(const ValueInfoProto& output) {
    const int type = output.type().tensor_type().elem_type();
    return type == TensorProto::INT64 || type == TensorProto::INT32 || type == TensorProto::STRING;
}

std::string listed(const std::vector<std::string_view>& names) {
    std::string text;
    for (std::size_t i = 0; i < std::min<std::size_t>(names.size(), 8); ++i)
        text += (i == 0 ? "" : ", ") + shown(names[i]);
    return names.size() > 8 ? text + ", ..." : text;
}

const ValueInfoProto& find(const google::protobuf::RepeatedPtrField<ValueInfoProto>& values, std::string_view name) {
    return *std::ranges::find(values, name, &ValueInfoProto::name);
}

}  // namespace

Graph::Graph(const ::onnx::GraphProto& proto, const ImportLimits& limits) : proto_(proto), limits_(limits) {
    if (std::cmp_greater(proto.node_size(), limits.max_nodes))
        refuse("the model has more than " + std::to_string(limits.max_nodes) + " nodes");
    if (proto.sparse_initializer_size() > 0) refuse("the model has sparse initialisers; export it with dense ones");
    std::set<std::string_view> names;
    const auto define = [&names](std::string_view name) {
        if (name.empty()) refuse("a value has no name");
        if (!names.insert(name).second) refuse("two values are named " + shown(name));
    };
    for (const TensorProto& tensor : proto.initializer()) {
        define(tensor.name());
        initializers_.emplace(tensor.name(), &tensor);
    }
    for (const ValueInfoProto& input : proto.input()) {
        if (initializers_.contains(input.name())) continue;
        define(input.name());
        inputs_.push_back(input.name());
    }
    for (const NodeProto& node : proto.node()) {
        if (node.input_size() > 4096 || node.output_size() > 64) refuse("a node has too many inputs or outputs");
        for (const std::string& output : node.output())
            if (!output.empty()) {
                define(output);
                makers_.emplace(output, &node);
            }
    }
}

Graph::Input Graph::input() const {
    if (inputs_.empty()) refuse("the model has no input");
    if (inputs_.size() > 1)
        refuse("the model has several inputs (" + listed(inputs_) + "); export it with one input [rows, features]");
    const ValueInfoProto& value = find(proto_.input(), inputs_.front());
    const auto& type = value.type().tensor_type();
    switch (type.elem_type()) {
        case TensorProto::FLOAT:
        case TensorProto::DOUBLE:
        case TensorProto::FLOAT16:
        case TensorProto::INT32:
        case TensorProto::INT64: break;
        default: refuse("the model's input is no tensor of numbers");
    }
    if (type.shape().dim_size() < 2 || type.shape().dim_size() > 5)
        refuse(
            "the model's input needs a shape of two to five dimensions, [rows, features] or [rows, channels, "
            "height, width]");
    const bool is_integer = type.elem_type() == TensorProto::INT32 || type.elem_type() == TensorProto::INT64;
    Input input{inputs_.front(), std::nullopt, {}, is_integer};
    for (int i = 0; i < type.shape().dim_size(); ++i) {
        const TensorShapeProto::Dimension& dim = type.shape().dim(i);
        const bool known = dim.value_case() == TensorShapeProto::Dimension::kDimValue && dim.dim_value() > 0;
        if (i == 0 && known) input.rows = static_cast<std::size_t>(dim.dim_value());
        if (i == 0) continue;
        if (!known)
            refuse(
                "the shape of the model's input is not known; export it with all dimensions but the first as "
                "numbers, e.g. [None, 30]");
        input.dims.push_back(static_cast<std::size_t>(dim.dim_value()));
    }
    if (element_count(input.dims, limits_.max_elements) == 0) refuse("the model's input is empty");
    return input;
}

Graph::Outputs Graph::outputs() const {
    std::vector<std::string_view> values, labels;
    for (const ValueInfoProto& output : proto_.output()) (is_label(output) ? labels : values).push_back(output.name());
    if (values.size() > 1)
        refuse("the model has several outputs (" + listed(values) + "); export it with the one that is wanted");
    if (values.size() == 1) return {values.front(), labels.size() == 1 ? std::optional(labels.front()) : std::nullopt};
    if (labels.size() != 1) refuse(labels.empty() ? "the model has no output" : "the model has several outputs");
    return {labels.front(), std::nullopt};
}

std::vector<const NodeProto*> Graph::path_to(std::string_view output) const {
    enum class State { Open, Done };
    std::map<const NodeProto*, State> states;
    std::vector<const NodeProto*> order;
    struct Step {
        const NodeProto* node;
        int next_input = 0;
    };
    std::vector<Step> steps;
    const auto want = [&](std::string_view name) {
        const auto maker = makers_.find(name);
        if (maker == makers_.end()) {
            if (initializers_.contains(name) || std::ranges::find(inputs_, name) != inputs_.end()) return;
            refuse("nothing makes the value " + shown(name));
        }
        const auto [state, is_new] = states.emplace(maker->second, State::Open);
        if (is_new)
            steps.push_back({maker->second});
        else if (state->second == State::Open)
            refuse("the graph has a cycle through " + shown(name));
    };
    want(output);
    while (!steps.empty()) {
        const NodeProto* node = steps.back().node;
        if (steps.back().next_input < node->input_size()) {
            const std::string& name = node->input(steps.back().next_input++);
            if (!name.empty()) want(name);
        } else {
            states[node] = State::Done;
            order.push_back(node);
            steps.pop_back();
        }
    }
    return order;
}

const TensorProto* Graph::initializer(std::string_view name) const {
    const auto found = initializers_.find(name);
    return found == initializers_.end() ? nullptr : found->second;
}

}  // namespace einfer::onnx
