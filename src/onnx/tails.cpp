// What follows the last layer: from numbers to probabilities and classes.
#include "onnx/call.h"

#include <algorithm>
#include <map>
#include <utility>

namespace einfer::onnx {
namespace {

/// `label` as it is looked up in `table`, whose indices its values are.
Data looked_up(Call& call, Data label, const Tensor& table) {
    if (label.tail != Tail::Label || table.dims.empty() || table.dims.back() != table.size())
        refuse("it looks up encrypted values in a table");
    const std::vector<std::string> entries = class_names_in(table, call.limits);
    std::vector<std::string> names = values_of(label);
    for (std::string& name : names) {
        const auto index = integer_in(name);
        if (!index || !std::in_range<std::size_t>(*index) || std::cmp_greater_equal(*index, entries.size()))
            refuse("its table has no entry for the class " + shown(name));
        name = entries[static_cast<std::size_t>(*index)];
    }
    label.names = call.share(std::move(names));
    return label;
}

}  // namespace

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
    x.names = nullptr;  // its value is the index, whatever the columns are called
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
        x.dims.back() != x.size() || !call.node.flag("keepdims", true))
        refuse("sums of encrypted values are matrices; use MatMul, Gemm or ReduceMean");
    Tensor one;
    one.numbers = {1};
    call.give(std::move(one));
}

void zip_map(Call& call) {
    Data x = call.data(0);
    auto names = class_names_in(call.node, "classlabels_int64s", "classlabels_strings", call.limits);
    if (names.size() != x.size() || x.tail == Tail::Label || x.tail == Tail::IsLarge)
        refuse("it has other classes than the values it gets");
    x.names = call.share(std::move(names));
    call.give(std::move(x));
}

// Gather and ArrayFeatureExtractor. Of a constant by a label: the names of the classes. Of values by constants: some of
// them.
void select(Call& call) {
    const bool is_gather = call.node.op() == "Gather";
    if (call.is_constant(0)) {
        if (is_gather && call.constant(0).dims.size() != 1) refuse("it looks up encrypted values in a table");
        return call.give(looked_up(call, call.data(1), call.constant(0)));
    }
    const Data& x = call.any_data(0);
    const std::vector<double>& indices = call.numbers(1);
    if (x.dims.size() != 1 || (is_gather && axis_of(exact(call.node.integer("axis", 0)), 2) != 1))
        refuse("it picks others than columns of [rows, features]");
    if (indices.empty() || indices.size() > call.limits.max_elements) refuse("it picks no columns, or too many");
    std::vector<std::size_t> columns;
    for (const double index : indices) columns.push_back(axis_of(index, x.size()));
    const Dims dims = is_gather ? call.constant(1).dims : Dims{columns.size()};
    if (dims.size() > 8) refuse("it makes too many dimensions");
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
    // Columns have other names then; but the sign of the second of [-z, z] is the class.
    const bool is_decisive = columns == std::vector<std::size_t>{1} && call.chain.is_opposites(x);
    Data made = call.chain.dense(x, std::move(layer), dims);
    if (is_decisive) made.names = x.names;
    made.is_integer = x.is_integer;
    call.give(std::move(made));
}

void label_encoder(Call& call) {
    Data label = call.data(0);
    if (label.tail != Tail::Label) refuse("it looks up encrypted values in a table");
    const Node& node = call.node;
    auto keys = class_names_in(node, "keys_int64s", "keys_strings", call.limits);
    auto values = class_names_in(node, "values_int64s", "values_strings", call.limits);
    if (keys.empty() || keys.size() != values.size()) refuse("its keys and values are not as many");
    std::map<std::string_view, std::string_view> by_key;
    for (std::size_t i = 0; i < keys.size(); ++i) by_key.emplace(keys[i], values[i]);
    std::vector<std::string> names = values_of(label);
    for (std::string& name : names) {
        const auto found = by_key.find(name);
        if (found == by_key.end()) refuse("it has no value for the class " + shown(name));
        name = found->second;
    }
    label.names = call.share(std::move(names));
    call.give(std::move(label));
}

}  // namespace einfer::onnx
