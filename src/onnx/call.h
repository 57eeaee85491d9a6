// What an operator is given, and what it gives. Private to src/onnx.
#pragma once

#include "onnx/chain.h"
#include "onnx/node.h"
#include "onnx/tensor.h"

#include <functional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace einfer::onnx {

using Value = std::variant<std::monostate, Constant, Data>;  ///< nothing: an input left out

struct Call {
    const Node& node;
    std::int64_t opset;  ///< of the node's domain
    std::vector<Value> inputs;
    std::vector<Value> outputs;
    std::vector<bool> wanted;  ///< by output: it is on the path
    Chain& chain;
    Budget& budget;
    const ImportLimits& limits;
    std::optional<std::size_t> rows;  ///< when the model says how many

    [[nodiscard]] bool given(std::size_t input) const;
    [[nodiscard]] bool is_constant(std::size_t input) const;
    /// Refused when the input is left out, a constant, or integers.
    [[nodiscard]] const Data& data(std::size_t input) const;
    /// The same, and integers: for operators that leave them as they are, or make floats of them.
    [[nodiscard]] const Data& any_data(std::size_t input) const;
    /// Refused when the input is left out or no constant.
    [[nodiscard]] const Tensor& constant(std::size_t input) const;
    [[nodiscard]] const std::vector<double>& numbers(std::size_t input) const { return numbers_of(constant(input)); }
    /// Of a constant with one element.
    [[nodiscard]] double number(std::size_t input) const;
    /// The attribute, or else the input that took its place in a later opset; empty when there is neither.
    [[nodiscard]] std::vector<double> integers(std::string_view attribute, std::size_t input) const;

    /// To be kept with a value; what they take is paid for.
    [[nodiscard]] Names share(std::vector<std::string> names);

    void give(Value value, std::size_t output = 0);
    void give(Tensor tensor) { give(std::make_shared<const Tensor>(std::move(tensor))); }
};

using Operator = void (*)(Call&);

// Operators whose inputs are all constants (fold.cpp), and those on the path of the input.
[[nodiscard]] Operator folding(std::string_view op);
[[nodiscard]] Operator operator_for(std::string_view op, bool is_ml);
/// What to do about an operator that is in neither.
[[nodiscard]] std::string advice(std::string_view op);
/// There is an advice for this one.
[[nodiscard]] bool has_advice(std::string_view op);

// activations.cpp: element by element, without constants
void activation(Call& call);
void absolute(Call& call);
void softmax(Call& call);
void log_softmax(Call& call);
void greater(Call& call);
void where(Call& call);
// arithmetic.cpp
void arithmetic(Call& call);
void negate(Call& call);
void power(Call& call);
// dense.cpp
void gemm(Call& call);
void matmul(Call& call);
void scaler(Call& call);
void linear_regressor(Call& call);
void linear_classifier(Call& call);
// images.cpp
void convolution(Call& call);
void average_pool(Call& call);
void global_average_pool(Call& call);
void reduce_mean(Call& call);
void batch_normalization(Call& call);
// shapes.cpp: the order of the elements stays
void pass(Call& call);
void dropout(Call& call);
void cast(Call& call);
void flatten(Call& call);
void reshape(Call& call);
void squeeze(Call& call);
void unsqueeze(Call& call);
void transpose(Call& call);
void shape(Call& call);
void concat(Call& call);
void feature_vectorizer(Call& call);
// tails.cpp: from numbers to classes
void arg_max(Call& call);
void normalizer(Call& call);
void reduce_sum(Call& call);
void zip_map(Call& call);
void select(Call& call);
void label_encoder(Call& call);

/// What `label` is when it is each of its classes: their names or, when there are none, "0", "1", …
[[nodiscard]] std::vector<std::string> values_of(const Data& label);
/// The integer that `value` is written as.
[[nodiscard]] std::optional<std::int64_t> integer_in(const std::string& value);
/// The elements of `tensor` as names. Refused when they are too many, too long, or no plain text.
[[nodiscard]] std::vector<std::string> class_names_in(const Tensor& tensor, const ImportLimits& limits);
/// The same of two attributes, of which one may be given.
[[nodiscard]] std::vector<std::string> class_names_in(const Node& node, std::string_view integers,
                                                      std::string_view texts, const ImportLimits& limits);

/// a · b as polynomials.
[[nodiscard]] std::vector<double> times(const std::vector<double>& a, const std::vector<double>& b);

}  // namespace einfer::onnx
