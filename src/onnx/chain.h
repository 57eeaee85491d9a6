// The layers that the nodes of a model amount to, as they are read one after the other. Private to src/onnx.
#pragma once

#include "inference/network.h"
#include "onnx/import.h"
#include "onnx/tensor.h"

#include <memory>
#include <span>
#include <string>
#include <vector>

namespace einfer::onnx {

/// What a value is beyond numbers that layers made.
enum class Tail {
    None,
    IsLarge,     ///< whether the numbers are above some: exporters take x for softplus(x) there
    Softmax,     ///< of the numbers
    Pair,        ///< [1 - x, x] of a probability x, or [-x, x] of a score: two columns, one number
    Complement,  ///< [1 - x, x] of a score x
    Label,       ///< the class of the largest number; of one number, whether it is positive
};

/// Shared, as a name a class is much to copy for every value.
using Names = std::shared_ptr<const std::vector<std::string>>;

/// A value that depends on the input: element by element a polynomial of what the chain gives at `link`.
struct Data {
    Dims dims;  ///< of one row
    std::size_t link = 0;
    std::vector<double> polynomial{0, 1};
    Tail tail = Tail::None;
    std::size_t classes = 0;  ///< of a Label
    bool is_integer = false;  ///< whole numbers, which most operators round: they are the model's input as it is
    Names names{};            ///< of the classes, one a column or one a class of a Label; null: none are known

    [[nodiscard]] std::size_t size() const;
    [[nodiscard]] bool is_plain() const { return tail == Tail::None && polynomial == std::vector<double>{0, 1}; }
};

/// Every operation takes a value at the end of the chain, and gives the one at the new end. One that is not at the end
/// is refused: there would be two paths.
class Chain {
public:
    Chain(const Dims& input, const ImportLimits& limits, Budget& budget);

    [[nodiscard]] Data input() const { return {input_dims_, 0}; }

    [[nodiscard]] Data dense(const Data& x, inference::Dense layer, Dims dims);
    [[nodiscard]] Data convolve(const Data& x, inference::Convolution layer, Dims dims);
    [[nodiscard]] Data pool(const Data& x, inference::AveragePool layer, Dims dims);
    [[nodiscard]] Data activate(const Data& x, inference::Activation activation);
    /// factors[i] · x[i] + offsets[i].
    [[nodiscard]] Data scale(const Data& x, const std::vector<double>& factors, const std::vector<double>& offsets);

    /// `x` is the end of the chain itself, and that end a sigmoid.
    [[nodiscard]] bool is_sigmoid(const Data& x) const;
    /// `x` is the end of the chain itself, and that end a layer that gives [-z, z].
    [[nodiscard]] bool is_opposites(const Data& x) const;
    /// `y` is the softplus of `x`, and the end of the chain.
    [[nodiscard]] bool is_softplus(const Data& y, const Data& x) const;
    /// The numbers of a row are probabilities whose sum is 1.
    [[nodiscard]] bool sums_to_one(const Data& x) const;

    /// The network whose output is `x`; a pair of columns is as it was read.
    [[nodiscard]] inference::Network finish(const Data& x);

private:
    void require_end(const Data& x) const;
    /// The end of the chain is `x` itself, and takes a layer that is no scaling.
    void settle(const Data& x);
    void merge_scaling(std::span<const double> factors, std::span<const double> offsets);
    void fold_scaling();
    /// Has the last layer give an image, if what it gives has another shape.
    [[nodiscard]] bool becomes(const inference::Shape& image);
    [[nodiscard]] Data dense_of(const Data& x, const inference::Layer& layer, Dims dims);
    [[nodiscard]] Data end(Dims dims);

    const ImportLimits& limits_;
    Budget& budget_;
    Dims input_dims_;
    std::size_t link_ = 0;
    inference::Shape shape_;  ///< of what the last layer gives
    inference::Network network_;
};

/// Two columns of a binary class that say the same become one output, of the second class.
void collapse_pair(inference::Network& network);

/// {n, 1, 1}; of two dimensions {1, height, width}, of three {channels, height, width}.
[[nodiscard]] inference::Shape shape_of(const Dims& dims);

}  // namespace einfer::onnx
