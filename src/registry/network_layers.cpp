#include "registry/network_layers.h"

#include <boost/json/object.hpp>

#include <utility>

namespace einfer::registry {
namespace {

namespace json = boost::json;
using inference::Activation;
using inference::AveragePool;
using inference::Convolution;
using inference::Dense;
using inference::Layer;
using inference::Network;
using inference::Scaling;
using inference::Shape;
using inference::Window;

json::array array_of(std::initializer_list<std::size_t> numbers) {
    json::array array;
    for (const std::size_t number : numbers) array.emplace_back(number);
    return array;
}

void add_window(json::object& object, const Window& window) {
    object["window"] = array_of({window.height, window.width});
    object["stride"] = array_of({window.stride_down, window.stride_right});
    object["padding"] = array_of({window.top, window.left, window.bottom, window.right});
}

std::size_t to_size(const json::value& value) { return value.to_number<std::size_t>(); }

Window window_of(const json::object& object) {
    const auto size = [&object](std::string_view key, std::size_t index) {
        return to_size(object.at(key).get_array().at(index));
    };
    return {size("window", 0),  size("window", 1),  size("stride", 0),  size("stride", 1),
            size("padding", 0), size("padding", 1), size("padding", 2), size("padding", 3)};
}

class Writer {
public:
    explicit Writer(WrittenLayers& out) : out_(out) {}

    void operator()(const Dense& layer) {
        out_.layers.push_back(json::object{{"kind", "dense"}, {"outputs", layer.outputs}});
        add(layer.weights);
        add(layer.bias);
    }
    void operator()(const Convolution& layer) {
        json::object object{{"kind", "convolution"}, {"channels", layer.channels}};
        add_window(object, layer.window);
        out_.layers.push_back(std::move(object));
        add(layer.weights);
        add(layer.bias);
    }
    void operator()(const AveragePool& layer) {
        json::object object{{"kind", "average_pool"}};
        add_window(object, layer.window);
        object["counts_padding"] = layer.counts_padding;
        out_.layers.push_back(std::move(object));
    }
    void operator()(const Scaling& layer) {
        out_.layers.push_back(json::object{{"kind", "scaling"}});
        add(layer.factors);
        add(layer.offsets);
    }
    void operator()(const Activation& layer) {
        json::array coefficients(layer.coefficients.begin(), layer.coefficients.end());
        out_.layers.push_back(json::object{{"kind", "polynomial"}, {"coefficients", std::move(coefficients)}});
        if (!layer.stands_for.empty()) out_.layers.back().as_object()["stands_for"] = layer.stands_for;
    }

private:
    void add(const std::vector<double>& numbers) {
        out_.numbers.insert(out_.numbers.end(), numbers.begin(), numbers.end());
    }
    WrittenLayers& out_;
};

class Reader {
public:
    Reader(std::span<const double> numbers, Network& network)
        : numbers_(numbers), network_(network), shape_(network.input) {}

    std::optional<std::string> read(const json::object& object) {
        const json::string& kind = object.at("kind").get_string();
        if (kind == "dense") return read_dense(object);
        if (kind == "convolution") return read_convolution(object);
        if (kind == "average_pool") return read_pool(object);
        if (kind == "scaling") return read_scaling();
        Activation activation;
        for (const json::value& coefficient : object.at("coefficients").get_array())
            activation.coefficients.push_back(coefficient.to_number<double>());
        if (const json::value* text = object.if_contains("stands_for")) activation.stands_for = text->get_string();
        network_.layers.emplace_back(std::move(activation));
        return std::nullopt;
    }

    [[nodiscard]] std::size_t unread() const { return numbers_.size(); }

private:
    static constexpr const char* short_of_numbers = "the weights file has too few numbers for it";
    static constexpr const char* no_window = "its window does not fit the image";

    /// False when there are not so many. A product of sizes may not wrap around.
    bool take(std::initializer_list<std::size_t> sizes, std::vector<double>& to) {
        std::size_t count = 1;
        for (const std::size_t size : sizes)
            if (__builtin_mul_overflow(count, size, &count)) return false;
        if (count > numbers_.size()) return false;
        to.assign(numbers_.begin(), numbers_.begin() + static_cast<std::ptrdiff_t>(count));
        numbers_ = numbers_.subspan(count);
        return true;
    }

    std::optional<std::string> read_dense(const json::object& object) {
        Dense layer{shape_.size(), to_size(object.at("outputs")), {}, {}};
        if (!take({layer.outputs, layer.inputs}, layer.weights) || !take({layer.outputs}, layer.bias))
            return short_of_numbers;
        shape_ = {layer.outputs, 1, 1};
        network_.layers.emplace_back(std::move(layer));
        return std::nullopt;
    }

    std::optional<std::string> read_convolution(const json::object& object) {
        Convolution layer{shape_, to_size(object.at("channels")), window_of(object), {}, {}};
        const Window& window = layer.window;
        if (!take({layer.channels, shape_.channels, window.height, window.width}, layer.weights) ||
            !take({layer.channels}, layer.bias))
            return short_of_numbers;
        shape_ = window.output(shape_, layer.channels);
        if (shape_.size() == 0) return no_window;
        network_.layers.emplace_back(std::move(layer));
        return std::nullopt;
    }

    std::optional<std::string> read_pool(const json::object& object) {
        AveragePool layer{shape_, window_of(object), object.at("counts_padding").get_bool()};
        shape_ = layer.window.output(shape_, shape_.channels);
        if (shape_.size() == 0) return no_window;
        network_.layers.emplace_back(layer);
        return std::nullopt;
    }

    std::optional<std::string> read_scaling() {
        Scaling layer;
        if (!take({shape_.size()}, layer.factors) || !take({shape_.size()}, layer.offsets)) return short_of_numbers;
        network_.layers.emplace_back(std::move(layer));
        return std::nullopt;
    }

    std::span<const double> numbers_;
    Network& network_;
    Shape shape_;
};

}  // namespace

WrittenLayers write_layers(const inference::Network& network) {
    WrittenLayers written;
    Writer writer(written);
    for (const Layer& layer : network.layers) std::visit(writer, layer);
    return written;
}

std::optional<LayerFault> read_layers(const json::array& layers, std::span<const double> numbers,
                                      inference::Network& network) {
    Reader reader(numbers, network);
    for (std::size_t i = 0; i < layers.size(); ++i)
        if (auto fault = reader.read(layers[i].get_object()))
            return LayerFault{"/layers/" + std::to_string(i), *std::move(fault)};
    if (reader.unread() > 0)
        return LayerFault{"/weights", "the file has " + std::to_string(reader.unread()) + " numbers too many"};
    return std::nullopt;
}

}  // namespace einfer::registry
