#include "onnx/call.h"

namespace einfer::onnx {

bool Call::given(std::size_t input) const {
    return input < inputs.size() && !std::holds_alternative<std::monostate>(inputs[input]);
}

bool Call::is_constant(std::size_t input) const {
    return input < inputs.size() && std::holds_alternative<Constant>(inputs[input]);
}

const Data& Call::data(std::size_t input) const {
    const Data& x = any_data(input);
    if (x.is_integer)
        refuse(
            "it computes with the integers of the model's input, which it may round; have the input cast to floats "
            "before, or export the model with an input of floats");
    return x;
}

const Data& Call::any_data(std::size_t input) const {
    if (!given(input)) refuse("an input is missing");
    if (is_constant(input)) refuse("it takes what depends on the model's input where a constant is");
    return std::get<Data>(inputs[input]);
}

const Tensor& Call::constant(std::size_t input) const {
    if (!given(input)) refuse("an input is missing");
    if (!is_constant(input))
        refuse(
            "it needs a constant, but gets values that depend on the model's input; two encrypted values can only "
            "be joined element by element into a polynomial");
    return *std::get<Constant>(inputs[input]);
}

double Call::number(std::size_t input) const {
    const std::vector<double>& values = numbers(input);
    if (values.size() != 1) refuse("it needs one number, but gets " + std::to_string(values.size()));
    return values.front();
}

std::vector<double> Call::integers(std::string_view attribute, std::size_t input) const {
    if (node.has(attribute)) return node.integers(attribute);
    return given(input) ? numbers(input) : std::vector<double>{};
}

Names Call::share(std::vector<std::string> names) {
    for (const std::string& name : names) budget.take(name.size() / sizeof(double) + 4);
    return std::make_shared<const std::vector<std::string>>(std::move(names));
}

void Call::give(Value value, std::size_t output) {
    if (output < outputs.size()) outputs[output] = std::move(value);
}

}  // namespace einfer::onnx
