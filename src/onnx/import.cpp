#include "onnx/import.h"

#include "onnx/call.h"
#include "onnx/graph.h"
#include "onnx/wire_scan.h"

#include <google/protobuf/io/coded_stream.h>
#include <onnx/onnx_pb.h>

#include <algorithm>
#include <climits>
#include <map>
#include <set>
#include <utility>

namespace einfer::onnx {
namespace {

using ::onnx::ModelProto;
using ::onnx::NodeProto;

constexpr std::string_view ml_domain = "ai.onnx.ml";

bool is_standard(std::string_view domain) { return domain.empty() || domain == "ai.onnx"; }

/// A Refusal with the node that it is about, which does not live as long.
struct Located {
    std::string op, name, label;
    Refusal refusal;
};

Error error_of(const std::string& message, const std::string& node, const Refusal& refusal) {
    return {ErrorCode::SchemaViolation, message, {{"node", node}, {"reason", refusal.reason}}};
}

Error error_of(const Located& at) {
    return error_of("operator " + at.op + " of node '" + at.name + "'" +
                        (at.refusal.of_operator ? " cannot be computed on encrypted data; " : ": ") + at.refusal.reason,
                    at.label, at.refusal);
}

ModelProto parse(std::span<const std::uint8_t> file, const ImportLimits& limits) {
    if (file.empty()) refuse("the file is empty");
    if (file.size() > std::min<std::size_t>(limits.max_file_bytes, INT_MAX))
        refuse("the file is larger than " + std::to_string(limits.max_file_bytes) + " bytes");
    scan_model(file);
    const int size = static_cast<int>(file.size());
    google::protobuf::io::CodedInputStream stream(file.data(), size);
    stream.SetTotalBytesLimit(size);
    stream.SetRecursionLimit(max_message_depth);
    ModelProto model;
    if (!model.MergePartialFromCodedStream(&stream) || !stream.ConsumedEntireMessage())
        refuse("the file is not an ONNX model, or is damaged");
    if (!model.has_graph()) refuse("the file is not an ONNX model: it has no graph");
    return model;
}

struct Opsets {
    std::int64_t standard = 0;
    std::int64_t machine_learning = 0;
};

Opsets opsets_of(const ModelProto& model) {
    Opsets opsets;
    const auto set = [](std::int64_t& version, std::int64_t given) {
        if (version != 0 && version != given) refuse("the model says twice which opset it is of");
        version = given;
    };
    for (const auto& opset : model.opset_import()) {
        if (is_standard(opset.domain())) set(opsets.standard, opset.version());
        if (opset.domain() == ml_domain) set(opsets.machine_learning, opset.version());
    }
    if (opsets.standard != 0 && (opsets.standard < 9 || opsets.standard > 22))
        refuse("the model is of opset " + std::to_string(opsets.standard) +
               "; 9 to 22 can be read: export it with opset_version=17 (PyTorch) or target_opset=17 (skl2onnx)");
    if (opsets.machine_learning < 0 || opsets.machine_learning > 5)
        refuse("the model is of ai.onnx.ml opset " + std::to_string(opsets.machine_learning) + "; 1 to 5 can be read");
    return opsets;
}

/// Follows the nodes that one output needs.
class Reader {
public:
    Reader(const Graph& graph, const Opsets& opsets, const ImportLimits& limits, Budget& budget)
        : graph_(graph),
          opsets_(opsets),
          limits_(limits),
          budget_(budget),
          input_(graph.input()),
          chain_(input_.dims, limits, budget) {
        Data input = chain_.input();
        input.is_integer = input_.is_integer;
        values_.emplace(input_.name, std::move(input));
    }

    inference::Network read(std::string_view output) {
        const std::vector<const NodeProto*> path = graph_.path_to(output);
        for (const NodeProto* node : path) wanted_.insert(node->input().begin(), node->input().end());
        wanted_.insert(output);
        // An operator that is not known says more than what prepares its inputs, and most when there is an advice.
        for (const bool is_advised : {true, false})
            for (const NodeProto* node : path)
                if (has_advice(node->op_type()) == is_advised) at(*node, [&] { require_known(*node); });
        for (const NodeProto* node : path) at(*node, [&] { run(*node); });
        const Value value = value_of(output);
        const auto* data = std::get_if<Data>(&value);
        if (data == nullptr) refuse("the model's output does not depend on its input");
        return chain_.finish(*data);
    }

private:
    template <class Step>
    static void at(const NodeProto& node, Step step) {
        try {
            step();
        } catch (Refusal& refusal) {
            throw Located{shown(node.op_type()), name_of(node), label_of(node), std::move(refusal)};
        }
    }

    void require_known(const NodeProto& node) const {
        const bool is_ml = node.domain() == ml_domain;
        if (!is_ml && !is_standard(node.domain()))
            refuse(
                "it is of the domain " + shown(node.domain()) +
                "; only ai.onnx and ai.onnx.ml can be read (in Python, onnx.inliner resolves a model's own functions)");
        if ((is_ml ? opsets_.machine_learning : opsets_.standard) == 0)
            refuse("the model does not say which opset it is of");
        if (operator_for(node.op_type(), is_ml) == nullptr && (is_ml || folding(node.op_type()) == nullptr))
            throw Refusal{advice(node.op_type()), true};
    }

    Value value_of(std::string_view name) {
        if (name.empty()) return {};
        if (const auto found = values_.find(name); found != values_.end()) return found->second;
        const ::onnx::TensorProto* proto = graph_.initializer(name);
        if (proto == nullptr) refuse("it takes an output that is not made: " + shown(name));
        return values_.emplace(name, std::make_shared<const Tensor>(onnx::read(*proto, budget_))).first->second;
    }

    void run(const NodeProto& proto) {
        const Node node(proto);
        const bool is_ml = node.is_ml();
        const std::int64_t opset = is_ml ? opsets_.machine_learning : opsets_.standard;
        Call call{node, opset, {}, {}, {}, chain_, budget_, limits_, input_.rows};
        for (const std::string& input : proto.input()) call.inputs.push_back(value_of(input));
        call.outputs.resize(static_cast<std::size_t>(proto.output_size()));
        for (const std::string& output : proto.output()) call.wanted.push_back(wanted_.contains(output));
        const bool is_constant =
            std::ranges::none_of(call.inputs, [](const Value& value) { return std::holds_alternative<Data>(value); });
        const Operator known = operator_for(node.op(), is_ml);
        const Operator fold = is_constant && !is_ml ? folding(node.op()) : nullptr;
        if (is_constant && fold == nullptr)
            refuse("it only has constants; simplify the model before it is imported (onnx-simplifier does)");
        if (!is_constant && known == nullptr) throw Refusal{advice(node.op()), true};
        (fold != nullptr ? fold : known)(call);
        for (std::size_t i = 0; i < call.outputs.size(); ++i)
            if (!std::holds_alternative<std::monostate>(call.outputs[i]))
                values_.emplace(proto.output(static_cast<int>(i)), std::move(call.outputs[i]));
    }

    const Graph& graph_;
    const Opsets& opsets_;
    const ImportLimits& limits_;
    Budget& budget_;
    Graph::Input input_;
    Chain chain_;
    std::map<std::string_view, Value> values_;
    std::set<std::string_view> wanted_;
};

/// Of the classes, as the label beside the outputs of `network` has them: they are often found only where it is looked
/// up. None when it is not the largest of these very outputs, unless both have the same names.
std::vector<std::string> names_on_label(const Graph& graph, const Opsets& opsets, const ImportLimits& limits,
                                        std::string_view label, const inference::Network& network) {
    try {
        Budget budget(limits.max_values);
        inference::Network other = Reader(graph, opsets, limits, budget).read(label);
        const bool is_same = other.postprocessing == std::vector{Postprocessing::Argmax} &&
                             other.input == network.input && other.layers == network.layers;
        if (!is_same && other.class_names != network.class_names) return {};
        return std::move(other.class_names);
    } catch (const Refusal&) {
        return {};
    } catch (const Located&) {
        return {};
    }
}

inference::Network read_model(const ModelProto& model, const ImportLimits& limits) {
    const Opsets opsets = opsets_of(model);
    const Graph graph(model.graph(), limits);
    const Graph::Outputs outputs = graph.outputs();
    inference::Network network;
    {
        Budget budget(limits.max_values);
        network = Reader(graph, opsets, limits, budget).read(outputs.values);
    }
    std::vector<std::string> names =
        outputs.label ? names_on_label(graph, opsets, limits, *outputs.label, network) : network.class_names;
    collapse_pair(network);
    network.class_names = std::move(names);
    return network;
}

}  // namespace

Result<inference::Network> import(std::span<const std::uint8_t> file, const ImportLimits& limits) {
    try {
        return read_model(parse(file, limits), limits);
    } catch (const Located& located) {
        return error_of(located);
    } catch (const Refusal& refusal) {
        return error_of(refusal.reason, "", refusal);
    }
}

}  // namespace einfer::onnx
