// Every model of tests/data/onnx answers what ONNX Runtime answered (make.py there).
#include "unit/onnx/fixtures.h"

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <boost/json/value_to.hpp>

#include <cmath>

namespace einfer::test {
namespace {

namespace json = boost::json;
using inference::ActivationKind;
using inference::Network;

/// "convolution 1x14x14, polynomial, dense 64x4".
std::string described(const Network& network) {
    static const char* const kinds[] = {"polynomial", "relu", "leaky relu", "sigmoid", "tanh", "softplus"};
    std::string text;
    for (const inference::Layer& layer : network.layers) {
        if (!text.empty()) text += ", ";
        if (const auto* dense = std::get_if<inference::Dense>(&layer))
            text += "dense " + std::to_string(dense->inputs) + "x" + std::to_string(dense->outputs);
        if (const auto* activation = std::get_if<inference::Activation>(&layer))
            text += kinds[static_cast<int>(activation->kind)];
        if (std::holds_alternative<inference::Convolution>(layer)) text += "convolution";
        if (std::holds_alternative<inference::AveragePool>(layer)) text += "pool";
        if (std::holds_alternative<inference::Scaling>(layer)) text += "scaling";
    }
    return text;
}

class OnnxAgreement : public testing::TestWithParam<std::string> {};

TEST_P(OnnxAgreement, WithOnnxRuntime) {
    const auto network = onnx::import(onnx_file(GetParam()));
    ASSERT_TRUE(network) << network.error().message;
    const auto stages = inference::to_stages(*network);
    ASSERT_TRUE(stages) << stages.error().message;

    const json::object expected = json::parse(read_file(onnx_directory() / (GetParam() + ".json"))).as_object();
    std::vector<std::string> steps;
    for (const Postprocessing step : network->postprocessing) steps.emplace_back(name(step));
    EXPECT_EQ(steps, json::value_to<std::vector<std::string>>(expected.at("postprocessing")));
    EXPECT_EQ(network->class_names, json::value_to<std::vector<std::string>>(expected.at("class_names")));

    const auto inputs = json::value_to<std::vector<std::vector<double>>>(expected.at("inputs"));
    const auto outputs = json::value_to<std::vector<std::vector<double>>>(expected.at("outputs"));
    ASSERT_EQ(inputs.size(), 20u);
    ASSERT_EQ(outputs.size(), inputs.size());
    double largest = 0;
    for (const auto& row : outputs)
        for (const double value : row) largest = std::max(largest, std::abs(value));
    for (std::size_t row = 0; row < inputs.size(); ++row) {
        ASSERT_EQ(inputs[row].size(), network->input.size());
        const auto values = postprocess(network->postprocessing, inference::evaluate(*stages, inputs[row]));
        ASSERT_EQ(values.size(), outputs[row].size());
        for (std::size_t i = 0; i < values.size(); ++i)
            EXPECT_NEAR(values[i], outputs[row][i], 1e-4 * std::max(std::abs(outputs[row][i]), largest / 100))
                << "row " << row << ", " << described(*network);
    }
}

INSTANTIATE_TEST_SUITE_P(All, OnnxAgreement, testing::ValuesIn(onnx_names(onnx_directory())),
                         [](const auto& of) { return of.param; });

struct Layers {
    const char* name;
    const char* layers;
};

class OnnxLayers : public testing::TestWithParam<Layers> {};

TEST_P(OnnxLayers, AreThose) {
    const auto network = onnx::import(onnx_file(GetParam().name));
    ASSERT_TRUE(network) << network.error().message;
    EXPECT_EQ(described(*network), GetParam().layers);
}

INSTANTIATE_TEST_SUITE_P(
    Some, OnnxLayers,
    testing::Values(Layers{"sk_logistic_binary", "dense 5x1"}, Layers{"sk_logistic_binary_double", "dense 5x1"},
                    Layers{"sk_logistic_binary_raw", "dense 5x1"}, Layers{"sk_logistic_multinomial", "dense 5x3"},
                    Layers{"sk_logistic_binary_label", "dense 5x1"},
                    Layers{"sk_standard_logistic_double", "scaling, dense 5x1"},
                    Layers{"sk_minmax_ridge", "scaling, dense 5x1"},
                    Layers{"sk_mlp_binary", "dense 5x6, relu, dense 6x1"},
                    Layers{"torch_mlp_batch_norm", "scaling, dense 6x8, relu, scaling, dense 8x2"},
                    Layers{"torch_mlp_polynomial", "dense 6x8, polynomial, dense 8x4, polynomial, dense 4x2"},
                    Layers{"torch_mlp_ends_in_relu", "dense 6x8, tanh, dense 8x3, relu"},
                    Layers{"torch_sigmoid_scaled", "dense 6x4, relu, dense 4x1, sigmoid, scaling"},
                    Layers{"torch_cnn_square", "convolution, polynomial, dense 64x8, polynomial, dense 8x4"},
                    Layers{"torch_cnn_from_dense", "dense 5x16, relu, dense 16x8, dense 8x2"},
                    Layers{"torch_cnn_batch_norm", "scaling, convolution, relu, scaling, pool, dense 64x2"},
                    Layers{"hand_same_pads", "convolution, relu, pool, convolution, pool"}),
    [](const auto& of) { return of.param.name; });

TEST(OnnxImport, AVectorThatBecomesAnImageIsAnImageFromTheStart) {
    const auto network = onnx::import(onnx_file("torch_cnn_from_vector"));
    ASSERT_TRUE(network) << network.error().message;
    EXPECT_EQ(network->input, (inference::Shape{1, 6, 6}));
}

}  // namespace
}  // namespace einfer::test
