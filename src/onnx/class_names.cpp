#include "onnx/call.h"

#include <algorithm>
#include <charconv>

namespace einfer::onnx {
namespace {

/// The bytes of the UTF-8 character that `text` starts with; 0 when it is none. Overlong forms and surrogates are none.
std::size_t character(std::string_view text) {
    const auto byte = [&text](std::size_t i) { return static_cast<unsigned char>(text[i]); };
    const unsigned char first = byte(0);
    if (first < 0x80) return first >= ' ' && first != 0x7f ? 1 : 0;
    const std::size_t size = first >= 0xc2 && first < 0xe0 ? 2 : first >= 0xe0 && first < 0xf0 ? 3 : 4;
    if (first < 0xc2 || first > 0xf4 || text.size() < size) return 0;
    for (std::size_t i = 1; i < size; ++i)
        if ((byte(i) & 0xc0) != 0x80) return 0;
    const unsigned char second = byte(1);
    const bool is_wrong = (first == 0xe0 && second < 0xa0) || (first == 0xed && second >= 0xa0) ||
                          (first == 0xf0 && second < 0x90) || (first == 0xf4 && second >= 0x90);
    return is_wrong ? 0 : size;
}

void require_names(const std::vector<std::string>& names, const ImportLimits& limits) {
    for (const std::string& name : names) {
        if (name.size() > limits.max_class_name_bytes)
            refuse("a class has a name of more than " + std::to_string(limits.max_class_name_bytes) + " bytes");
        for (std::size_t i = 0; i < name.size();) {
            const std::size_t size = character(std::string_view(name).substr(i));
            if (size == 0) refuse("the name of a class is no text in UTF-8");
            i += size;
        }
    }
}

std::string text_of(double number) {
    if (number == std::floor(number) && std::abs(number) <= 0x1p53)  // to_chars writes 1e+05
        return std::to_string(static_cast<std::int64_t>(number));
    char text[32];
    const auto end = std::to_chars(std::begin(text), std::end(text), number).ptr;
    return {text, end};
}

}  // namespace

std::vector<std::string> values_of(const Data& label) {
    if (label.names) return *label.names;
    std::vector<std::string> names;
    for (std::size_t i = 0; i < label.classes; ++i) names.push_back(std::to_string(i));
    return names;
}

std::optional<std::int64_t> integer_in(const std::string& value) {
    std::int64_t integer = 0;
    std::from_chars(value.data(), value.data() + value.size(), integer);
    return std::to_string(integer) == value ? std::optional(integer) : std::nullopt;
}

std::vector<std::string> class_names_in(const Tensor& tensor, const ImportLimits& limits) {
    if (tensor.size() > limits.max_class_names)
        refuse("it has more than " + std::to_string(limits.max_class_names) + " classes");
    std::vector<std::string> names = tensor.texts;
    if (tensor.kind != Tensor::Kind::Text)
        std::ranges::transform(numbers_of(tensor), std::back_inserter(names), text_of);
    require_names(names, limits);
    return names;
}

std::vector<std::string> class_names_in(const Node& node, std::string_view integers, std::string_view texts,
                                        const ImportLimits& limits) {
    Tensor tensor;
    tensor.kind = node.has(texts) ? Tensor::Kind::Text : Tensor::Kind::Integer;
    if (node.has(texts)) tensor.texts = node.texts(texts);
    if (node.has(integers)) tensor.numbers = node.integers(integers);
    if (!tensor.texts.empty() && !tensor.numbers.empty()) refuse("it names its classes twice");
    if (tensor.texts.empty()) tensor.kind = Tensor::Kind::Integer;
    return class_names_in(tensor, limits);
}

}  // namespace einfer::onnx
