// What cannot be imported, and what a user is told.
#include "unit/onnx/fixtures.h"

namespace einfer::test {
namespace {

struct Refused {
    const char* name;
    const char* node;
    const char* message;  ///< a part of it
};

constexpr const char* no_node = "";
const Refused refusals[] = {
    {"max_pool", "/2/MaxPool/MaxPool",
     "operator MaxPool of node '/2/MaxPool' cannot be computed on encrypted data; use AveragePool"},
    {"lstm", "/0/inner/LSTM/LSTM", "cannot be computed on encrypted data; only layers that follow one another"},
    {"residual", "/1/Add/Add", "operator Add of node '/1/Add': it joins two paths"},
    {"gelu", "/1/Gelu/Gelu", "possible activations are Relu, LeakyRelu, Sigmoid, Tanh, Softplus and polynomials"},
    {"silu", "/1/Mul/Mul", "it joins two paths"},
    {"elu", "/1/Elu/Elu", "possible activations are Relu"},
    {"log_softmax", "/1/LogSoftmax/LogSoftmax", "export the model without it"},
    {"layer_norm", "/1/LayerNormalization/LayerNormalization", "use BatchNormalization"},
    {"softmax_inside", "/2/Gemm/Gemm", "nothing but the choice of a class can follow a Softmax"},
    {"external_data", "/MatMul_0/MatMul", "external_data=False"},
    {"unknown_shape", no_node, "the shape of the model's input is not known"},
    {"two_inputs", no_node, "several inputs (x, z)"},
    {"two_outputs", no_node, "several outputs (y, r)"},
    {"opset_8", no_node, "of opset 8; 9 to 22 can be read: export it with opset_version=17"},
    {"own_domain", "/Fancy_0/Fancy", "of the domain com.example"},
    {"cycle", no_node, "the graph has a cycle"},
    {"missing_value", no_node, "nothing makes the value nowhere"},
    {"names_twice", no_node, "two values are named y"},
    {"not_finite", "/MatMul_0/MatMul", "not finite"},
    {"raw_data_of_other_size", "/MatMul_0/MatMul", "other bytes than its dimensions say"},
    {"huge_dimensions", "/MatMul_0/MatMul", "a shape has more than"},
    {"wrong_width", "/MatMul_0/MatMul", "its weights are for 4 values, but it gets 5"},
    {"transpose", "/Transpose_0/Transpose", "it changes the order of the values"},
    {"rows_mixed", "/Reshape_0/Reshape", "the first dimension has to stay the row"},
    {"dilated_too_far", "/Conv_0/Conv", "a shape has more than"},
    {"clip", "/Clip_0/Clip", "MinMaxScaler with clip"},
    {"tree", "/TreeEnsembleRegressor_0/TreeEnsembleRegressor", "use a linear model or a neural network"},
    {"product_of_two", "/MatMul_0/MatMul", "it needs a constant"},
    {"polynomial_degree", "/Mul_1/Mul", "degree above 31"},
    {"negative_normalised", "/Normalizer_4/Normalizer", "softmax (multinomial)"},
    {"negative_absolute", "/Abs_4/Abs", "possible activations are Relu"},
    {"one_vs_rest", "/Normalizer_1/Normalizer", "softmax (multinomial)"},
    {"training", "/Dropout_1/Dropout", "export the model in evaluation mode"},
    {"batch_norm_training", "/BatchNormalization_0/BatchNormalization",
     "it is in training mode; export the model in evaluation mode"},
    {"batch_norm_variance", "/BatchNormalization_0/BatchNormalization", "it has a variance that is not positive"},
    {"broadcast_rows", "/Add_0/Add", "its constant has more dimensions than what it is joined"},
    {"broadcast_wide", "/Add_0/Add", "the shape of its constant does not fit"},
    {"cast_to_integers", "/Cast_0/Cast", "it makes other numbers of encrypted values than floats"},
    {"ceil_mode", "/AveragePool_0/AveragePool", "its windows reach beyond the image (ceil_mode)"},
    {"comparison", "/Greater_0/Greater", "cannot be computed on encrypted data; export the model"},
    {"concat", "/Concat_1/Concat", "it joins two paths; only models whose layers follow one"},
    {"constant_output", no_node, "the model's output does not depend on its input"},
    {"dilated_pool", "/AveragePool_0/AveragePool", "it is dilated"},
    {"groups", "/Conv_0/Conv", "its groups do not fit the channels of the image and of its"},
    {"integers_averaged", "/ReduceMean_0/ReduceMean", "it computes with the integers of the model's input"},
    {"integers_divided", "/Div_0/Div", "have the input cast to floats before, or export the model with an input of"},
    {"integers_gathered_divided", "/Div_1/Div", "it computes with the integers of the model's input"},
    {"label_as_number", "/MatMul_2/MatMul", "nothing but the choice of a class can follow a Softmax or a"},
    {"mean_of_channels", "/ReduceMean_0/ReduceMean", "it is over the channels; only means over height and width"},
    {"mean_of_rows", "/ReduceMean_0/ReduceMean", "it is over the rows"},
    {"opset_missing", "/MatMul_0/MatMul", "the model does not say which opset it is of"},
    {"opset_twice", no_node, "the model says twice which opset it is of"},
    {"pool_of_vector", "/AveragePool_0/AveragePool", "it takes images [rows, channels, height, width], but gets a"},
    {"prelu_slopes", "/PRelu_0/PRelu", "it has several slopes; use one, or LeakyRelu"},
    {"probit", "/LinearRegressor_0/LinearRegressor", "its post_transform PROBIT is not known; NONE, LOGISTIC and"},
    {"quotient", "/Div_1/Div", "one encrypted value cannot be divided by another"},
    {"reciprocal", "/Div_0/Div", "a constant cannot be divided by an encrypted value"},
    {"root", "/Pow_0/Pow", "an encrypted value can only be raised to a whole power from"},
    {"rows_in_numbers", "/Mul_3/Mul", "what it computes depends on how many rows there are, or is"},
    {"rows_squeezed", "/Unsqueeze_0/Unsqueeze", "it moves values between rows; the first dimension has to"},
    {"softmax_of_a_part", "/Softmax_0/Softmax", "it is over a part of the values; only a Softmax over all of"},
    {"softmax_of_gathered", "/Softmax_1/Softmax", "it is over a part of the values; only a Softmax over all of"},
    {"softmax_of_one", "/Softmax_1/Softmax", "use Sigmoid for a single output"},
    {"softmax_of_rows", "/Softmax_0/Softmax", "it is over the rows; use axis 1"},
    {"sum", "/ReduceSum_0/ReduceSum", "sums of encrypted values are matrices; use MatMul, Gemm or"},
    {"sum_of_columns", "/ReduceSum_3/ReduceSum", "sums of encrypted values are matrices"},
    {"table", "/Gather_0/Gather", "it looks up encrypted values in a table"},
    {"table_of_parts", "/Cast_2/Cast", "it makes an integer of the class 0.5"},
    {"table_too_small", "/Gather_1/Gather", "its table has no entry for the class 3"},
    {"text_weights", "/MatMul_0/MatMul", "numbers are wanted where the model has text"},
    {"unknown_label", "/LabelEncoder_1/LabelEncoder", "it has no value for the class 2"},
    {"unknown_on_constants", "/Relu_0/Relu", "it only has constants; simplify the model before it is"},
    {"window_too_large", "/AveragePool_0/AveragePool", "its window does not fit the image"},
    {"zip_map_size", "/ZipMap_0/ZipMap", "it has other classes than the values it gets"},
};

class OnnxRefusal : public testing::TestWithParam<Refused> {};

TEST_P(OnnxRefusal, SaysWhereAndWhy) {
    const auto network = onnx::import(onnx_file("refused/" + std::string(GetParam().name)));
    ASSERT_FALSE(network);
    EXPECT_EQ(network.error().code, ErrorCode::SchemaViolation);
    EXPECT_EQ(detail(network.error(), "node"), GetParam().node) << network.error().message;
    EXPECT_NE(network.error().message.find(GetParam().message), std::string::npos) << network.error().message;
    EXPECT_TRUE(network.error().message.ends_with(detail(network.error(), "reason")));
}

INSTANTIATE_TEST_SUITE_P(All, OnnxRefusal, testing::ValuesIn(refusals), [](const auto& of) { return of.param.name; });

TEST(OnnxRefusal, EveryModelThatIsToBeRefusedIsTried) {
    std::vector<std::string> tried;
    for (const Refused& refused : refusals) tried.emplace_back(refused.name);
    std::ranges::sort(tried);
    EXPECT_EQ(onnx_names(onnx_directory() / "refused"), tried);
}

}  // namespace
}  // namespace einfer::test
