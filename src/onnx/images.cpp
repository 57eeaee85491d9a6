// Windows over images, and what is one number a channel.
#include "onnx/call.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <utility>

namespace einfer::onnx {
namespace {

using inference::AveragePool;
using inference::Convolution;
using inference::Shape;
using inference::Window;

constexpr double largest_side = 1u << 16;  // of windows, strides, paddings: products of two stay far from overflow

/// A row as an image: [channels, height, width], or [channels, width], which is one line.
Shape image_of(const Data& x) {
    if (x.dims.size() == 3) return {x.dims[0], x.dims[1], x.dims[2]};
    if (x.dims.size() == 2) return {x.dims[0], 1, x.dims[1]};
    refuse("it takes images [rows, channels, height, width], but gets a shape of " + std::to_string(x.dims.size() + 1) +
           " dimensions");
}

Dims dims_of(const Shape& image, const Data& x) {
    return x.dims.size() == 3 ? Dims{image.channels, image.height, image.width} : Dims{image.channels, image.width};
}

/// An attribute with a number for height and width each.
using Sides = std::array<std::size_t, 2>;

std::size_t side(double value, double least) {
    if (!(value >= least && value <= largest_side)) refuse("a size of its window is negative, zero or too large");
    return static_cast<std::size_t>(value);
}

Sides sides(const std::vector<double>& values, std::size_t spatial, Sides otherwise) {
    if (values.empty()) return otherwise;
    if (values.size() != spatial) refuse("its window has another number of dimensions than the image");
    return {spatial == 2 ? side(values[0], 1) : 1, side(values.back(), 1)};
}

/// Sets the padding of `window`, for an image of `input`, as `pads` or `auto_pad` say.
void pad(Window& window, const Call& call, const Shape& input, std::size_t spatial) {
    const std::string automatic = call.node.text("auto_pad", "NOTSET");
    if (automatic == "VALID") return;
    if (automatic == "NOTSET") {
        const std::vector<double> pads = call.node.integers("pads");
        if (pads.empty()) return;
        if (pads.size() != 2 * spatial) refuse("its pads have another number of dimensions than the image");
        if (spatial == 2) {
            window.top = side(pads[0], 0);
            window.bottom = side(pads[2], 0);
        }
        window.left = side(pads[spatial - 1], 0);
        window.right = side(pads[2 * spatial - 1], 0);
        return;
    }
    if (automatic != "SAME_UPPER" && automatic != "SAME_LOWER") refuse("its auto_pad is not known");
    const bool is_upper = automatic == "SAME_UPPER";
    const auto same = [is_upper](std::size_t size, std::size_t covered, std::size_t stride) {
        const std::size_t places = (size + stride - 1) / stride;
        const std::size_t needed = (places - 1) * stride + covered, total = needed > size ? needed - size : 0;
        return is_upper ? std::pair(total / 2, total - total / 2) : std::pair(total - total / 2, total / 2);
    };
    std::tie(window.top, window.bottom) = same(input.height, window.height, window.stride_down);
    std::tie(window.left, window.right) = same(input.width, window.width, window.stride_right);
}

/// `depth`: the channels that one place of the window covers.
Shape checked_output(const Window& window, const Shape& input, std::size_t channels, std::size_t depth,
                     const Call& call) {
    const Shape output = window.output(input, channels);
    if (output.channels == 0 || output.height == 0) refuse("its window does not fit the image");
    const std::size_t size = element_count({output.channels, output.height, output.width}, call.limits.max_elements);
    // Much of a window may lie on the padding: what is done for it is not bound by what it covers.
    (void)element_count({size, depth, window.height, window.width}, call.limits.max_window_work);
    return output;
}

/// All of `image` is one place of the window.
Data mean_of(Call& call, const Data& x, const Shape& image, Window window, Dims dims) {
    return call.chain.pool(x, AveragePool{image, window, false}, std::move(dims));
}

}  // namespace

void convolution(Call& call) {
    const Data& x = call.data(0);
    const Shape image = image_of(x);
    const std::size_t spatial = x.dims.size() - 1;
    const Tensor& weights = call.constant(1);
    const std::vector<double>& numbers = numbers_of(weights);
    if (weights.dims.size() != x.dims.size() + 1 || numbers.empty())
        refuse("its weights have a shape that does not fit");
    const std::size_t channels = weights.dims[0], of_group = weights.dims[1];
    const Sides kernel{spatial == 2 ? side(static_cast<double>(weights.dims[2]), 1) : 1,
                       side(static_cast<double>(weights.dims.back()), 1)};
    if (sides(call.node.integers("kernel_shape"), spatial, kernel) != kernel)
        refuse("its kernel_shape is not that of its weights");
    const std::int64_t groups = call.node.integer("group", 1);
    if (groups < 1 || std::cmp_greater(groups, image.channels) ||
        of_group * static_cast<std::size_t>(groups) != image.channels ||
        channels % static_cast<std::size_t>(groups) != 0)
        refuse("its groups do not fit the channels of the image and of its weights");

    const Sides strides = sides(call.node.integers("strides"), spatial, {1, 1});
    const Sides dilations = sides(call.node.integers("dilations"), spatial, {1, 1});
    Convolution layer{image, channels, {}, {}, {}};
    Window& window = layer.window;
    window.height = (kernel[0] - 1) * dilations[0] + 1;
    window.width = (kernel[1] - 1) * dilations[1] + 1;
    window.stride_down = strides[0];
    window.stride_right = strides[1];
    pad(window, call, image, spatial);
    const Shape output = checked_output(window, image, channels, image.channels, call);

    const std::size_t area = product(window.height, window.width, call.budget.left());
    const std::size_t size = product(product(channels, image.channels, call.budget.left()), area, call.budget.left());
    call.budget.take(size);
    layer.weights.resize(size);
    const std::size_t channels_of_group = channels / static_cast<std::size_t>(groups);
    std::size_t at = 0;
    for (std::size_t channel = 0; channel < channels; ++channel)
        for (std::size_t from = 0; from < of_group; ++from)
            for (std::size_t i = 0; i < kernel[0]; ++i)
                for (std::size_t j = 0; j < kernel[1]; ++j) {
                    const std::size_t source = channel / channels_of_group * of_group + from;
                    layer.weights[(channel * image.channels + source) * area + i * dilations[0] * window.width +
                                  j * dilations[1]] = numbers[at++];
                }
    layer.bias.resize(channels);
    if (call.given(2)) {
        if (call.numbers(2).size() != channels) refuse("its bias does not fit its channels");
        layer.bias = call.numbers(2);
    }
    call.give(call.chain.convolve(x, std::move(layer), dims_of(output, x)));
}

void average_pool(Call& call) {
    const Data& x = call.data(0);
    const Shape image = image_of(x);
    const std::size_t spatial = x.dims.size() - 1;
    const std::vector<double> kernel = call.node.integers("kernel_shape");
    if (kernel.empty()) refuse("it has no kernel_shape");
    const Sides size = sides(kernel, spatial, {1, 1});
    const Sides strides = sides(call.node.integers("strides"), spatial, {1, 1});
    if (sides(call.node.integers("dilations"), spatial, {1, 1}) != Sides{1, 1}) refuse("it is dilated");
    Window window{size[0], size[1], strides[0], strides[1]};
    pad(window, call, image, spatial);
    const Shape output = checked_output(window, image, image.channels, 1, call);
    const bool covers_all = (image.height + window.top + window.bottom - window.height) % strides[0] == 0 &&
                            (image.width + window.left + window.right - window.width) % strides[1] == 0;
    if (call.node.flag("ceil_mode", false) && !covers_all) refuse("its windows reach beyond the image (ceil_mode)");
    call.give(
        call.chain.pool(x, AveragePool{image, window, call.node.flag("count_include_pad", false)}, dims_of(output, x)));
}

void global_average_pool(Call& call) {
    const Data& x = call.data(0);
    const Shape image = image_of(x);
    call.give(mean_of(call, x, image, {image.height, image.width}, dims_of({image.channels, 1, 1}, x)));
}

void reduce_mean(Call& call) {
    const Data& x = call.data(0);
    const std::size_t rank = x.dims.size() + 1;
    const std::vector<double> axes = call.integers("axes", 1);
    if (axes.empty() && call.node.flag("noop_with_empty_axes", false)) return call.give(x);
    std::vector<bool> is_reduced(rank, axes.empty());
    for (const double axis : axes) is_reduced[axis_of(axis, rank)] = true;
    if (is_reduced[0]) refuse("it is over the rows");
    const Shape image = image_of(x);
    if (is_reduced[1]) refuse("it is over the channels; only means over height and width can be imported");
    Window window;
    if (rank == 4 && is_reduced[2]) window.height = window.stride_down = image.height;
    if (is_reduced.back()) window.width = window.stride_right = image.width;
    Dims dims;
    for (std::size_t i = 1; i < rank; ++i)
        if (!is_reduced[i] || call.node.flag("keepdims", true)) dims.push_back(is_reduced[i] ? 1 : x.dims[i - 1]);
    call.give(mean_of(call, x, image, window, std::move(dims)));
}

void batch_normalization(Call& call) {
    const Data& x = call.data(0);
    if (call.node.flag("training_mode", false)) refuse("it is in training mode; export the model in evaluation mode");
    if (x.dims.empty()) refuse("it gets no channels");
    const std::vector<double>*scale = &call.numbers(1), *offset = &call.numbers(2), *mean = &call.numbers(3),
          *variance = &call.numbers(4);
    const std::size_t channels = x.dims.front();
    for (const auto* values : {scale, offset, mean, variance})
        if (values->size() != channels) refuse("its constants do not fit the channels");
    const double epsilon = call.node.real("epsilon", 1e-5);
    std::vector<double> factors, offsets;
    const std::size_t area = x.size() / channels;
    for (std::size_t channel = 0; channel < channels; ++channel) {
        if (!((*variance)[channel] + epsilon > 0)) refuse("it has a variance that is not positive");
        const double factor = (*scale)[channel] / std::sqrt((*variance)[channel] + epsilon);
        factors.insert(factors.end(), area, factor);
        offsets.insert(offsets.end(), area, (*offset)[channel] - (*mean)[channel] * factor);
    }
    call.give(call.chain.scale(x, factors, offsets));
}

}  // namespace einfer::onnx
