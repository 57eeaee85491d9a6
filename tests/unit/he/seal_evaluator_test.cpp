// The evaluator's operations, bit for bit what SEAL's own give when they are used directly.
#include "he/seal_evaluator.h"

#include "he/seal_context.h"
#include "support/encryption.h"

#include <gtest/gtest.h>

namespace einfer::test {
namespace {

class SealEvaluatorTest : public testing::Test {
protected:
    static constexpr double scale = 0x1p30;

    void SetUp() override {
        std::mt19937_64 random(3);
        for (int i = 0; i < 3; ++i) inputs.push_back(encrypt(session, random_values(8, 4, random), scale));
    }

    [[nodiscard]] seal::Plaintext scalar(double value, double at_scale, const seal::Ciphertext& like) const {
        seal::Plaintext plain;
        encoder.encode(value, like.parms_id(), at_scale, plain);
        return plain;
    }

    void expect_same(const Result<he::Ciphertext>& ours, const seal::Ciphertext& direct) const {
        ASSERT_TRUE(ours) << text_of(ours);
        const he::Ciphertext expected = he::from_seal(context, direct);
        EXPECT_EQ(ours->prime_count, expected.prime_count);
        EXPECT_EQ(ours->size, expected.size);
        EXPECT_EQ(ours->scale, expected.scale);
        EXPECT_TRUE(ours->words == expected.words);
    }

    const he::Context context = make_context(4096, {36, 36, 37});
    const keys::Session session = make_session(context, keys::EncryptionMode::Symmetric);
    const he::SealEvaluator evaluator{context};
    const seal::Evaluator seals{context.seal().context};
    seal::CKKSEncoder encoder{context.seal().context};
    std::vector<he::Ciphertext> inputs;
};

TEST_F(SealEvaluatorTest, WeightedSum) {
    const double weights[] = {0.5, -3.25, 1e-2}, weight_scale = 0x1p20, constant = -7.5;
    seal::Ciphertext sum;
    for (std::size_t i = 0; i < 3; ++i) {
        seal::Ciphertext term = he::to_seal(context, inputs[i]);
        seals.multiply_plain_inplace(term, scalar(weights[i], weight_scale, term));
        if (i == 0)
            sum = term;
        else
            seals.add_inplace(sum, term);
    }
    seals.add_plain_inplace(sum, scalar(constant, sum.scale(), sum));
    const auto ours = evaluator.weighted_sum(views_of(inputs), weights, constant, weight_scale);
    expect_same(ours, sum);
    EXPECT_EQ(ours->scale, scale * weight_scale);
    EXPECT_EQ(ours->size, 2u);
}

TEST_F(SealEvaluatorTest, WeightsThatRoundToZeroAreLeftOut) {
    const double weights[] = {0, 2, 0x1p-12}, only[] = {2};
    const auto all = evaluator.weighted_sum(views_of(inputs), weights, 0, 0x1p10);
    const auto middle = evaluator.weighted_sum(std::vector<he::CiphertextView>{inputs[1]}, only, 0, 0x1p10);
    ASSERT_TRUE(all);
    ASSERT_TRUE(middle);
    EXPECT_TRUE(all->words == middle->words);
    const double halves[] = {0, 2, 0x1p-11};  // rounds away from zero
    EXPECT_FALSE(evaluator.weighted_sum(views_of(inputs), halves, 0, 0x1p10)->words == middle->words);
    const double nothing[] = {0, -0.0, 0x1p-12};
    EXPECT_EQ(text_of(evaluator.weighted_sum(views_of(inputs), nothing, 1, 0x1p10)), "INTERNAL: the evaluation failed");
}

TEST_F(SealEvaluatorTest, MultiplyRescaleAndAddConstant) {
    const double one[] = {1, 0.5, 0.25};
    const auto a = evaluator.weighted_sum(views_of(inputs), one, 0.5, 0x1p4);
    ASSERT_TRUE(a);
    seal::Ciphertext product;
    seals.multiply(he::to_seal(context, inputs[0]), he::to_seal(context, inputs[1]), product);
    const auto ours = evaluator.multiply(inputs[0], inputs[1]);
    expect_same(ours, product);
    EXPECT_EQ(ours->size, 3u);
    EXPECT_EQ(ours->scale, scale * scale);

    seal::Ciphertext smaller;
    seals.rescale_to_next(product, smaller);
    const auto rescaled = evaluator.rescale(*ours);
    expect_same(rescaled, smaller);
    EXPECT_EQ(rescaled->prime_count, 1u);
    EXPECT_EQ(rescaled->scale, scale * scale / static_cast<double>(context.primes()[1]));

    seals.add_plain_inplace(product, scalar(2.5, product.scale(), product));
    expect_same(evaluator.add_constant(*ours, 2.5), product);
    expect_same(evaluator.add_constant(*ours, 0), he::to_seal(context, *ours));
}

TEST_F(SealEvaluatorTest, LowerLevelsAndSquares) {
    const auto lower =
        evaluator.rescale(*evaluator.weighted_sum(views_of(inputs), std::vector<double>{1, 1, 1}, 0, 0x1p8));
    ASSERT_TRUE(lower);
    const auto square = evaluator.multiply(*lower, *lower);
    seal::Ciphertext expected;
    seals.multiply(he::to_seal(context, *lower), he::to_seal(context, *lower), expected);
    expect_same(square, expected);
}

TEST_F(SealEvaluatorTest, OperandsThatDoNotFitAreInternalAndNothingOfSealShows) {
    const he::Ciphertext low = *evaluator.rescale(inputs[0]);
    const Result<he::Ciphertext> refused[] = {
        evaluator.multiply(inputs[0], low),                                                 // another level
        evaluator.rescale(low),                                                             // no prime to drop
        evaluator.weighted_sum(views_of(inputs), std::vector<double>{1, 1, 1}, 0, 0x1p60),  // scale beyond the modulus
        evaluator.add_constant(inputs[0], 1e250),                                           // value beyond the modulus
        evaluator.weighted_sum({}, {}, 1, 0x1p10),                                          // nothing
        evaluator.weighted_sum(views_of(inputs), std::vector<double>{1, 1}, 0, 2),          // a weight too few
        evaluator.weighted_sum(std::vector<he::CiphertextView>{inputs[0], low}, std::vector<double>{1, 1}, 0, 2),
    };
    for (const auto& result : refused) EXPECT_EQ(text_of(result), "INTERNAL: the evaluation failed");
}

TEST_F(SealEvaluatorTest, InputsThatCancelAreInvalid) {
    he::Ciphertext opposite = inputs[0];
    const std::size_t degree = context.poly_modulus_degree();
    for (std::size_t i = 0; i < opposite.words.size(); ++i) {
        const std::uint64_t prime = context.primes()[i / degree % opposite.prime_count];
        opposite.words[i] = opposite.words[i] == 0 ? 0 : prime - opposite.words[i];
    }
    const auto cancelled = evaluator.weighted_sum(std::vector<he::CiphertextView>{inputs[0], opposite},
                                                  std::vector<double>{1, 1}, 0.5, 0x1p10);
    EXPECT_EQ(text_of(cancelled), "INVALID_CIPHERTEXT: the inputs cancel: the result would be transparent");
}

}  // namespace
}  // namespace einfer::test
