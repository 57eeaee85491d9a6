#include "onnx/node.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <set>

namespace einfer::onnx {
namespace {

using ::onnx::AttributeProto;

double finite(double value) {
    if (!std::isfinite(value)) refuse("an attribute is not a finite number");
    return value;
}

}  // namespace

Node::Node(const ::onnx::NodeProto& proto) : proto_(proto) {
    std::set<std::string_view> names;
    for (const AttributeProto& attribute : proto.attribute())
        if (!names.insert(attribute.name()).second) refuse("it has an attribute twice");
}

const std::string& Node::op() const { return proto_.op_type(); }

bool Node::is_ml() const { return proto_.domain() == "ai.onnx.ml"; }

const AttributeProto* Node::find(std::string_view name) const {
    const auto found = std::ranges::find(proto_.attribute(), name, &AttributeProto::name);
    return found == proto_.attribute().end() ? nullptr : &*found;
}

const AttributeProto* Node::find(std::string_view name, int type) const {
    const AttributeProto* attribute = find(name);
    if (attribute != nullptr && attribute->type() != type)
        refuse("its attribute " + std::string(name) + " has the wrong type");
    return attribute;
}

std::int64_t Node::integer(std::string_view name, std::int64_t otherwise) const {
    const AttributeProto* attribute = find(name, AttributeProto::INT);
    return attribute == nullptr ? otherwise : attribute->i();
}

double Node::real(std::string_view name, double otherwise) const {
    const AttributeProto* attribute = find(name, AttributeProto::FLOAT);
    return attribute == nullptr ? otherwise : finite(static_cast<double>(attribute->f()));
}

std::string Node::text(std::string_view name, std::string_view otherwise) const {
    const AttributeProto* attribute = find(name, AttributeProto::STRING);
    return attribute == nullptr ? std::string(otherwise) : attribute->s();
}

std::vector<double> Node::integers(std::string_view name) const {
    std::vector<double> values;
    if (const AttributeProto* attribute = find(name, AttributeProto::INTS))
        std::ranges::transform(attribute->ints(), std::back_inserter(values), exact);
    return values;
}

std::vector<double> Node::reals(std::string_view name) const {
    std::vector<double> values;
    if (const AttributeProto* attribute = find(name, AttributeProto::FLOATS))
        std::ranges::transform(attribute->floats(), std::back_inserter(values), finite);
    return values;
}

std::vector<std::string> Node::texts(std::string_view name) const {
    const AttributeProto* attribute = find(name, AttributeProto::STRINGS);
    return attribute == nullptr ? std::vector<std::string>{}
                                : std::vector<std::string>(attribute->strings().begin(), attribute->strings().end());
}

std::optional<Tensor> Node::tensor(std::string_view name, Budget& budget) const {
    const AttributeProto* attribute = find(name, AttributeProto::TENSOR);
    return attribute == nullptr ? std::nullopt : std::optional(read(attribute->t(), budget));
}

std::string shown(std::string_view name) {
    constexpr std::size_t longest = 80;
    std::string text(name.substr(0, longest));
    std::ranges::replace_if(
        text, [](char c) { return c < ' ' || c > '~'; }, '?');
    return name.size() > longest ? text + "..." : text;
}

std::string name_of(const ::onnx::NodeProto& node) {
    return shown(!node.name().empty() || node.output_size() == 0 ? node.name() : node.output(0));
}

std::string label_of(const ::onnx::NodeProto& node) { return name_of(node) + "/" + shown(node.op_type()); }

}  // namespace einfer::onnx
