// The coefficients layout, encrypted: answers within the plan's bound, and nothing else to be seen.
#include "inference/linear_circuit.h"

#include "support/encryption.h"

#include <gtest/gtest.h>

namespace einfer::inference {
namespace {

Stage random_stage(std::size_t features, std::size_t outputs, double size, unsigned seed) {
    std::mt19937_64 random(seed);
    std::normal_distribution<double> normal(0, size);
    Stage stage{{outputs, features, std::vector<double>(features * outputs)}, std::vector<double>(outputs), {}};
    for (double& weight : stage.matrix.values) weight = normal(random);
    for (double& bias : stage.bias) bias = normal(random);
    return stage;
}

/// Rows through the whole circuit.
class Encrypted {
public:
    Encrypted(const Stage& stage, const LinearPlan& plan, std::size_t rows, unsigned seed)
        : stage_(stage),
          plan_(plan),
          context_(test::make_context(plan.packing.poly_modulus_degree, {plan.packing.prime_bits})),
          session_(test::make_session(context_, keys::EncryptionMode::Symmetric)),
          circuit_(LinearCircuit::create(stage, plan, context_).value()) {
        std::mt19937_64 random(seed);
        for (std::size_t row = 0; row < rows; ++row)
            rows_.push_back(test::random_values(plan.packing.features, 1, random));
        const LinearPacking& packing = plan.packing;
        for (std::size_t input = 0; input < packing.ciphertexts(); ++input) {
            std::vector<double> coefficients(packing.poly_modulus_degree);
            for (std::size_t row = 0; row < rows; ++row)
                for (std::size_t i = 0; i < packing.features_per_ciphertext; ++i) {
                    const std::size_t feature = input * packing.features_per_ciphertext + i;
                    if (feature < packing.features)
                        coefficients[packing.input_coefficient(row) + i] = rows_[row][feature];
                }
            std::vector<std::uint8_t> bytes(session_.seeded_size());
            EXPECT_TRUE(session_.encrypt_coefficients(coefficients, packing.input_scale, bytes));
            inputs_.push_back(test::expand(test::parse(bytes, context_), context_));
        }
    }

    [[nodiscard]] std::vector<he::Ciphertext> evaluate(he::EvaluatorKind kind = he::EvaluatorKind::Native) const {
        return circuit_.run(*he::make_evaluator(kind, context_).value(), he::views_of(inputs_)).value();
    }

    [[nodiscard]] double error_of_compact() const {
        const wire::CompactShape shape = wire::compact_shape(plan_.packing, rows_.size());
        const auto bytes = wire::write_compact(shape, circuit_.compact(evaluate(), rows_.size()));
        EXPECT_EQ(bytes.size(), shape.size());
        const auto results = wire::read_compact(bytes, shape).value();
        const double scale = plan_.packing.result_scale * std::ldexp(1.0, plan_.packing.compact_bits) /
                             static_cast<double>(context_.primes().front());
        double worst = 0;
        for (std::size_t result = 0; result < results.size(); ++result) {
            std::vector<std::size_t> positions;
            for_each_answer(result, [&](std::size_t row, std::size_t output) {
                positions.push_back(plan_.packing.output_coefficient(row, output));
            });
            const auto numbers =
                session_.decrypt_compact(results[result], plan_.packing.compact_bits, positions).value();
            std::size_t at = 0;
            for_each_answer(result, [&](std::size_t row, std::size_t output) {
                worst = std::max(worst, error(row, result, output, static_cast<double>(numbers[at++]) / scale));
            });
        }
        return worst;
    }

    [[nodiscard]] double error_of_masked(std::vector<std::vector<std::int64_t>>* all = nullptr) const {
        auto results = evaluate();
        circuit_.mask(results, rows_.size());
        double worst = 0;
        for (std::size_t result = 0; result < results.size(); ++result) {
            const auto numbers = session_.decrypt_coefficients(results[result]).value();
            for_each_answer(result, [&](std::size_t row, std::size_t output) {
                const auto number = static_cast<double>(numbers[plan_.packing.output_coefficient(row, output)]);
                worst = std::max(worst, error(row, result, output, number / plan_.packing.result_scale));
            });
            if (all != nullptr) all->push_back(numbers);
        }
        return worst;
    }

    template <class Visit>
    void for_each_answer(std::size_t result, Visit visit) const {
        for (std::size_t row = 0; row < rows_.size(); ++row)
            for (std::size_t output = 0; output < plan_.packing.outputs_of(result); ++output) visit(row, output);
    }

private:
    [[nodiscard]] double error(std::size_t row, std::size_t result, std::size_t output, double answer) const {
        return std::abs(answer - linear(stage_, rows_[row])[result * plan_.packing.outputs_per_result + output]);
    }

    const Stage& stage_;
    const LinearPlan& plan_;
    he::Context context_;
    keys::Session session_;
    LinearCircuit circuit_;
    std::vector<std::vector<double>> rows_;
    std::vector<he::Ciphertext> inputs_;
};

struct Case {
    std::size_t features, outputs;
    double size;
    double tolerance;
};

class Linear : public testing::TestWithParam<Case> {};

TEST_P(Linear, AnswersAreWithinTheBoundAndTheBoundIsNear) {
    const auto [features, outputs, size, tolerance] = GetParam();
    const Stage stage = random_stage(features, outputs, size, 7);
    const auto planned = plan_linear(stage, tolerance);
    ASSERT_TRUE(planned) << planned.error().message;
    const LinearPlan& plan = *planned;
    ASSERT_LE(plan.error_bound, tolerance);
    ASSERT_TRUE(prove_linear(stage, plan.packing, tolerance));
    for (const std::size_t rows : {std::size_t{1}, plan.packing.rows}) {
        const Encrypted run(stage, plan, rows, 3);
        const double compact = run.error_of_compact(), masked = run.error_of_masked();
        EXPECT_LE(compact, plan.error_bound);
        EXPECT_LE(masked, plan.error_bound);
        // Of few answers all may happen to be nearly right: their worst error says nothing about the bound.
        if (rows * outputs >= 30) {
            EXPECT_GE(compact * 1000, plan.error_bound) << "a bound that says little";
        }
    }
}

INSTANTIATE_TEST_SUITE_P(Shapes, Linear,
                         testing::Values(Case{30, 1, 1, 1e-4}, Case{8, 1, 0.1, 1e-5}, Case{1, 1, 3, 1e-3},
                                         Case{64, 10, 0.3, 1e-3}, Case{10, 1, 50, 1e-2}, Case{784, 10, 0.05, 1e-3},
                                         Case{5000, 3, 0.02, 1e-3}, Case{3, 700, 1, 1e-3}, Case{2048, 1, 0.02, 1e-3},
                                         Case{2049, 1, 0.02, 1e-3}));

TEST(LinearCircuit, SealsEvaluatorMakesTheSameWords) {
    const Stage stage = random_stage(100, 7, 0.5, 1);
    const auto plan = plan_linear(stage, 1e-3).value();
    const Encrypted run(stage, plan, plan.packing.rows, 2);
    const auto ours = run.evaluate(), seals = run.evaluate(he::EvaluatorKind::Seal);
    ASSERT_EQ(ours.size(), seals.size());
    for (std::size_t i = 0; i < ours.size(); ++i) EXPECT_EQ(ours[i].words, seals[i].words);
}

TEST(LinearCircuit, WhatIsNoAnswerIsRandom) {
    const Stage stage = random_stage(30, 1, 1, 1);
    const auto plan = plan_linear(stage, 1e-4).value();
    const Encrypted run(stage, plan, 2, 2);
    std::vector<std::vector<std::int64_t>> one, other;
    (void)run.error_of_masked(&one);
    (void)run.error_of_masked(&other);
    std::vector<bool> is_answer(plan.packing.poly_modulus_degree);
    run.for_each_answer(0, [&](std::size_t row, std::size_t output) {
        is_answer[plan.packing.output_coefficient(row, output)] = true;
    });
    std::size_t equal = 0, small = 0;
    const double half = std::ldexp(1.0, plan.packing.prime_bits - 1);
    for (std::size_t i = 0; i < is_answer.size(); ++i) {
        if (is_answer[i]) continue;
        equal += one[0][i] == other[0][i] ? 1 : 0;
        small += std::abs(static_cast<double>(one[0][i])) < half / 64 ? 1 : 0;
    }
    EXPECT_EQ(equal, 0u);
    EXPECT_LT(small, is_answer.size() / 16);  // a 64th of uniform ones
}

TEST(LinearPlan, ThirtyFeaturesTakeOneSmallCiphertext) {
    const auto plan = plan_linear(random_stage(30, 1, 0.5, 1), 1e-4).value();
    EXPECT_EQ(plan.packing.poly_modulus_degree, 2048u);
    EXPECT_EQ(plan.packing.prime_bits, 54);
    EXPECT_EQ(plan.packing.rows, 68u);
    EXPECT_EQ(plan.packing.ciphertexts(), 1u);
    EXPECT_LT(wire::compact_shape(plan.packing, 1).size(), 9000u);
}

// Clients show no digits that the rounding of the reply reaches.
TEST(LinearPlan, AnswersAreShownWithinTheTolerance) {
    for (unsigned seed = 1; seed <= 5; ++seed)
        for (const double tolerance : {1e-5, 1e-4, 5e-4, 3e-3, 4e-3, 0.02, 0.6}) {
            const auto plan = plan_linear(random_stage(10 * seed, seed, 0.5, seed), tolerance).value();
            const auto primes = he::coeff_modulus({plan.packing.poly_modulus_degree, {plan.packing.prime_bits}});
            EXPECT_LE(plan.packing.shown_unit(static_cast<double>(primes->front())), tolerance);
            EXPECT_LE(plan.error_bound, tolerance);
        }
}

TEST(LinearPlan, PlacesNeverMeet) {
    for (const auto& [features, outputs] :
         {std::pair<std::size_t, std::size_t>{30, 1}, {64, 10}, {3, 700}, {784, 10}}) {
        const auto packing = plan_linear(random_stage(features, outputs, 0.1, 1), 1e-2).value().packing;
        std::vector<int> taken(packing.poly_modulus_degree);
        for (std::size_t row = 0; row < packing.rows; ++row)
            for (std::size_t output = 0; output < packing.outputs_per_result; ++output)
                ++taken.at(packing.output_coefficient(row, output));
        EXPECT_LE(*std::max_element(taken.begin(), taken.end()), 1);
    }
}

TEST(LinearPlan, RefusesWithTheReason) {
    const auto says = [](const Result<LinearPlan>& plan, const char* reason) {
        return !plan && plan.error().message.find(reason) != std::string::npos;
    };
    EXPECT_TRUE(says(plan_linear(random_stage(30, 1, 0, 1), 1e-3), "all weights are zero"));
    EXPECT_TRUE(says(plan_linear(random_stage(30, 1, 1, 1), 1e-15), "closest has an error"));
    EXPECT_TRUE(says(plan_linear(random_stage(30, 1, 1e30, 1), 1e-3), "too large"));
    Stage one_lost = random_stage(400, 2, 1, 1);
    for (std::size_t i = 400; i < 800; ++i) one_lost.matrix.values[i] = 0;
    EXPECT_TRUE(plan_linear(one_lost, 1e-3)) << "shares its result with one that has weights";
}

TEST(LinearPlan, NoiseGoesThroughTheWeightsThatAreComputedWith) {
    // At a scale of 16 a weight of 0.51/16 becomes 1/16, and so does the noise behind it.
    Stage stage = random_stage(1, 1, 1, 1);
    stage.matrix.values.front() = 0.51 / 16;
    stage.bias.front() = 0;
    const LinearPacking packing{.poly_modulus_degree = 1024,
                                .prime_bits = 27,
                                .features = 1,
                                .outputs = 1,
                                .features_per_ciphertext = 1,
                                .outputs_per_result = 1,
                                .rows = 1,
                                .input_scale = 16,
                                .result_scale = 256,
                                .compact_bits = 14};
    const double of_small = prove_linear(stage, packing, 1e6).value().error_bound;
    stage.matrix.values.front() = 1.0 / 16;
    EXPECT_GE(of_small, prove_linear(stage, packing, 1e6).value().error_bound);
}

TEST(LinearPlan, AChangedPackingIsProvedAgain) {
    const Stage stage = random_stage(30, 2, 1, 1);
    const LinearPacking good = plan_linear(stage, 1e-3).value().packing;
    const auto refused = [&](auto change) {
        LinearPacking packing = good;
        change(packing);
        return !prove_linear(stage, packing, 1e-3);
    };
    EXPECT_FALSE(refused([](LinearPacking&) {}));
    EXPECT_TRUE(refused([](LinearPacking& p) { p.features = 31; }));
    EXPECT_TRUE(refused([](LinearPacking& p) { p.features_per_ciphertext = 0; }));
    EXPECT_TRUE(refused([](LinearPacking& p) { p.outputs_per_result = 3; }));
    EXPECT_TRUE(refused([](LinearPacking& p) { ++p.rows; }));
    EXPECT_TRUE(refused([](LinearPacking& p) { p.rows = 0; }));
    EXPECT_TRUE(refused([](LinearPacking& p) { p.input_scale *= 1.5; }));
    EXPECT_TRUE(refused([](LinearPacking& p) { p.result_scale *= 1e6; }));
    EXPECT_TRUE(refused([](LinearPacking& p) { p.result_scale = 0; }));
    EXPECT_TRUE(refused([](LinearPacking& p) { p.compact_bits = 0; }));
    EXPECT_TRUE(refused([](LinearPacking& p) { p.compact_bits = 53; }));
    EXPECT_TRUE(refused([](LinearPacking& p) { p.compact_bits -= 4; }));
}

}  // namespace
}  // namespace einfer::inference
