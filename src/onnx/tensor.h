// Constants of a model: initialisers, Constant nodes, and what is computed from them. Private to src/onnx.
#pragma once

#include "onnx/refusal.h"

#include <cmath>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <vector>

namespace onnx {
class TensorProto;
}

namespace einfer::onnx {

using Dims = std::vector<std::size_t>;

/// Stands in a shape for the number of rows, which a model does not know. All that is read from a file is finite.
inline constexpr double row_count = std::numeric_limits<double>::quiet_NaN();
[[nodiscard]] inline bool is_row_count(double value) { return std::isnan(value); }

struct Tensor {
    enum class Kind { Real, Integer, Text };
    Kind kind = Kind::Real;
    Dims dims;
    std::vector<double> numbers;     ///< of Real and Integer, row-major; integers up to 2^53
    std::vector<std::string> texts;  ///< of Text

    [[nodiscard]] std::size_t size() const { return kind == Kind::Text ? texts.size() : numbers.size(); }
};
using Constant = std::shared_ptr<const Tensor>;

/// Floats of 16, 32 or 64 bits, integers, and texts, whose bytes are as many as its dimensions say.
[[nodiscard]] Tensor read(const ::onnx::TensorProto& proto, Budget& budget);

/// An integer that a double holds exactly; refused otherwise.
[[nodiscard]] double exact(std::int64_t value);

/// The numbers of `tensor`: refused when they are text, or shapes that hold the number of rows.
[[nodiscard]] const std::vector<double>& numbers_of(const Tensor& tensor);

/// How many elements `dims` have; refused above `most`.
[[nodiscard]] std::size_t element_count(const Dims& dims, std::size_t most);

/// A dimension of a tensor of `rank` from 0 on; negative ones count from the end. Refused outside.
[[nodiscard]] std::size_t axis_of(double axis, std::size_t rank);

}  // namespace einfer::onnx
