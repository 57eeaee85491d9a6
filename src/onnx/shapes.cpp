// What leaves the elements of a row in their order, and so is no layer.
#include "onnx/call.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <functional>
#include <numeric>

namespace einfer::onnx {
namespace {

Data with_dims(Data x, Dims dims) {
    x.dims = std::move(dims);
    return x;
}

std::size_t count(std::span<const std::size_t> dims) {
    return std::accumulate(dims.begin(), dims.end(), std::size_t{1}, std::multiplies{});
}

[[noreturn]] void refuse_rows() { refuse("it moves values between rows; the first dimension has to stay the row"); }

}  // namespace

void pass(Call& call) { call.give(call.any_data(0)); }

void dropout(Call& call) {
    if (call.given(2) && call.number(2) != 0)
        refuse("it is in training mode; export the model in evaluation mode (model.eval())");
    call.give(call.data(0));
}

void cast(Call& call) {
    using ::onnx::TensorProto;
    Data x = call.any_data(0);
    const std::int64_t to = call.node.integer("to", 0);
    const bool is_real = to == TensorProto::FLOAT || to == TensorProto::DOUBLE || to == TensorProto::FLOAT16;
    const bool is_integer = to == TensorProto::INT64 || to == TensorProto::INT32 || to == TensorProto::STRING;
    if (!is_real && !(x.tail == Tail::Label && is_integer))
        refuse("it makes other numbers of encrypted values than floats");
    if (is_integer && to != TensorProto::STRING && x.names)
        for (const std::string& name : *x.names)
            if (!integer_in(name)) refuse("it makes an integer of the class " + shown(name));
    x.is_integer = false;
    call.give(std::move(x));
}

void flatten(Call& call) {
    const Data& x = call.any_data(0);
    const std::size_t rank = x.dims.size() + 1;
    const double wanted = exact(call.node.integer("axis", 1));
    const std::size_t axis = wanted == static_cast<double>(rank) ? rank : axis_of(wanted, rank);
    if (axis == 0 || count(std::span(x.dims).first(axis - 1)) != 1) refuse_rows();
    call.give(with_dims(x, {x.size()}));
}

// The target's first dimension is the row when it is the number of rows, copied (0), or left open (-1) while the others
// are the elements of a row.
void reshape(Call& call) {
    const Data& x = call.any_data(0);
    const Tensor& tensor = call.constant(1);
    const std::vector<double>& target = tensor.numbers;
    const bool copies = !call.node.flag("allowzero", false);
    // A class label has no dimension but the row.
    if (target.empty() || target.size() > 9 || tensor.kind == Tensor::Kind::Text) refuse("its shape has no dimensions");
    const double first = target.front();
    const bool is_open = first == -1;
    const bool is_row = is_row_count(first) || (first == 0 && copies) || is_open ||
                        (call.rows && first == static_cast<double>(*call.rows));
    if (!is_row) refuse_rows();
    Dims dims;
    std::optional<std::size_t> open;
    std::size_t known = 1;
    for (std::size_t i = 1; i < target.size(); ++i) {
        double dim = target[i];
        if (dim == 0 && copies) {
            if (i > x.dims.size()) refuse("its shape copies a dimension that is not there");
            dim = static_cast<double>(x.dims[i - 1]);
        }
        if (dim == -1 && !open && !is_open) {
            open = dims.size();
            dims.push_back(1);
            continue;
        }
        if (!(dim >= 1 && dim <= static_cast<double>(x.size())) || dim != std::floor(dim)) refuse_rows();
        dims.push_back(static_cast<std::size_t>(dim));
        known = product(known, dims.back(), x.size());
    }
    if (open) dims[*open] = x.size() / known;
    if (count(dims) != x.size()) refuse_rows();
    call.give(with_dims(x, std::move(dims)));
}

void squeeze(Call& call) {
    const Data& x = call.any_data(0);
    const std::size_t rank = x.dims.size() + 1;
    std::vector<bool> is_gone(rank, false);
    const std::vector<double> axes = call.integers("axes", 1);
    for (const double axis : axes) is_gone[axis_of(axis, rank)] = true;
    if (is_gone[0]) refuse_rows();
    Dims dims;
    for (std::size_t i = 1; i < rank; ++i) {
        if (is_gone[i] && x.dims[i - 1] != 1) refuse("it removes a dimension that is not 1");
        if (axes.empty() ? x.dims[i - 1] != 1 : !is_gone[i]) dims.push_back(x.dims[i - 1]);
    }
    call.give(with_dims(x, std::move(dims)));
}

void unsqueeze(Call& call) {
    const Data& x = call.any_data(0);
    const std::vector<double> axes = call.integers("axes", 1);
    const std::size_t rank = x.dims.size() + 1 + axes.size();
    if (rank > 9) refuse("it makes too many dimensions");
    std::vector<bool> is_new(rank, false);
    for (const double axis : axes) {
        const std::size_t place = axis_of(axis, rank);
        if (is_new[place]) refuse("it names an axis twice");
        is_new[place] = true;
    }
    if (is_new[0]) refuse_rows();
    Dims dims;
    std::size_t next = 0;
    for (std::size_t i = 1; i < rank; ++i) dims.push_back(is_new[i] ? 1 : x.dims[next++]);
    call.give(with_dims(x, std::move(dims)));
}

void transpose(Call& call) {
    const Data& x = call.any_data(0);
    const std::size_t rank = x.dims.size() + 1;
    const std::vector<double> order = call.node.integers("perm");
    if (order.size() != rank) refuse("its perm does not fit the dimensions");
    std::vector<bool> is_used(rank, false);
    Dims dims;
    std::size_t last = 0;
    for (std::size_t i = 0; i < rank; ++i) {
        const std::size_t from = axis_of(order[i], rank);
        if (is_used[from]) refuse("its perm names an axis twice");
        is_used[from] = true;
        if ((i == 0) != (from == 0)) refuse_rows();
        if (i == 0) continue;
        dims.push_back(x.dims[from - 1]);
        if (dims.back() == 1) continue;
        if (from < last) refuse("it changes the order of the values; have the model take them in the order it needs");
        last = from;
    }
    call.give(with_dims(x, std::move(dims)));
}

void shape(Call& call) {
    const Data& x = call.any_data(0);
    std::vector<double> sizes{row_count};
    for (const std::size_t dim : x.dims) sizes.push_back(static_cast<double>(dim));
    const auto rank = static_cast<std::int64_t>(sizes.size());
    const auto place = [rank](std::int64_t at) { return std::clamp(at < 0 ? at + rank : at, std::int64_t{0}, rank); };
    const std::int64_t start = place(call.node.integer("start", 0)), end = place(call.node.integer("end", rank));
    Tensor tensor;
    tensor.kind = Tensor::Kind::Integer;
    if (start < end) tensor.numbers.assign(sizes.begin() + start, sizes.begin() + end);
    tensor.dims = {tensor.numbers.size()};
    call.give(std::move(tensor));
}

// Of two values of the same number: two columns. [1 - p, p] and [-z, z] are how exporters write a binary class.
void concat(Call& call) {
    if (call.inputs.size() == 1) return pass(call);
    std::size_t columns = 0;
    inference::Dense layer{1, 0, {}, {}};
    const Data& first = call.data(0);
    if (axis_of(exact(call.node.integer("axis", 1)), first.dims.size() + 1) != first.dims.size() || first.dims.empty())
        refuse("it joins other dimensions than the last");
    if (first.size() != 1) refuse("it joins two paths; only models whose layers follow one another can be imported");
    for (std::size_t i = 0; i < call.inputs.size(); ++i) {
        const Data& x = call.data(i);
        if (x.link != first.link || x.dims != first.dims || x.tail != Tail::None || x.polynomial.size() > 2)
            refuse("it joins two paths; only models whose layers follow one another can be imported");
        layer.bias.push_back(x.polynomial[0]);
        layer.weights.push_back(x.polynomial.size() > 1 ? x.polynomial[1] : 0);
        ++columns;
    }
    layer.outputs = columns;
    Dims dims = first.dims;
    dims.back() = columns;
    Data second = call.data(1);
    const Data end{second.dims, second.link};
    const bool is_sigmoid = call.chain.is_sigmoid(end);
    const bool is_probability = layer.bias == std::vector<double>{1, 0} && is_sigmoid;
    // [-p, p] of a probability is two columns as others are: its class is always the second.
    const bool is_score = layer.bias == std::vector<double>{0, 0} && !is_sigmoid;
    if (layer.weights == std::vector<double>{-1, 1} && (is_probability || is_score)) {
        second.dims = std::move(dims);
        second.tail = Tail::Pair;
        return call.give(second);
    }
    call.give(call.chain.dense(end, std::move(layer), std::move(dims)));
}

void feature_vectorizer(Call& call) {
    if (call.inputs.size() != 1) refuse("it joins several inputs; export the model with one input [rows, features]");
    Data x = call.any_data(0);
    const std::vector<double> sizes = call.node.integers("inputdimensions");
    if (x.dims.size() != 1 || (!sizes.empty() && sizes != std::vector{static_cast<double>(x.size())}))
        refuse("its inputdimensions do not fit the values it gets");
    x.is_integer = false;
    call.give(std::move(x));
}

}  // namespace einfer::onnx
