// Add, Sub, Mul, Div and Pow. Of one value they make polynomials; with a constant for each element, a scaling.
#include "onnx/call.h"

#include <algorithm>

namespace einfer::onnx {
namespace {

constexpr std::size_t max_coefficients = 32;

std::vector<double> plus(const std::vector<double>& a, const std::vector<double>& b, double factor) {
    std::vector<double> sum(std::max(a.size(), b.size()));
    std::ranges::copy(a, sum.begin());
    for (std::size_t i = 0; i < b.size(); ++i) sum[i] += factor * b[i];
    while (sum.size() > 1 && sum.back() == 0) sum.pop_back();
    return sum;
}

Data with(Data x, std::vector<double> polynomial) {
    if (!std::ranges::all_of(polynomial, [](double value) { return std::isfinite(value); }))
        refuse("what it computes is not finite");
    x.polynomial = std::move(polynomial);
    x.names = nullptr;  // the largest may be another one
    return x;
}

/// `tensor` for each element of a row of `dims`, as ONNX broadcasts it.
std::vector<double> by_element(const Tensor& tensor, const Dims& dims) {
    const std::vector<double>& numbers = numbers_of(tensor);
    const std::size_t rank = tensor.dims.size();
    if (rank > dims.size() + 1 || (rank == dims.size() + 1 && tensor.dims.front() != 1))
        refuse("its constant has more dimensions than what it is joined with, or one for each row");
    // How far the constant's elements for one dimension of the row are apart; 0 where one is for all.
    std::vector<std::size_t> steps(dims.size(), 0);
    std::size_t step = 1;
    for (std::size_t i = 0; i < std::min(rank, dims.size()); ++i) {
        const std::size_t dim = tensor.dims[rank - 1 - i], wanted = dims[dims.size() - 1 - i];
        if (dim != 1 && dim != wanted) refuse("the shape of its constant does not fit");
        if (dim != 1) steps[dims.size() - 1 - i] = step;
        step *= dim;
    }
    std::vector<double> values;
    std::vector<std::size_t> place(dims.size(), 0);
    std::size_t count = 1;
    for (const std::size_t dim : dims) count *= dim;
    values.reserve(count);
    for (std::size_t element = 0; element < count; ++element) {
        std::size_t at = 0;
        for (std::size_t d = 0; d < dims.size(); ++d) at += place[d] * steps[d];
        values.push_back(numbers[at]);
        for (std::size_t d = dims.size(); d-- > 0;) {
            if (++place[d] < dims[d]) break;
            place[d] = 0;
        }
    }
    return values;
}

Data of_two(const Call& call, const Data& a, const Data& b) {
    const std::string& op = call.node.op();
    if (a.tail != Tail::None || b.tail != Tail::None) refuse("it joins class probabilities or labels");
    if (a.link != b.link || a.dims != b.dims)
        refuse(
            "it joins two paths (as skip connections, gates and attention do); only models whose layers follow one "
            "another can be imported");
    if (op == "Add") return with(a, plus(a.polynomial, b.polynomial, 1));
    if (op == "Sub") return with(a, plus(a.polynomial, b.polynomial, -1));
    if (op == "Mul") return with(a, times(a.polynomial, b.polynomial));
    refuse("one encrypted value cannot be divided by another");
}

Data of_scalar(const std::string& op, const Data& x, double constant, bool is_first) {
    if (op == "Add") return with(x, plus(x.polynomial, {constant}, 1));
    if (op == "Mul") return with(x, times(x.polynomial, {constant}));
    if (op == "Sub") return with(x, is_first ? plus({constant}, x.polynomial, -1) : plus(x.polynomial, {constant}, -1));
    return with(x, times(x.polynomial, {1 / constant}));
}

}  // namespace

std::vector<double> times(const std::vector<double>& a, const std::vector<double>& b) {
    std::vector<double> made(a.size() + b.size() - 1);
    for (std::size_t i = 0; i < a.size(); ++i)
        for (std::size_t j = 0; j < b.size(); ++j) made[i + j] += a[i] * b[j];
    while (made.size() > 1 && made.back() == 0) made.pop_back();
    if (made.size() > max_coefficients) refuse("the polynomial has a degree above 31");
    return made;
}

void arithmetic(Call& call) {
    if (!call.is_constant(0) && !call.is_constant(1)) return call.give(of_two(call, call.data(0), call.data(1)));
    const bool is_first = call.is_constant(0);
    const Data& x = call.data(is_first ? 1 : 0);
    const Tensor& tensor = call.constant(is_first ? 0 : 1);
    const std::string& op = call.node.op();
    if (op == "Div" && is_first) refuse("a constant cannot be divided by an encrypted value");
    if (op == "Div" && std::ranges::find(numbers_of(tensor), 0.0) != tensor.numbers.end()) refuse("it divides by zero");
    const bool is_one = tensor.size() == 1 && tensor.dims.size() <= x.dims.size() + 1;
    if (is_one && tensor.numbers.size() == 1 && (op == "Div" || op == "Mul") && numbers_of(tensor).front() == 1)
        return call.give(x);
    if (x.tail != Tail::None) refuse("it changes class probabilities or labels");
    if (is_one) return call.give(of_scalar(op, x, numbers_of(tensor).front(), is_first));
    const std::vector<double> constants = by_element(tensor, x.dims);
    std::vector<double> factors(x.size(), 1), offsets(x.size());
    for (std::size_t i = 0; i < constants.size(); ++i) {
        if (op == "Mul") factors[i] = constants[i];
        if (op == "Div") factors[i] = 1 / constants[i];
        if (op == "Add") offsets[i] = constants[i];
        if (op == "Sub") offsets[i] = is_first ? constants[i] : -constants[i];
        if (op == "Sub" && is_first) factors[i] = -1;
    }
    call.give(call.chain.scale(x, factors, offsets));
}

void negate(Call& call) {
    const Data& x = call.data(0);
    if (x.tail != Tail::None) refuse("it changes class probabilities or labels");
    call.give(with(x, times(x.polynomial, {-1})));
}

void power(Call& call) {
    if (call.is_constant(0)) refuse("an encrypted value cannot be an exponent");
    const Data& x = call.data(0);
    const double exponent = call.number(1);
    if (x.tail != Tail::None) refuse("it changes class probabilities or labels");
    if (!(exponent >= 1 && exponent < max_coefficients) || exponent != std::floor(exponent))
        refuse("an encrypted value can only be raised to a whole power from 1 to 31");
    std::vector<double> polynomial = x.polynomial;
    for (int i = 1; i < static_cast<int>(exponent); ++i) polynomial = times(polynomial, x.polynomial);
    call.give(with(x, std::move(polynomial)));
}

}  // namespace einfer::onnx
