#include "onnx/call.h"

#include <algorithm>
#include <functional>
#include <numeric>

namespace einfer::onnx {

using inference::Activation;
using inference::ActivationKind;

void activation(Call& call) {
    const std::string& op = call.node.op();
    Activation made;
    if (op == "Relu") made.kind = ActivationKind::Relu;
    if (op == "Sigmoid") made.kind = ActivationKind::Sigmoid;
    if (op == "Tanh") made.kind = ActivationKind::Tanh;
    if (op == "Softplus") made.kind = ActivationKind::Softplus;
    if (op == "LeakyRelu") made = {ActivationKind::LeakyRelu, {call.node.real("alpha", 0.01)}};
    if (op == "PRelu") {
        if (call.numbers(1).size() != 1) refuse("it has several slopes; use one, or LeakyRelu");
        made = {ActivationKind::LeakyRelu, {call.number(1)}};
    }
    call.give(call.chain.activate(call.data(0), std::move(made)));
}

void absolute(Call& call) {
    const Data& x = call.data(0);
    if (!call.chain.sums_to_one(x) && !call.chain.is_sigmoid(x)) throw Refusal{advice("Abs"), true};
    call.give(x);
}

void softmax(Call& call) {
    Data x = call.data(0);
    const std::size_t rank = x.dims.size() + 1;
    const bool flattens = call.opset < 13;  // all dimensions from the axis on, until opset 13
    const auto axis = axis_of(exact(call.node.integer("axis", flattens ? 1 : -1)), rank);
    if (axis == 0) refuse("it is over the rows; use axis 1");
    const std::size_t covered = flattens ? std::accumulate(x.dims.begin() + static_cast<std::ptrdiff_t>(axis) - 1,
                                                           x.dims.end(), std::size_t{1}, std::multiplies{})
                                         : x.dims[axis - 1];
    if (x.size() == 1) refuse("it is over one value, of which it makes 1; use Sigmoid for a single output");
    if (covered != x.size()) refuse("it is over a part of the values; only a Softmax over all of them can be imported");
    // Of a value that is no plain end of the chain the numbers are settled first.
    if (!x.is_plain()) x = call.chain.scale(x, std::vector<double>(x.size(), 1), std::vector<double>(x.size()));
    x.tail = Tail::Softmax;
    call.give(x);
}

void log_softmax(Call&) {
    throw Refusal{
        "export the model without it: the values before it have the same class, and Softmax gives "
        "probabilities",
        true};
}

// PyTorch's exporter writes softplus(x) as "x where x > 20, else softplus(x)", which differ by less than 1e-8.
void greater(Call& call) {
    constexpr double large = 18;
    Data x = call.data(0);
    if (!x.is_plain() || call.number(1) < large) throw Refusal{advice("Greater"), true};
    x.tail = Tail::IsLarge;
    call.give(std::move(x));
}

void where(Call& call) {
    const Data& condition = call.data(0);
    const Data &x = call.data(1), &y = call.data(2);
    if (condition.tail != Tail::IsLarge || condition.link != x.link || !call.chain.is_softplus(y, x))
        throw Refusal{advice("Where"), true};
    call.give(y);
}

}  // namespace einfer::onnx
