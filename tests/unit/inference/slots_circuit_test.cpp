// Networks in slots, encrypted: the answers are those in clear, within the predicted bound, and it is not far off.
#include "inference/slots_circuit.h"

#include "support/slots_world.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace einfer::test {
namespace {

using inference::Activation;
using inference::ActivationKind;
using inference::Dense;
using inference::Network;
using inference::SlotsModel;
using inference::SlotsOptions;

Activation powers(std::vector<double> coefficients) { return {ActivationKind::Polynomial, std::move(coefficients)}; }

struct Case {
    std::string name;
    Network network;
    SlotsOptions options;
    /// More rows than fit one ciphertext are not needed: as many as share one.
    [[nodiscard]] std::vector<inference::Stage> stages() const { return inference::to_stages(network).value(); }
};

void expect_within_bound(const Case& each, std::uint64_t seed) {
    SCOPED_TRACE(each.name);
    std::mt19937_64 random(seed);
    const auto stages = each.stages();
    const std::size_t features = each.network.input.size();
    const auto samples = random_rows(64, features, random);
    const auto spec = inference::search_slots(stages, samples, each.options);
    ASSERT_TRUE(spec) << text_of(spec);
    const auto model = SlotsModel::compile(stages, *spec);
    ASSERT_TRUE(model) << text_of(model);
    SlotsWorld world(*model);
    const auto& plan = world.plan();
    EXPECT_LE(plan.error_bound, each.options.tolerance);
    EXPECT_EQ(plan.rows, each.options.rows);
    for (const he::EvaluatorKind kind : {he::EvaluatorKind::Native, he::EvaluatorKind::Seal}) {
        const auto evaluator = he::make_evaluator(kind, world.context).value();
        double worst = 0;
        const int runs = kind == he::EvaluatorKind::Native ? 6 : 1;
        for (int run = 0; run < runs; ++run) {
            const auto rows = random_rows(plan.rows, features, random);
            const auto result = world.run(*evaluator, world.encrypt(rows, run % 2 == 0));
            ASSERT_TRUE(result) << text_of(result);
            EXPECT_EQ(result->prime_count, plan.result_primes);
            EXPECT_EQ(result->size, 2u);
            EXPECT_NEAR(result->scale / plan.result_scale, 1, 1e-12);
            const auto slots = world.decrypt(*result);
            for (std::size_t row = 0; row < rows.size(); ++row) {
                const auto clear = model->run_in_clear(rows[row]);
                worst = std::max(worst, max_abs_diff(model->answer(slots, row), clear));
                for (const double value : clear) EXPECT_LE(std::abs(value), plan.value_bound);
            }
        }
        EXPECT_LE(worst, plan.error_bound);
        if (kind == he::EvaluatorKind::Native) {
            EXPECT_GE(worst, plan.error_bound / 1000) << "the bound is of no use";
        }
    }
}

TEST(SlotsCircuit, DenseNetworksOfAwkwardSizes) {
    std::mt19937_64 random(1);
    const auto dense = [&](std::size_t in, std::size_t out) { return random_dense(in, out, random); };
    expect_within_bound({"linear", {{20, 1, 1}, {dense(20, 7)}, {}, {}}, {}}, 1);
    expect_within_bound({"one of one", {{1, 1, 1}, {dense(1, 1), squared(), dense(1, 1)}, {}, {}}, {}}, 2);
    expect_within_bound({"more outputs than inputs", {{5, 1, 1}, {dense(5, 40), squared(), dense(40, 3)}, {}, {}}, {}},
                        3);
    expect_within_bound({"three stages to one output",
                         {{33, 1, 1}, {dense(33, 17), squared(), dense(17, 65), squared(), dense(65, 1)}, {}, {}},
                         {.tolerance = 5e-2}},
                        4);
}

TEST(SlotsCircuit, ConvolutionsAndPools) {
    std::mt19937_64 random(2);
    const inference::Shape image{1, 12, 12};
    const inference::Window window{.height = 3, .width = 3, .stride_down = 2, .stride_right = 2, .top = 1, .left = 1};
    const inference::Shape between = window.output(image, 3);
    const inference::Window pool{.height = 2, .width = 2, .stride_down = 2, .stride_right = 2};
    const inference::Shape pooled = pool.output(between, 3);
    expect_within_bound({"convolution and pool",
                         {image,
                          {random_convolution(image, 3, window, random), squared(),
                           inference::AveragePool{between, pool, false}, random_dense(pooled.size(), 10, random)},
                          {},
                          {}},
                         {.tolerance = 5e-2}},
                        5);
    const inference::Shape again = window.output(between, 2);
    expect_within_bound(
        {"two convolutions",
         {image,
          {random_convolution(image, 3, window, random), squared(), random_convolution(between, 2, window, random),
           squared(), random_dense(again.size(), 4, random)},
          {},
          {}},
         {.tolerance = 5e-2}},
        6);
}

TEST(SlotsCircuit, RowsShareCiphertexts) {
    std::mt19937_64 random(3);
    expect_within_bound({"eight rows",
                         {{30, 1, 1}, {random_dense(30, 12, random), squared(), random_dense(12, 3, random)}, {}, {}},
                         {.rows = 8}},
                        7);
}

TEST(SlotsCircuit, InputsOfSeveralCiphertexts) {
    std::mt19937_64 random(4);
    const Case each{"6000 features",
                    {{6000, 1, 1}, {random_dense(6000, 5, random), squared(), random_dense(5, 2, random)}, {}, {}},
                    {.tolerance = 5e-2, .max_poly_modulus_degree = 8192}};
    expect_within_bound(each, 8);
    std::mt19937_64 other(9);
    const auto spec = inference::search_slots(each.stages(), random_rows(8, 6000, other), each.options).value();
    EXPECT_GE(SlotsModel::compile(each.stages(), spec)->plan().feature_of_slot.size(), 2u);
}

TEST(SlotsCircuit, ActivationsOfTheLastStage) {
    std::mt19937_64 random(5);
    for (const std::vector<double>& coefficients :
         {std::vector<double>{0.5, 1, 0.25}, {0.25, -1, -0.5}, {0, 0, 1, 0.5}})
        expect_within_bound({"last of degree " + std::to_string(coefficients.size() - 1),
                             {{12, 1, 1}, {random_dense(12, 4, random), powers(coefficients)}, {}, {}},
                             {.tolerance = 5e-2}},
                            10);
}

// The library that encodes constants wants more room for them than they need.
TEST(SlotsCircuit, ConstantsAsLargeAsTheAnswers) {
    const Dense sum{4, 1, {0.5, -0.5, 0.5, -0.5}, {0}};
    for (const double tolerance : {0.18, 0.1, 0.05})
        for (const double constant : {4.0, -30.0})
            expect_within_bound({"constant " + std::to_string(constant) + " within " + std::to_string(tolerance),
                                 {{4, 1, 1}, {sum, powers({constant, 0.05, -0.05})}, {}, {}},
                                 {.tolerance = tolerance}},
                                11);
    const Dense biased{4, 2, {0.5, -0.5, 0.5, -0.5, 0.3, 0.2, -0.4, 0.6}, {3, 3}};
    for (const double factor : {1.0, 10.0})
        expect_within_bound({"biases, times " + std::to_string(factor),
                             {{4, 1, 1}, {biased, powers({0, 0.9 * factor, 0, -0.03 * factor})}, {}, {}},
                             {.tolerance = 0.1}},
                            12);
}

TEST(SlotsCircuit, PolynomialsOfEveryDegree) {
    std::mt19937_64 random(6);
    const std::vector<double> all{0.25, 0.5, -0.125, 0.25, 0.1, -0.05, 0.02, 0.03, 0.01};
    for (std::size_t degree = 1; degree <= 8; ++degree)
        expect_within_bound(
            {"degree " + std::to_string(degree),
             {{9, 1, 1},
              {random_dense(9, 6, random), powers({all.begin(), all.begin() + static_cast<std::ptrdiff_t>(degree) + 1}),
               random_dense(6, 2, random)},
              {},
              {}},
             {.tolerance = 5e-2}},
            11);
}

/// A small network, its keys and an encrypted row.
struct Small {
    Small() : random(8), stages(make_stages(random)), samples(random_rows(16, 10, random)) {}

    static std::vector<inference::Stage> make_stages(std::mt19937_64& random) {
        return inference::to_stages(
                   {{10, 1, 1}, {random_dense(10, 6, random), squared(), random_dense(6, 3, random)}, {}, {}})
            .value();
    }

    std::mt19937_64 random;
    std::vector<inference::Stage> stages;
    std::vector<std::vector<double>> samples;
};

TEST(SlotsCircuit, EveryKeyOfThePlanIsNeededAndNoOther) {
    Small small;
    const auto spec = inference::search_slots(small.stages, small.samples).value();
    SlotsWorld world(SlotsModel::compile(small.stages, spec).value());
    EXPECT_TRUE(std::ranges::is_sorted(world.plan().steps));
    EXPECT_EQ(world.keys.size(), world.plan().steps.size());
    const auto inputs = world.encrypt({small.samples[0]});
    const auto evaluator = he::make_evaluator(he::EvaluatorKind::Native, world.context).value();
    EXPECT_EQ(code_of(world.run(*evaluator, inputs)), "OK");
    for (const auto& [element, key] : world.keys) {
        he::GaloisKeys fewer = world.keys;
        fewer.erase(element);
        EXPECT_EQ(code_of(world.circuit.run(*evaluator, he::views_of(inputs), fewer, &world.relinearization)),
                  "INTERNAL");
    }
    EXPECT_EQ(code_of(world.circuit.run(*evaluator, he::views_of(inputs), world.keys, nullptr)), "INTERNAL");
    EXPECT_EQ(code_of(world.circuit.run(*evaluator, {}, world.keys, &world.relinearization)), "INTERNAL");
}

TEST(SlotsCircuit, SimulatedAnswersAreWithinTheBound) {
    Small small;
    const auto spec = inference::search_slots(small.stages, small.samples).value();
    const auto model = SlotsModel::compile(small.stages, spec).value();
    const auto clear = model.run_in_clear(small.samples[0]);
    double largest = 0;
    for (int run = 0; run < 100; ++run)
        largest = std::max(largest, max_abs_diff(model.simulate(small.samples[0], small.random), clear));
    EXPECT_LE(largest, model.plan().error_bound);
    EXPECT_GE(largest, model.plan().error_bound / 10);
}

/// Rows at the corners of the inputs' bounds, for samples near their middle.
struct Corners {
    Corners() : random(5), stages(Small::make_stages(random)) {
        for (int i = 0; i < 16; ++i) {
            samples.push_back(random_rows(1, 10, random)[0]);
            for (double& x : samples.back()) x *= 0.02;
        }
        for (int i = 0; i < 8; ++i) {
            rows.emplace_back(10);
            for (double& x : rows.back()) x = random() % 2 == 0 ? 1 : -1;
        }
    }

    std::mt19937_64 random;
    std::vector<inference::Stage> stages;
    std::vector<std::vector<double>> samples, rows;
};

TEST(SlotsCircuit, NoRowWithinTheBoundsWrapsWhereThereIsRoom) {
    Corners corners;
    const auto spec = inference::search_slots(corners.stages, corners.samples, {.tolerance = 1e-3}).value();
    SlotsWorld world(SlotsModel::compile(corners.stages, spec).value());
    ASSERT_TRUE(world.plan().whole_range);
    const auto evaluator = he::make_evaluator(he::EvaluatorKind::Native, world.context).value();
    for (const auto& row : corners.rows) {
        const auto clear = world.model.run_in_clear(row);
        const auto slots = world.decrypt(world.run(*evaluator, world.encrypt({row})).value());
        // The bound is that of rows like the samples, whose values are 50 times smaller.
        EXPECT_LE(max_abs_diff(world.model.answer(slots, 0), clear), 100 * world.plan().error_bound);
        for (const double value : clear) EXPECT_LE(std::abs(value), world.plan().value_bound);
    }
}

TEST(SlotsCircuit, WithoutThatRoomAPlanSaysSo) {
    Corners corners;
    // Three squares: 50^8 beside the samples' values is room that no prime has.
    std::vector<inference::Stage> deep = corners.stages;
    const auto more = inference::to_stages(
        {{3, 1, 1}, {random_dense(3, 6, corners.random), squared(), random_dense(6, 4, corners.random)}, {}, {}});
    deep.back().activation = squared();
    deep.insert(deep.end(), more.value().begin(), more.value().end());
    for (inference::Stage& stage : deep) std::ranges::fill(stage.bias, 0.0);
    double largest = 0;
    for (const auto& row : corners.samples)
        for (const double value : inference::evaluate(deep, row)) largest = std::max(largest, std::abs(value));
    for (double& weight : deep.back().matrix.values) weight /= largest;
    SlotsOptions options{.tolerance = 1e-4, .whole_range = true};
    EXPECT_EQ(code_of(inference::search_slots(deep, corners.samples, options)), "SCHEMA_VIOLATION");
    options.whole_range = false;
    const auto spec = inference::search_slots(deep, corners.samples, options).value();
    SlotsWorld world(SlotsModel::compile(deep, spec).value());
    ASSERT_FALSE(world.plan().whole_range);
    const auto evaluator = he::make_evaluator(he::EvaluatorKind::Native, world.context).value();
    const auto error_of = [&](const std::vector<double>& row) {
        const auto slots = world.decrypt(world.run(*evaluator, world.encrypt({row})).value());
        return max_abs_diff(world.model.answer(slots, 0), world.model.run_in_clear(row));
    };
    for (const auto& row : corners.samples) EXPECT_LE(error_of(row), world.plan().error_bound);
    for (const auto& row : corners.rows) EXPECT_GE(error_of(row), world.plan().value_bound) << "room that is not told";
}

TEST(SlotsCircuit, ASpecMakesTheSamePlanAndOnlyForItsNetwork) {
    Small small;
    const auto spec = inference::search_slots(small.stages, small.samples).value();
    const auto one = SlotsModel::compile(small.stages, spec).value(),
               other = SlotsModel::compile(small.stages, spec).value();
    EXPECT_EQ(one.plan().steps, other.plan().steps);
    EXPECT_EQ(one.plan().feature_of_slot, other.plan().feature_of_slot);
    EXPECT_EQ(one.plan().output_slots, other.plan().output_slots);
    EXPECT_EQ(one.plan().result_scale, other.plan().result_scale);
    EXPECT_EQ(code_of(SlotsModel::compile(std::span(small.stages).first(1), spec)), "INTERNAL");
    auto bad = spec;
    bad.polynomials[0].clear();
    EXPECT_EQ(code_of(SlotsModel::compile(small.stages, bad)), "INTERNAL");
    bad = spec;
    bad.stages[0].divisor = 0;
    EXPECT_EQ(code_of(SlotsModel::compile(small.stages, bad)), "INTERNAL");
    bad = spec;
    bad.poly_modulus_degree = std::size_t{1} << 40;
    EXPECT_EQ(code_of(SlotsModel::compile(small.stages, bad)), "INTERNAL");
    bad = spec;
    bad.rows = 3;
    EXPECT_EQ(code_of(SlotsModel::compile(small.stages, bad)), "INTERNAL");
    bad = spec;
    bad.coeff_modulus_bits.pop_back();
    EXPECT_EQ(code_of(SlotsModel::compile(small.stages, bad)), "INTERNAL");
    bad = spec;
    bad.stages[1].weight_scale = 0x1p60;
    EXPECT_EQ(code_of(SlotsModel::compile(small.stages, bad)), "INTERNAL");
    EXPECT_EQ(code_of(inference::SlotsCircuit::create(one, make_context(4096, {36, 36, 37}))), "INTERNAL");
}

TEST(SlotsSearch, DigitsAreReadWithSmallRequestsAndKeys) {
    std::mt19937_64 random(10);
    const auto plan_of = [&](const Network& network) {
        const auto stages = inference::to_stages(network).value();
        const auto spec = inference::search_slots(stages, random_rows(16, 784, random), {.tolerance = 2e-2}).value();
        return SlotsModel::compile(stages, spec).value().plan();
    };
    const auto cnn = plan_of(mnist_cnn(random)), mlp = plan_of(mnist_mlp(random));
    EXPECT_EQ(cnn.poly_modulus_degree, 8192u);
    EXPECT_EQ(cnn.feature_of_slot.size(), 1u);
    EXPECT_LE(cnn.request_bytes, 500'000u);
    EXPECT_LE(cnn.key_bytes, 30'000'000u);
    EXPECT_LE(cnn.predicted_ms, 20);
    EXPECT_EQ(mlp.poly_modulus_degree, 8192u);
    EXPECT_EQ(mlp.feature_of_slot.size(), 1u);
    EXPECT_LE(mlp.request_bytes, 500'000u);
    EXPECT_LE(mlp.key_bytes, 17'000'000u);
    EXPECT_LE(mlp.predicted_ms, 12);
}

TEST(SlotsSearch, RefusalsNameTheNearestChange) {
    std::mt19937_64 random(9);
    const auto refused = [&](const Network& network, const SlotsOptions& options, const std::string& field,
                             const std::string& reason) {
        const auto stages = inference::to_stages(network).value();
        const auto spec = inference::search_slots(stages, random_rows(4, network.input.size(), random), options);
        ASSERT_EQ(code_of(spec), "SCHEMA_VIOLATION");
        ASSERT_EQ(spec.error().details.size(), 2u);
        EXPECT_EQ(spec.error().details[0].second, field);
        EXPECT_NE(spec.error().details[1].second.find(reason), std::string::npos) << spec.error().message;
    };
    const Network wide{{4, 1, 1}, {random_dense(4, 3000, random), squared(), random_dense(3000, 2, random)}, {}, {}};
    refused(wide, {.tolerance = 0.5, .max_poly_modulus_degree = 4096}, "/stages/0", "N = 8192 would fit");
    Network deep{{4, 1, 1}, {}, {}, {}};
    for (int stage = 0; stage < 4; ++stage) {
        deep.layers.emplace_back(random_dense(4, 4, random));
        deep.layers.emplace_back(squared());
    }
    deep.layers.emplace_back(random_dense(4, 2, random));
    refused(deep, {.max_poly_modulus_degree = 8192}, "/tolerance", "N = 16384 would fit");
    refused(deep, {.tolerance = 1e-30}, "/tolerance", "the closest has an error bound of");
    refused(deep, {.max_key_bytes = 1000}, "/stages", "MiB of evaluation keys");
    Network zero = deep;
    std::get<Dense>(zero.layers[2]).weights.assign(16, 0.0);
    refused(zero, {}, "/stages/1", "all its weights are zero");
    EXPECT_EQ(code_of(inference::search_slots(inference::to_stages(deep).value(), random_rows(2, 5, random), {})),
              "SCHEMA_VIOLATION");
    Network unfitted = deep;
    unfitted.layers[1] = Activation{ActivationKind::Relu, {}};
    EXPECT_EQ(code_of(inference::search_slots(inference::to_stages(unfitted).value(), random_rows(2, 4, random), {})),
              "INTERNAL");
}

}  // namespace
}  // namespace einfer::test
