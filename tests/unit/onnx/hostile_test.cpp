// Files from a stranger: damaged, endless, or made to take memory and time.
#include "unit/onnx/fixtures.h"

#include <onnx/onnx_pb.h>

#include <chrono>
#include <random>

namespace einfer::test {
namespace {

using ::onnx::AttributeProto;
using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;

/// What import() says of `bytes`: "" when it takes them.
std::string verdict(const std::vector<std::uint8_t>& bytes, const onnx::ImportLimits& limits = {}) {
    const auto network = onnx::import(bytes, limits);
    if (network) return "";
    EXPECT_EQ(network.error().code, ErrorCode::SchemaViolation);
    EXPECT_FALSE(network.error().message.empty());
    return network.error().message;
}

std::string verdict(const ModelProto& model, const onnx::ImportLimits& limits = {}) {
    return verdict(onnx_bytes(model.SerializeAsString()), limits);
}

testing::AssertionResult says(const std::string& verdict, const std::string& part) {
    if (verdict.find(part) != std::string::npos) return testing::AssertionSuccess();
    return testing::AssertionFailure() << '"' << verdict << "\" does not say \"" << part << '"';
}

ModelProto example(const std::string& name = "torch_cnn_square") {
    const auto bytes = onnx_file(name);
    ModelProto model;
    EXPECT_TRUE(model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())));
    return model;
}

/// [rows, 4] -> `nodes` follow -> "y".
ModelProto empty_model() {
    ModelProto model;
    model.set_ir_version(8);
    model.add_opset_import()->set_version(17);
    GraphProto& graph = *model.mutable_graph();
    auto& input = *graph.add_input();
    input.set_name("x");
    auto& type = *input.mutable_type()->mutable_tensor_type();
    type.set_elem_type(TensorProto::FLOAT);
    type.mutable_shape()->add_dim()->set_dim_param("rows");
    type.mutable_shape()->add_dim()->set_dim_value(4);
    graph.add_output()->set_name("y");
    return model;
}

NodeProto& add(ModelProto& model, const std::string& op, const std::vector<std::string>& inputs,
               const std::string& output) {
    NodeProto& node = *model.mutable_graph()->add_node();
    node.set_op_type(op);
    for (const std::string& input : inputs) node.add_input(input);
    node.add_output(output);
    return node;
}

TensorProto& add_floats(ModelProto& model, const std::string& name, const std::vector<std::int64_t>& dims,
                        std::size_t count, float value = 1) {
    TensorProto& tensor = *model.mutable_graph()->add_initializer();
    tensor.set_name(name);
    tensor.set_data_type(TensorProto::FLOAT);
    for (const std::int64_t dim : dims) tensor.add_dims(dim);
    for (std::size_t i = 0; i < count; ++i) tensor.add_float_data(value);
    return tensor;
}

TEST(OnnxHostile, EmptyAndRandomBytes) {
    EXPECT_EQ(verdict(std::vector<std::uint8_t>{}), "the file is empty");
    std::mt19937 random(1);
    for (std::size_t size = 1; size < 2000; ++size) {
        std::vector<std::uint8_t> bytes(size % 300 + 1);
        for (std::uint8_t& byte : bytes) byte = static_cast<std::uint8_t>(random());
        EXPECT_NE(verdict(bytes), "");
    }
    EXPECT_TRUE(says(verdict(onnx_bytes("{\"model\": 1}")), "not an ONNX model"));
    EXPECT_TRUE(says(verdict(ModelProto{}), "the file is empty"));
    ModelProto no_graph;
    no_graph.set_ir_version(8);
    EXPECT_TRUE(says(verdict(no_graph), "it has no graph"));
}

TEST(OnnxHostile, EveryTruncationIsRefused) {
    for (const char* name : {"sk_mlp_binary", "torch_cnn_pow", "hand_shapes"}) {
        const auto bytes = onnx_file(name);
        for (std::size_t size = 0; size < bytes.size(); ++size) {
            // What is cut at the end may be an opset that no node is of.
            const std::string said = verdict({bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(size)});
            EXPECT_TRUE(!said.empty() || size + 20 > bytes.size()) << size;
        }
    }
}

TEST(OnnxHostile, DamagedFilesAreRefusedOrAreNetworks) {
    std::mt19937 random(2);
    std::size_t accepted = 0;
    for (const std::string& name : onnx_names(onnx_directory())) {
        const auto honest = onnx_file(name);
        for (int i = 0; i < 150; ++i) {
            auto bytes = honest;
            for (int changes = 1 + i % 3; changes > 0; --changes)
                bytes[random() % bytes.size()] = static_cast<std::uint8_t>(random());
            const auto network = onnx::import(bytes);
            if (!network) continue;
            ++accepted;
            EXPECT_FALSE(network->layers.empty());
            EXPECT_TRUE(inference::to_stages(*network)) << name;
        }
    }
    EXPECT_GT(accepted, 0u);
}

TEST(OnnxHostile, LimitsAreKept) {
    EXPECT_EQ(verdict(example()), "");
    EXPECT_TRUE(says(verdict(example(), {.max_file_bytes = 4000}), "larger than 4000 bytes"));
    EXPECT_TRUE(says(verdict(example(), {.max_nodes = 12}), "more than 12 nodes"));
    EXPECT_EQ(verdict(example(), {.max_nodes = 13}), "");
    EXPECT_TRUE(says(verdict(example(), {.max_elements = 195}), "a shape has more than"));
    EXPECT_EQ(verdict(example(), {.max_elements = 196}), "");
    EXPECT_TRUE(says(verdict(example(), {.max_values = 1000}), "too many"));
    EXPECT_TRUE(says(verdict(example(), {.max_layers = 3}), "more than 3 layers"));
    EXPECT_TRUE(says(verdict(example("sk_logistic_multinomial"), {.max_class_names = 2}), "more than 2 classes"));
    EXPECT_TRUE(says(verdict(example("sk_logistic_multinomial"), {.max_class_name_bytes = 5}), "more than 5 bytes"));
}

TEST(OnnxHostile, TinyPartsThatTakeMuchMemoryAreCounted) {
    // A million empty nodes are two megabytes, and would be hundreds in memory.
    std::string nodes;
    for (int i = 0; i < 1'000'000; ++i) nodes += {'\x0a', '\0'};
    std::string file{'\x3a'};
    for (std::size_t left = nodes.size(); left > 0; left >>= 7)
        file += static_cast<char>((left & 0x7f) | (left > 0x7f ? 0x80 : 0));
    EXPECT_TRUE(says(verdict(onnx_bytes(file + nodes)), "far more memory than its size"));
}

TEST(OnnxHostile, DeepNestingIsRefused) {
    AttributeProto attribute;
    attribute.set_name("body");
    attribute.set_type(AttributeProto::GRAPH);
    for (int depth = 0; depth < 60; ++depth) {
        AttributeProto outer;
        outer.set_type(AttributeProto::GRAPH);
        *outer.mutable_g()->add_node()->add_attribute() = attribute;
        attribute = outer;
    }
    ModelProto model = empty_model();
    *add(model, "Loop", {"x"}, "y").add_attribute() = attribute;
    EXPECT_TRUE(says(verdict(model), "nested too deeply"));
}

TEST(OnnxHostile, DimensionsAreProvedBeforeMemoryIsTaken) {
    for (const std::vector<std::int64_t>& dims : {std::vector<std::int64_t>{1LL << 62, 4},
                                                  {1LL << 32, 1LL << 32},
                                                  {-4, -2},
                                                  {4, 3},
                                                  {},
                                                  {1 << 30, 1 << 20, 0}}) {
        ModelProto model = empty_model();
        add_floats(model, "w", dims, 8);
        add(model, "MatMul", {"x", "w"}, "y");
        EXPECT_NE(verdict(model), "");
    }
    ModelProto strange = empty_model();
    strange.mutable_graph()
        ->mutable_input(0)
        ->mutable_type()
        ->mutable_tensor_type()
        ->mutable_shape()
        ->mutable_dim(1)
        ->set_dim_value(std::numeric_limits<std::int64_t>::max());
    add(strange, "Relu", {"x"}, "y");
    EXPECT_TRUE(says(verdict(strange), "a shape has more than"));
}

TEST(OnnxHostile, NumbersThatAreNotFinite) {
    ModelProto model = empty_model();
    add_floats(model, "w", {4, 2}, 8, std::numeric_limits<float>::quiet_NaN());
    add(model, "MatMul", {"x", "w"}, "y");
    EXPECT_TRUE(says(verdict(model), "not finite"));

    ModelProto overflow = empty_model();
    add_floats(overflow, "k", {}, 1, 1e38f);
    std::string last = "x";
    for (int i = 0; i < 10; ++i) {
        const std::string next = i == 9 ? "y" : "v" + std::to_string(i);
        add(overflow, "Mul", {last, "k"}, next);
        last = next;
    }
    EXPECT_TRUE(says(verdict(overflow), "not finite"));

    ModelProto zero = empty_model();
    add_floats(zero, "k", {4}, 4, 0);
    add(zero, "Div", {"x", "k"}, "y");
    EXPECT_TRUE(says(verdict(zero), "divides by zero"));
}

TEST(OnnxHostile, NamesInMessagesAreHarmless) {
    ModelProto model = empty_model();
    NodeProto& node = add(model, "Evil\x1b[31m\n", {"x"}, "y");
    node.set_name(std::string(5000, 'a') + "\xff\"");
    const std::string text = verdict(model);
    EXPECT_LT(text.size(), 700u);
    EXPECT_TRUE(std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; })) << text;
}

TEST(OnnxHostile, NamesOfClassesAreText) {
    for (const std::string& name : {std::string("a\nb"), std::string("\xc0\x80"), std::string("\xed\xa0\x80"),
                                    std::string("\xf5\x80\x80\x80"), std::string("\xe2\x82"), std::string("a\0b", 3)}) {
        ModelProto model = example("sk_logistic_multinomial");
        for (NodeProto& node : *model.mutable_graph()->mutable_node())
            for (AttributeProto& attribute : *node.mutable_attribute())
                if (attribute.name() == "classlabels_strings") attribute.set_strings(0, name);
        EXPECT_TRUE(says(verdict(model), "no text in UTF-8"));
    }
    ModelProto model = example("sk_logistic_multinomial");
    for (NodeProto& node : *model.mutable_graph()->mutable_node())
        for (AttributeProto& attribute : *node.mutable_attribute())
            if (attribute.name() == "classlabels_strings") attribute.set_strings(0, "\xe2\x82\xac \xf0\x9f\x8c\xb7");
    EXPECT_EQ(verdict(model), "");
}

TEST(OnnxHostile, AttributesOfTheWrongTypeAndTwice) {
    ModelProto model = example("torch_cnn_square");
    NodeProto& conv = *model.mutable_graph()->mutable_node(0);
    ASSERT_EQ(conv.op_type(), "Conv");
    AttributeProto* strides = nullptr;
    for (AttributeProto& attribute : *conv.mutable_attribute())
        if (attribute.name() == "strides") strides = &attribute;
    ASSERT_NE(strides, nullptr);
    for (const std::int64_t stride :
         {std::int64_t{0}, std::int64_t{-1}, std::int64_t{1} << 40, std::numeric_limits<std::int64_t>::min()}) {
        strides->set_ints(0, stride);
        EXPECT_NE(verdict(model), "");
    }
    strides->set_ints(0, 3);
    EXPECT_EQ(verdict(model), "");
    *conv.add_attribute() = *strides;
    EXPECT_TRUE(says(verdict(model), "an attribute twice"));
    conv.mutable_attribute()->RemoveLast();
    strides->set_type(AttributeProto::FLOATS);
    EXPECT_TRUE(says(verdict(model), "strides has the wrong type"));
}

TEST(OnnxHostile, MuchWorkInFewBytesIsRefusedSoon) {
    const auto start = std::chrono::steady_clock::now();
    // Each node asks for as much as one can.
    ModelProto model = empty_model();
    auto& shape = *model.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
    shape.mutable_dim(1)->set_dim_value(256);
    shape.add_dim()->set_dim_value(256);
    add_floats(model, "k", {256, 1}, 256, 1);
    std::string last = "x";
    for (int i = 0; i < 9000; ++i) {
        const std::string next = i == 8999 ? "y" : "v" + std::to_string(i);
        add(model, "Add", {last, "k"}, next);
        last = next;
    }
    EXPECT_TRUE(says(verdict(model), "too many"));

    // A window that is mostly padding.
    ModelProto pool = example("torch_cnn_pool_groups");
    for (NodeProto& node : *pool.mutable_graph()->mutable_node())
        for (AttributeProto& attribute : *node.mutable_attribute()) {
            if (node.op_type() != "AveragePool") continue;
            if (attribute.name() == "kernel_shape")
                for (int i = 0; i < 2; ++i) attribute.set_ints(i, 60000);
            if (attribute.name() == "pads")
                for (int i = 0; i < 4; ++i) attribute.set_ints(i, 40000);
        }
    EXPECT_TRUE(says(verdict(pool), "a shape has more than"));

    // One matrix, again and again, after a pool that makes few values of many.
    ModelProto gemms = empty_model();
    auto& image = *gemms.mutable_graph()->mutable_input(0)->mutable_type()->mutable_tensor_type()->mutable_shape();
    image.mutable_dim(1)->set_dim_value(1);
    image.add_dim()->set_dim_value(256);
    image.add_dim()->set_dim_value(256);
    add_floats(gemms, "w", {256, 256}, 65536, 0.01f);
    NodeProto& average = add(gemms, "AveragePool", {"x"}, "p");
    for (const char* name : {"kernel_shape", "strides"}) {
        AttributeProto& attribute = *average.add_attribute();
        attribute.set_name(name);
        attribute.set_type(AttributeProto::INTS);
        for (int i = 0; i < 2; ++i) attribute.add_ints(16);
    }
    add(gemms, "Flatten", {"p"}, "v0");
    for (int i = 0; i < 200; ++i)
        add(gemms, "Gemm", {"v" + std::to_string(i), "w"}, i == 199 ? "y" : "v" + std::to_string(i + 1));
    const auto network = onnx::import(onnx_bytes(gemms.SerializeAsString()));
    ASSERT_TRUE(network) << network.error().message;
    const auto stages = inference::to_stages(*network);
    ASSERT_FALSE(stages);
    EXPECT_TRUE(says(stages.error().message, "/layers/2: joined with the layers before it, it takes more than"));
    EXPECT_LT(std::chrono::steady_clock::now() - start, std::chrono::seconds(60));
}

TEST(OnnxHostile, OperatorsWithoutInputs) {
    for (const char* op : {"Identity", "Add", "Concat", "Gemm", "Conv", "Reshape", "Gather", "Where", "Neg", "Slice",
                           "Cast", "Squeeze", "Transpose", "Shape", "BatchNormalization", "Dropout", "Constant"}) {
        ModelProto model = empty_model();
        add(model, op, {}, "y");
        EXPECT_NE(verdict(model), "") << op;
        ModelProto missing = empty_model();
        add(missing, op, {"", "x", ""}, "y");
        EXPECT_NE(verdict(missing), "") << op;
    }
}

TEST(OnnxHostile, AClassOfTheInputsThemselves) {
    ModelProto model = empty_model();
    AttributeProto& axis = *add(model, "ArgMax", {"x"}, "y").add_attribute();
    axis.set_name("axis");
    axis.set_type(AttributeProto::INT);
    axis.set_i(1);
    const auto network = onnx::import(onnx_bytes(model.SerializeAsString()));
    ASSERT_TRUE(network) << network.error().message;
    const auto stages = inference::to_stages(*network);
    ASSERT_TRUE(stages) << stages.error().message;
    const std::vector<double> x{1, 5, 3, 2};
    EXPECT_EQ(postprocess(network->postprocessing, inference::evaluate(*stages, x)), std::vector<double>{1});
}

TEST(OnnxHostile, ARowWithoutDimensionsHasNoFeatures) {
    ModelProto model = empty_model();
    add_floats(model, "w", {4}, 4);
    add_floats(model, "v", {1}, 1);
    add(model, "MatMul", {"x", "w"}, "a");
    add(model, "MatMul", {"a", "v"}, "y");
    EXPECT_TRUE(says(verdict(model), "it gets no features"));
}

TEST(OnnxHostile, WhatIsNotOnThePathIsNotRead) {
    ModelProto model = example("sk_logistic_multinomial");
    add(model, "MaxPool", {"X"}, "nobody wants this");
    add(model, "Fancy", {"nowhere"}, "nor this").set_domain("com.example");
    EXPECT_EQ(verdict(model), "");
}

}  // namespace
}  // namespace einfer::test
