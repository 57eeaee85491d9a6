// Operators whose inputs are all known: shapes as exporters compute them, and weights that are turned around.
#include "onnx/call.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <functional>

namespace einfer::onnx {
namespace {

using ::onnx::TensorProto;

/// A copy that is paid for.
Tensor copied(Call& call, const Tensor& tensor) {
    call.budget.take(tensor.size());
    for (const std::string& text : tensor.texts) call.budget.take(text.size() / sizeof(double) + 4);
    return tensor;
}

void require_flat(const Tensor& tensor) {
    if (tensor.dims.size() > 1) refuse("on constants it can only be followed for shapes");
}

void constant(Call& call) {
    const Node& node = call.node;
    Tensor tensor;
    if (auto value = node.tensor("value", call.budget)) {
        tensor = *std::move(value);
    } else if (node.has("value_float")) {
        tensor.numbers = {node.real("value_float", 0)};
    } else if (node.has("value_floats")) {
        tensor.numbers = node.reals("value_floats");
        tensor.dims = {tensor.numbers.size()};
    } else if (node.has("value_int") || node.has("value_ints")) {
        tensor.kind = Tensor::Kind::Integer;
        tensor.numbers =
            node.has("value_int") ? std::vector{exact(node.integer("value_int", 0))} : node.integers("value_ints");
        if (!node.has("value_int")) tensor.dims = {tensor.numbers.size()};
    } else {
        refuse("it has no value of numbers");
    }
    call.give(std::move(tensor));
}

void identity(Call& call) {
    (void)call.constant(0);
    call.give(call.inputs[0]);
}

void cast_constant(Call& call) {
    const std::int64_t to = call.node.integer("to", 0);
    Tensor tensor = copied(call, call.constant(0));
    if (tensor.kind == Tensor::Kind::Text) refuse("it makes numbers of text");
    if (to == TensorProto::INT64 || to == TensorProto::INT32) {
        for (double& value : tensor.numbers) value = std::trunc(value);
        tensor.kind = Tensor::Kind::Integer;
    } else if (to == TensorProto::FLOAT || to == TensorProto::DOUBLE || to == TensorProto::FLOAT16) {
        tensor.kind = Tensor::Kind::Real;
    } else {
        refuse("it makes something else than numbers of a constant");
    }
    call.give(std::move(tensor));
}

void shape_of_constant(Call& call) {
    Tensor tensor;
    tensor.kind = Tensor::Kind::Integer;
    for (const std::size_t dim : call.constant(0).dims) tensor.numbers.push_back(static_cast<double>(dim));
    tensor.dims = {tensor.numbers.size()};
    if (call.node.has("start") || call.node.has("end")) refuse("it takes a part of a constant's shape");
    call.give(std::move(tensor));
}

void gather(Call& call) {
    const Tensor& from = call.constant(0);
    const Tensor& indices = call.constant(1);
    if (from.dims.size() != 1 || call.node.integer("axis", 0) > 0)
        refuse("on constants it can only be followed for shapes");
    Tensor tensor;
    tensor.kind = from.kind;
    tensor.dims = indices.dims;
    for (const double index : numbers_of(indices)) {
        const std::size_t place = axis_of(index, from.size());
        call.budget.take(1);
        if (from.kind == Tensor::Kind::Text) {
            call.budget.take(from.texts[place].size() / sizeof(double) + 4);
            tensor.texts.push_back(from.texts[place]);
        } else {
            tensor.numbers.push_back(from.numbers[place]);
        }
    }
    call.give(std::move(tensor));
}

void concat_constants(Call& call) {
    Tensor tensor;
    tensor.kind = call.constant(0).kind;
    for (std::size_t i = 0; i < call.inputs.size(); ++i) {
        const Tensor& part = call.constant(i);
        require_flat(part);
        if (part.kind != tensor.kind || part.kind == Tensor::Kind::Text) refuse("it joins constants of other types");
        call.budget.take(part.size());
        tensor.numbers.insert(tensor.numbers.end(), part.numbers.begin(), part.numbers.end());
    }
    tensor.dims = {tensor.numbers.size()};
    call.give(std::move(tensor));
}

void slice(Call& call) {
    const Tensor& from = call.constant(0);
    const std::vector<double> starts = call.integers("starts", 1), ends = call.integers("ends", 2);
    if (from.dims.size() != 1 || from.kind == Tensor::Kind::Text || starts.size() != 1 || ends.size() != 1 ||
        (call.given(4) && call.number(4) != 1))
        refuse("on constants it can only be followed for shapes, in steps of one");
    const auto size = static_cast<double>(from.size());
    const auto place = [size](double at) {
        return static_cast<std::ptrdiff_t>(std::clamp(at < 0 ? at + size : at, 0.0, size));
    };
    const std::ptrdiff_t start = place(starts.front()), end = place(ends.front());
    Tensor tensor;
    tensor.kind = from.kind;
    call.budget.take(from.size());
    if (start < end) tensor.numbers.assign(from.numbers.begin() + start, from.numbers.begin() + end);
    tensor.dims = {tensor.numbers.size()};
    call.give(std::move(tensor));
}

void squeeze_constant(Call& call) {
    Tensor tensor = copied(call, call.constant(0));
    const std::vector<double> axes = call.integers("axes", 1);
    std::vector<bool> is_gone(tensor.dims.size(), false);
    for (const double axis : axes) is_gone[axis_of(axis, tensor.dims.size())] = true;
    Dims dims;
    for (std::size_t i = 0; i < tensor.dims.size(); ++i) {
        if (is_gone[i] && tensor.dims[i] != 1) refuse("it removes a dimension that is not 1");
        if (axes.empty() ? tensor.dims[i] != 1 : !is_gone[i]) dims.push_back(tensor.dims[i]);
    }
    tensor.dims = std::move(dims);
    call.give(std::move(tensor));
}

void unsqueeze_constant(Call& call) {
    Tensor tensor = copied(call, call.constant(0));
    const std::vector<double> axes = call.integers("axes", 1);
    const std::size_t rank = tensor.dims.size() + axes.size();
    if (rank > 32) refuse("it makes too many dimensions");
    std::vector<bool> is_new(rank, false);
    for (const double axis : axes) {
        const std::size_t place = axis_of(axis, rank);
        if (is_new[place]) refuse("it names an axis twice");
        is_new[place] = true;
    }
    Dims dims;
    std::size_t next = 0;
    for (std::size_t i = 0; i < rank; ++i) dims.push_back(is_new[i] ? 1 : tensor.dims[next++]);
    tensor.dims = std::move(dims);
    call.give(std::move(tensor));
}

void reshape_constant(Call& call) {
    Tensor tensor = copied(call, call.constant(0));
    const std::vector<double>& target = call.numbers(1);
    if (target.size() > 32) refuse("it makes too many dimensions");
    Dims dims;
    std::optional<std::size_t> open;
    std::size_t known = 1;
    for (std::size_t i = 0; i < target.size(); ++i) {
        if (target[i] == -1 && !open) {
            open = i;
            dims.push_back(1);
            continue;
        }
        if (target[i] == 0 && i >= tensor.dims.size()) refuse("its shape does not fit");
        const double dim = target[i] == 0 ? static_cast<double>(tensor.dims[i]) : target[i];
        if (!(dim >= 1 && dim <= static_cast<double>(tensor.size()))) refuse("its shape does not fit");
        dims.push_back(static_cast<std::size_t>(dim));
        known = product(known, dims.back(), tensor.size());
    }
    if (open) dims[*open] = tensor.size() / known;
    if (element_count(dims, tensor.size()) != tensor.size()) refuse("its shape does not fit");
    tensor.dims = std::move(dims);
    call.give(std::move(tensor));
}

void transpose_constant(Call& call) {
    const Tensor& from = call.constant(0);
    const std::vector<double> order = call.node.integers("perm");
    const bool is_reversed = order.empty() || order == std::vector<double>{1, 0};
    if (from.dims.size() != 2 || !is_reversed || from.kind == Tensor::Kind::Text)
        refuse("of constants only matrices can be transposed");
    Tensor tensor;
    tensor.kind = from.kind;
    tensor.dims = {from.dims[1], from.dims[0]};
    call.budget.take(from.size());
    tensor.numbers.resize(from.size());
    for (std::size_t row = 0; row < from.dims[0]; ++row)
        for (std::size_t column = 0; column < from.dims[1]; ++column)
            tensor.numbers[column * from.dims[0] + row] = from.numbers[row * from.dims[1] + column];
    call.give(std::move(tensor));
}

double joined(const std::string& op, double a, double b, bool is_integer) {
    if (op == "Add") return a + b;
    if (op == "Sub") return a - b;
    if (op == "Mul") return a * b;
    if (op == "Mod") return a - b * std::floor(a / b);
    return is_integer ? std::trunc(a / b) : a / b;
}

// One operand is a single number, or both have the same shape.
void arithmetic_of_constants(Call& call) {
    const Tensor &a = call.constant(0), &b = call.constant(1);
    const std::vector<double>&x = numbers_of(a), &y = numbers_of(b);
    if (a.kind != b.kind) refuse("it joins constants of other types");
    const bool fits = a.dims == b.dims || (x.size() == 1 && a.dims.size() <= b.dims.size()) ||
                      (y.size() == 1 && b.dims.size() <= a.dims.size());
    if (!fits) refuse("of two constants with other shapes");
    Tensor tensor;
    tensor.kind = a.kind;
    tensor.dims = x.size() == 1 && a.dims.size() <= b.dims.size() ? b.dims : a.dims;
    const std::size_t size = element_count(tensor.dims, call.budget.left());
    call.budget.take(size);
    for (std::size_t i = 0; i < size; ++i)
        tensor.numbers.push_back(joined(call.node.op(), x[x.size() == 1 ? 0 : i], y[y.size() == 1 ? 0 : i],
                                        a.kind == Tensor::Kind::Integer));
    (void)numbers_of(tensor);
    call.give(std::move(tensor));
}

void each(Call& call) {
    Tensor tensor = copied(call, call.constant(0));
    (void)numbers_of(tensor);
    for (double& value : tensor.numbers) value = call.node.op() == "Neg" ? -value : std::sqrt(value);
    (void)numbers_of(tensor);
    call.give(std::move(tensor));
}

struct Entry {
    std::string_view op;
    Operator run;
};
constexpr Entry entries[] = {
    {"Add", arithmetic_of_constants},
    {"Cast", cast_constant},
    {"Concat", concat_constants},
    {"Constant", constant},
    {"Div", arithmetic_of_constants},
    {"Gather", gather},
    {"Identity", identity},
    {"Mod", arithmetic_of_constants},
    {"Mul", arithmetic_of_constants},
    {"Neg", each},
    {"Reshape", reshape_constant},
    {"Shape", shape_of_constant},
    {"Slice", slice},
    {"Sqrt", each},
    {"Squeeze", squeeze_constant},
    {"Sub", arithmetic_of_constants},
    {"Transpose", transpose_constant},
    {"Unsqueeze", unsqueeze_constant},
};

}  // namespace

Operator folding(std::string_view op) {
    const auto* const found = std::ranges::find(entries, op, &Entry::op);
    return found == std::end(entries) ? nullptr : found->run;
}

}  // namespace einfer::onnx
