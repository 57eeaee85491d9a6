// What follows the last layer: from numbers to probabilities and classes.
#include "onnx/call.h"

#include <algorithm>
#include <map>

namespace einfer::onnx {

void arg_max(Call& call) {
    Data x = call.data(0);
    const std::size_t rank = x.dims.size() + 1;
    const std::size_t axis = axis_of(exact(call.node.integer("axis", 0)), rank);
    if (axis == 0) refuse("it is over the rows; use axis 1");
    const std::size_t classes = x.size();
    if (x.dims[axis - 1] != classes || classes < 2 || x.tail == Tail::Label || x.tail == Tail::IsLarge)
        refuse("it is over a part of the values, or over one; only the largest of all can be imported");
    const Dims dims(x.dims.size() - (call.node.flag("keepdims", true) ? 0 : 1), 1);
    if (x.tail == Tail::Complement) x = call.chain.scale({{1}, x.link}, {1}, {-0.5});  // x is above 1 - x from there on
    if (x.tail == Tail::None && !x.is_plain())
        x = call.chain.scale(x, std::vector<double>(x.size(), 1), std::vector<double>(x.size()));
    x.tail = Tail::Label;
    x.classes = classes;
    x.dims = dims;
    call.give(std::move(x));
}

void normalizer(Call& call) {
    const Data& x = call.data(0);
    if (call.node.text("norm", "MAX") != "L1" || !call.chain.sums_to_one(x))
        refuse(
            "it divides by a sum of encrypted values; train the classifier so that its probabilities are a softmax "
            "(multinomial), or export raw scores");
    call.give(x);
}

void reduce_sum(Call& call) {
    const Data& x = call.data(0);
    const std::vector<double> axes = call.integers("axes", 1);
    if (axes.size() != 1 || axis_of(axes.front(), x.dims.size() + 1) != x.dims.size() || !call.chain.sums_to_one(x) ||
        !call.node.flag("keepdims", true))
        refuse("sums of encrypted values are matrices; use MatMul, Gemm or ReduceMean");
    Tensor one;
    one.numbers = {1};
    call.give(std::move(one));
}

void zip_map(Call& call) {
    const Data& x = call.data(0);
    auto names = class_names_in(call.node, "classlabels_int64s", "classlabels_strings", call.limits);
    if (names.size() != x.size() || x.tail == Tail::Label || x.tail == Tail::IsLarge)
        refuse("it has other classes than the values it gets");
    call.chain.name_classes(std::move(names));
    call.give(x);
}

// Gather and ArrayFeatureExtractor. Of a constant by a label: the names of the classes. Of values by constants: some of
// them.
void select(Call& call) {
    const bool is_gather = call.node.op() == "Gather";
    if (call.is_constant(0)) {
        Data label = call.data(1);
        const Tensor& names = call.constant(0);
        if (label.tail != Tail::Label || names.size() != label.classes || (is_gather && names.dims.size() != 1))
            refuse("it looks up encrypted values in a table");
        call.chain.name_classes(class_names_in(names, call.limits));
        return call.give(label);
    }
    const Data& x = call.data(0);
    const std::vector<double>& indices = call.numbers(1);
    if (x.dims.size() != 1 || (is_gather && axis_of(exact(call.node.integer("axis", 0)), 2) != 1))
        refuse("it picks others than columns of [rows, features]");
    if (indices.empty() || indices.size() > call.limits.max_elements) refuse("it picks no columns, or too many");
    std::vector<std::size_t> columns;
    for (const double index : indices) columns.push_back(axis_of(index, x.size()));
    const Dims dims = is_gather && call.constant(1).dims.empty() ? Dims{} : Dims{columns.size()};
    if ((x.tail == Tail::Pair || x.tail == Tail::Complement) && columns == std::vector<std::size_t>{1}) {
        Data second = x;
        second.tail = Tail::None;
        second.dims = dims;
        return call.give(second);
    }
    inference::Dense layer{x.size(), columns.size(), {}, std::vector<double>(columns.size())};
    const std::size_t size = product(layer.inputs, layer.outputs, call.budget.left());
    call.budget.take(size);
    layer.weights.resize(size);
    for (std::size_t i = 0; i < columns.size(); ++i) layer.weights[i * x.size() + columns[i]] = 1;
    call.give(call.chain.dense(x, std::move(layer), dims));
}

void label_encoder(Call& call) {
    const Data& label = call.data(0);
    if (label.tail != Tail::Label) refuse("it looks up encrypted values in a table");
    const Node& node = call.node;
    auto keys = class_names_in(node, "keys_int64s", "keys_strings", call.limits);
    auto values = class_names_in(node, "values_int64s", "values_strings", call.limits);
    if (keys.empty() || keys.size() != values.size()) refuse("its keys and values are not as many");
    std::map<std::string_view, std::string_view> values_of;
    for (std::size_t i = 0; i < keys.size(); ++i) values_of.emplace(keys[i], values[i]);
    std::vector<std::string> names = names_or_indices(call.chain.class_names(), label.classes);
    for (std::string& name : names) {
        const auto found = values_of.find(name);
        if (found == values_of.end()) refuse("it has no value for the class " + shown(name));
        name = found->second;
    }
    call.chain.name_classes(std::move(names));
    call.give(label);
}

}  // namespace einfer::onnx
