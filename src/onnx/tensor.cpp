#include "onnx/tensor.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <bit>
#include <cstring>

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

namespace einfer::onnx {
namespace {

using ::onnx::TensorProto;

double half(std::uint16_t bits) {
    const int exponent = bits >> 10 & 31;
    const double fraction = bits & 1023;
    double value;
    if (exponent == 31)
        value = fraction == 0 ? std::numeric_limits<double>::infinity() : std::numeric_limits<double>::quiet_NaN();
    else
        value = exponent == 0 ? std::ldexp(fraction, -24) : std::ldexp(fraction + 1024, exponent - 25);
    return bits >> 15 != 0 ? -value : value;
}

template <class Bits, class Convert>
std::vector<double> from_raw(const std::string& raw, std::size_t count, Convert convert) {
    if (raw.size() / sizeof(Bits) != count || raw.size() % sizeof(Bits) != 0)
        refuse("a tensor has other bytes than its dimensions say");
    std::vector<double> numbers(count);
    for (std::size_t i = 0; i < count; ++i) {
        Bits bits;
        std::memcpy(&bits, raw.data() + i * sizeof bits, sizeof bits);
        numbers[i] = convert(bits);
    }
    return numbers;
}

template <class Field, class Convert>
std::vector<double> from_field(const Field& field, std::size_t count, Convert convert) {
    if (static_cast<std::size_t>(field.size()) != count) refuse("a tensor has other values than its dimensions say");
    std::vector<double> numbers(count);
    std::ranges::transform(field, numbers.begin(), convert);
    return numbers;
}

template <class Bits, class Field, class Convert>
std::vector<double> from_either(const TensorProto& proto, const Field& field, std::size_t count, Convert convert) {
    return proto.has_raw_data() ? from_raw<Bits>(proto.raw_data(), count, convert) : from_field(field, count, convert);
}

/// The bytes that the file holds for the values bound `count` before any memory is taken for it.
std::size_t count_of(const TensorProto& proto, Dims& dims, Budget& budget) {
    if (proto.dims_size() > 32) refuse("a tensor has more than 32 dimensions");
    for (const std::int64_t dim : proto.dims()) {
        if (dim < 0) refuse("a tensor has a negative dimension");
        dims.push_back(static_cast<std::size_t>(dim));
    }
    const std::size_t count = element_count(dims, budget.left());
    budget.take(count);
    return count;
}

std::vector<double> numbers_in(const TensorProto& proto, std::size_t count) {
    const auto as_is = [](auto value) { return static_cast<double>(value); };
    switch (proto.data_type()) {
        case TensorProto::FLOAT: return from_either<float>(proto, proto.float_data(), count, as_is);
        case TensorProto::DOUBLE: return from_either<double>(proto, proto.double_data(), count, as_is);
        case TensorProto::FLOAT16:
            return from_either<std::uint16_t>(proto, proto.int32_data(), count,
                                              [](auto bits) { return half(static_cast<std::uint16_t>(bits)); });
        case TensorProto::BOOL:
            return from_either<std::uint8_t>(proto, proto.int32_data(), count,
                                             [](auto value) { return value != 0 ? 1.0 : 0.0; });
        case TensorProto::INT32: return from_either<std::int32_t>(proto, proto.int32_data(), count, as_is);
        case TensorProto::INT64: return from_either<std::int64_t>(proto, proto.int64_data(), count, exact);
        default: refuse("a tensor has a type other than float16, float32, float64, int32, int64, bool and text");
    }
}

}  // namespace

Tensor read(const TensorProto& proto, Budget& budget) {
    if (proto.data_location() == TensorProto::EXTERNAL || proto.external_data_size() > 0)
        refuse(
            "the weights are in another file; save the model with its weights inside (in Python: "
            "onnx.save_model(onnx.load(path), path); torch.onnx.export with external_data=False does so at once)");
    if (proto.has_segment()) refuse("a tensor is split into segments");
    Tensor tensor;
    const std::size_t count = count_of(proto, tensor.dims, budget);
    if (proto.data_type() == TensorProto::STRING) {
        if (static_cast<std::size_t>(proto.string_data_size()) != count)
            refuse("a tensor has other values than its dimensions say");
        tensor.kind = Tensor::Kind::Text;
        for (const std::string& text : proto.string_data()) budget.take(text.size() / sizeof(double) + 4);
        tensor.texts.assign(proto.string_data().begin(), proto.string_data().end());
        return tensor;
    }
    if (proto.data_type() == TensorProto::INT32 || proto.data_type() == TensorProto::INT64 ||
        proto.data_type() == TensorProto::BOOL)
        tensor.kind = Tensor::Kind::Integer;
    tensor.numbers = numbers_in(proto, count);
    if (!std::ranges::all_of(tensor.numbers, [](double value) { return std::isfinite(value); }))
        refuse("a tensor holds numbers that are not finite");
    return tensor;
}

double exact(std::int64_t value) {
    constexpr std::int64_t largest = std::int64_t{1} << 53;
    // Exporters write the largest integer for "to the end".
    if (value == std::numeric_limits<std::int64_t>::max()) return static_cast<double>(largest);
    if (value > largest || value < -largest) refuse("an integer is beyond 2^53");
    return static_cast<double>(value);
}

const std::vector<double>& numbers_of(const Tensor& tensor) {
    if (tensor.kind == Tensor::Kind::Text) refuse("numbers are wanted where the model has text");
    if (!std::ranges::all_of(tensor.numbers, [](double value) { return std::isfinite(value); }))
        refuse("what it computes depends on how many rows there are, or is not finite");
    return tensor.numbers;
}

std::size_t element_count(const Dims& dims, std::size_t most) {
    if (std::ranges::find(dims, std::size_t{0}) != dims.end()) return 0;
    std::size_t count = 1;
    for (const std::size_t dim : dims) count = product(count, dim, most);
    return count;
}

std::size_t axis_of(double axis, std::size_t rank) {
    const double from_start = axis < 0 ? axis + static_cast<double>(rank) : axis;
    if (!(from_start >= 0 && from_start < static_cast<double>(rank)) || from_start != std::floor(from_start))
        refuse("there is no such axis");
    return static_cast<std::size_t>(from_start);
}

}  // namespace einfer::onnx
