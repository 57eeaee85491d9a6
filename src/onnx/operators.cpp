// The operators on the path of the input, and what to say of others.
#include "onnx/call.h"

#include <algorithm>

namespace einfer::onnx {
namespace {

struct Entry {
    std::string_view op;
    Operator run;
};

constexpr Entry standard[] = {
    {"Abs", absolute},
    {"Add", arithmetic},
    {"ArgMax", arg_max},
    {"AveragePool", average_pool},
    {"BatchNormalization", batch_normalization},
    {"Cast", cast},
    {"Concat", concat},
    {"Conv", convolution},
    {"Div", arithmetic},
    {"Dropout", dropout},
    {"Flatten", flatten},
    {"Gather", select},
    {"Gemm", gemm},
    {"GlobalAveragePool", global_average_pool},
    {"Greater", greater},
    {"Identity", pass},
    {"LeakyRelu", activation},
    {"LogSoftmax", log_softmax},
    {"MatMul", matmul},
    {"Mul", arithmetic},
    {"Neg", negate},
    {"PRelu", activation},
    {"Pow", power},
    {"ReduceMean", reduce_mean},
    {"ReduceSum", reduce_sum},
    {"Relu", activation},
    {"Reshape", reshape},
    {"Shape", shape},
    {"Sigmoid", activation},
    {"Softmax", softmax},
    {"Softplus", activation},
    {"Squeeze", squeeze},
    {"Sub", arithmetic},
    {"Tanh", activation},
    {"Transpose", transpose},
    {"Unsqueeze", unsqueeze},
    {"Where", where},
};

constexpr Entry machine_learning[] = {
    {"ArrayFeatureExtractor", select},
    {"FeatureVectorizer", feature_vectorizer},
    {"LabelEncoder", label_encoder},
    {"LinearClassifier", linear_classifier},
    {"LinearRegressor", linear_regressor},
    {"Normalizer", normalizer},
    {"Scaler", scaler},
    {"ZipMap", zip_map},
};

struct Advice {
    std::string_view op;
    std::string_view text;
};

constexpr std::string_view activations =
    "possible activations are Relu, LeakyRelu, Sigmoid, Tanh, Softplus and polynomials (x*x, Pow)";
constexpr std::string_view normalisations = "use BatchNormalization, which is linear once the model is trained";
constexpr std::string_view recurrences =
    "only layers that follow one another can be imported, such as linear layers, convolutions and average pools";
constexpr std::string_view comparisons = "export the model without comparisons of encrypted values";
constexpr std::string_view trees = "use a linear model or a neural network";

constexpr Advice advices[] = {
    {"MaxPool", "use AveragePool"},
    {"GlobalMaxPool", "use GlobalAveragePool"},
    {"GlobalLpPool", "use GlobalAveragePool"},
    {"LpPool", "use AveragePool"},
    {"ReduceMax", "use ReduceMean"},
    {"Abs", activations},
    {"Celu", activations},
    {"Clip",
     "use it neither as an activation nor to limit inputs (ReLU6, MinMaxScaler with clip); possible activations "
     "are Relu, LeakyRelu, Sigmoid, Tanh, Softplus and polynomials (x*x, Pow)"},
    {"Elu", activations},
    {"Erf", activations},
    {"Exp", activations},
    {"Gelu", activations},
    {"Greater", comparisons},
    {"GreaterOrEqual", comparisons},
    {"HardSigmoid", activations},
    {"HardSwish", activations},
    {"Less", comparisons},
    {"LessOrEqual", comparisons},
    {"Log", activations},
    {"Mish", activations},
    {"Selu", activations},
    {"Softsign", activations},
    {"Sqrt", activations},
    {"Swish", activations},
    {"Where", comparisons},
    {"ThresholdedRelu", activations},
    {"GroupNormalization", normalisations},
    {"InstanceNormalization", normalisations},
    {"LRN", normalisations},
    {"LayerNormalization", normalisations},
    {"GRU", recurrences},
    {"LSTM", recurrences},
    {"RNN", recurrences},
    {"Attention", recurrences},
    {"If", "export the model without branches that depend on its input"},
    {"Loop", "export the model without loops"},
    {"Scan", "export the model without loops"},
    {"Pad", "use the padding of Conv or AveragePool"},
    {"SVMClassifier", trees},
    {"SVMRegressor", trees},
    {"TreeEnsemble", trees},
    {"TreeEnsembleClassifier", trees},
    {"TreeEnsembleRegressor", trees},
    {"Imputer", "replace missing values before they are encrypted"},
    {"OneHotEncoder", "encode categories before they are encrypted"},
    {"QLinearConv", "export the model before quantisation"},
    {"QLinearMatMul", "export the model before quantisation"},
    {"QuantizeLinear", "export the model before quantisation"},
    {"DequantizeLinear", "export the model before quantisation"},
};

Operator find(std::span<const Entry> entries, std::string_view op) {
    const auto found = std::ranges::find(entries, op, &Entry::op);
    return found == entries.end() ? nullptr : found->run;
}

}  // namespace

Operator operator_for(std::string_view op, bool is_ml) {
    return find(is_ml ? std::span<const Entry>(machine_learning) : standard, op);
}

bool has_advice(std::string_view op) { return std::ranges::find(advices, op, &Advice::op) != std::end(advices); }

std::string advice(std::string_view op) {
    const auto* const found = std::ranges::find(advices, op, &Advice::op);
    if (found != std::end(advices)) return std::string(found->text);
    return "possible are Gemm, MatMul, Conv, AveragePool, BatchNormalization, arithmetic with constants, and the "
           "activations Relu, LeakyRelu, Sigmoid, Tanh, Softplus and polynomials";
}

}  // namespace einfer::onnx
