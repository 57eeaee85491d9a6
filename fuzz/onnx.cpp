// ONNX files.
//
// Oracle: what is accepted is a network whose numbers are finite, whose layers fit one another, and which answers as
// many numbers as it has outputs. The same model written again by protobuf is the same network. What is refused says
// where and why, in text that prints. Memory stays below what the limits allow.
#include "common/allocations.h"
#include "common/require.h"
#include "onnx/import.h"

#include <onnx/onnx_pb.h>

#include <algorithm>
#include <cmath>
#include <random>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t max_size);

namespace einfer::fuzz {
namespace {

using ::onnx::AttributeProto;
using ::onnx::GraphProto;
using ::onnx::ModelProto;
using ::onnx::NodeProto;
using ::onnx::TensorProto;
using Random = std::minstd_rand;

// Small, so that a limit is reached by a small file, and an input takes no time.
constexpr einfer::onnx::ImportLimits limits{.max_nodes = 64,
                                            .max_elements = 1024,
                                            .max_layers = 16,
                                            .max_window_work = 1u << 16,
                                            .max_values = 1u << 17,
                                            .max_class_names = 32,
                                            .max_class_name_bytes = 64};
constexpr std::size_t max_memory = std::size_t{20} << 20;  // 16 MiB for small parts of the file, and values

bool all_finite(std::span<const double> values) {
    return std::ranges::all_of(values, [](double value) { return std::isfinite(value); });
}

void require_refusal(const Error& error) {
    require(error.code == ErrorCode::SchemaViolation, "a refusal is a schema violation");
    require(error.details.size() == 2 && error.details[0].first == "node" && error.details[1].first == "reason" &&
                !error.details[1].second.empty(),
            "a refusal has a node and a reason", error.message);
    require(
        error.message.size() < 1000 && std::ranges::all_of(error.message, [](char c) { return c >= ' ' && c <= '~'; }),
        "a refusal prints", error.message);
}

void require_network(const inference::Network& network) {
    require(!network.layers.empty() && network.layers.size() <= limits.max_layers + 2,
            "there are layers, not too many");
    const auto stages = inference::to_stages(network);
    if (!stages) {
        // Layers that are finite may not be once they are joined, and a matrix may be larger than a file.
        const std::string& reason = stages.error().message;
        require(reason.find("not all finite") != std::string::npos || reason.find("more than") != std::string::npos,
                "layers fit one another", reason);
        return;
    }
    for (const inference::Stage& stage : *stages)
        require(all_finite(stage.matrix.values) && all_finite(stage.bias), "numbers are finite");
    const auto values = inference::evaluate(*stages, std::vector<double>(network.input.size(), 0.5));
    require(values.size() == stages->back().matrix.rows, "there is a number for each output");
    (void)postprocess(network.postprocessing, values);
    const std::size_t classes = std::max<std::size_t>(values.size(), 2);
    require(network.class_names.empty() || network.class_names.size() == classes, "there is a name for each class");
}

bool same(const inference::Network& one, const inference::Network& other) {
    return one.input == other.input && one.layers.size() == other.layers.size() &&
           one.postprocessing == other.postprocessing && one.class_names == other.class_names;
}

void require_same_when_written_again(std::span<const std::uint8_t> file, const inference::Network& network) {
    ModelProto model;
    require(model.ParsePartialFromArray(file.data(), static_cast<int>(file.size())), "protobuf reads what is accepted");
    const std::string text = model.SerializePartialAsString();
    const std::vector<std::uint8_t> bytes(text.begin(), text.end());
    const auto again = einfer::onnx::import(bytes, limits);
    require(again.has_value() && same(*again, network), "written again it is the same network",
            again ? "" : again.error().message);
}

// --- Mutations that leave a model readable ---------------------------------------------------------------------------

constexpr const char* operators[] = {"Abs",
                                     "Add",
                                     "ArgMax",
                                     "AveragePool",
                                     "BatchNormalization",
                                     "Cast",
                                     "Concat",
                                     "Conv",
                                     "Constant",
                                     "Div",
                                     "Dropout",
                                     "Flatten",
                                     "Gather",
                                     "Gemm",
                                     "Greater",
                                     "Identity",
                                     "LeakyRelu",
                                     "MatMul",
                                     "Mul",
                                     "Neg",
                                     "Pow",
                                     "Relu",
                                     "ReduceMean",
                                     "ReduceSum",
                                     "Reshape",
                                     "Shape",
                                     "Sigmoid",
                                     "Slice",
                                     "Softmax",
                                     "Squeeze",
                                     "Sub",
                                     "Tanh",
                                     "Transpose",
                                     "Unsqueeze",
                                     "Where",
                                     "ZipMap",
                                     "LabelEncoder",
                                     "Scaler",
                                     "Normalizer",
                                     "LinearClassifier",
                                     "LinearRegressor",
                                     "GlobalAveragePool",
                                     "ArrayFeatureExtractor",
                                     "FeatureVectorizer"};
constexpr std::int64_t integers[] = {0, 1,  -1, 2,   3,     -2,        4,         5,
                                     7, 16, 28, 255, 65536, 1LL << 31, 1LL << 62, -(1LL << 62)};

std::int64_t integer(Random& random) { return integers[random() % std::size(integers)]; }

template <class Field>
auto& pick(Field& field, Random& random) {
    return *field.Mutable(static_cast<int>(random() % static_cast<unsigned>(field.size())));
}

/// One of the names that are in the graph.
std::string some_name(const GraphProto& graph, Random& random) {
    std::vector<std::string> names{"", "x", "X"};
    for (const TensorProto& tensor : graph.initializer()) names.push_back(tensor.name());
    for (const NodeProto& node : graph.node())
        for (const std::string& output : node.output()) names.push_back(output);
    return names[random() % names.size()];
}

void mutate_attribute(AttributeProto& attribute, Random& random) {
    switch (random() % 5) {
        case 0: attribute.set_i(integer(random)); break;
        case 1:
            if (attribute.ints_size() > 0)
                attribute.set_ints(static_cast<int>(random() % static_cast<unsigned>(attribute.ints_size())),
                                   integer(random));
            break;
        case 2: attribute.add_ints(integer(random)); break;
        case 3: attribute.set_f(static_cast<float>(integer(random))); break;
        default:
            if (attribute.floats_size() > 0) attribute.mutable_floats()->RemoveLast();
            break;
    }
}

void mutate_graph(GraphProto& graph, Random& random) {
    const unsigned choice = random() % 10;
    if (choice < 2 && graph.initializer_size() > 0) {
        TensorProto& tensor = pick(*graph.mutable_initializer(), random);
        if (tensor.dims_size() > 0)
            tensor.set_dims(static_cast<int>(random() % static_cast<unsigned>(tensor.dims_size())), integer(random));
        if (choice == 1 && tensor.dims_size() > 1) tensor.mutable_dims()->SwapElements(0, 1);
    } else if (choice == 2 && graph.input_size() > 0) {
        auto& shape = *pick(*graph.mutable_input(), random).mutable_type()->mutable_tensor_type()->mutable_shape();
        if (shape.dim_size() > 0) pick(*shape.mutable_dim(), random).set_dim_value(1 + integer(random) % 64);
    } else if (choice == 3 && graph.output_size() > 0) {
        pick(*graph.mutable_output(), random).set_name(some_name(graph, random));
    } else if (graph.node_size() > 0) {
        NodeProto& node = pick(*graph.mutable_node(), random);
        if (choice == 4) node.set_op_type(operators[random() % std::size(operators)]);
        if (choice == 5 && node.input_size() > 0) pick(*node.mutable_input(), random) = some_name(graph, random);
        if (choice == 6) node.add_input(some_name(graph, random));
        if (choice >= 7 && node.attribute_size() > 0) mutate_attribute(pick(*node.mutable_attribute(), random), random);
        if (choice == 9 && node.output_size() > 0) {  // another node behind it
            NodeProto behind;
            behind.set_op_type(operators[random() % std::size(operators)]);
            behind.add_input(node.output(0));
            if (random() % 2 == 0) behind.add_input(some_name(graph, random));
            behind.add_output(node.output(0));
            node.set_output(0, node.output(0) + "'");
            behind.set_input(0, node.output(0));
            *graph.add_node() = behind;
        }
    }
}

}  // namespace
}  // namespace einfer::fuzz

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    using namespace einfer::fuzz;
    Random random(seed);
    ModelProto model;
    if (random() % 4 == 0 || !model.ParsePartialFromArray(data, static_cast<int>(size)))
        return LLVMFuzzerMutate(data, size, max_size);
    for (auto changes = 1 + random() % 3; changes > 0; --changes) mutate_graph(*model.mutable_graph(), random);
    const std::string text = model.SerializePartialAsString();
    if (text.size() > max_size) return LLVMFuzzerMutate(data, size, max_size);
    std::ranges::copy(text, data);
    return text.size();
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace einfer;
    using namespace einfer::fuzz;
    const std::span file(data, size);
    const Allocations allocations;
    const auto network = einfer::onnx::import(file, limits);
    require_below(allocations, max_memory + 4 * size, "an import holds little memory");
    if (!network) {
        require_refusal(network.error());
        return 0;
    }
    require_network(*network);
    require_same_when_written_again(file, *network);
    return 0;
}
