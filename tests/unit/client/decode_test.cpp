#include "client/decode.h"

#include "client/noise_floor.h"
#include "small_world.h"

#include <gtest/gtest.h>

#include <cmath>

namespace einfer::client {
namespace {

using client_test::small_model;

TEST(Resolution, FollowsTheErrorBound) {
    EXPECT_EQ(resolution(3.1e-5, 1e-6), 1e-5);
    EXPECT_EQ(resolution(1e-5, 1e-6), 1e-5);
    EXPECT_EQ(resolution(9.99e-6, 1e-6), 1e-6);
    EXPECT_EQ(resolution(0.5, 1e-6), 0.1);
    EXPECT_EQ(resolution(1, 1e-6), 1);
    EXPECT_EQ(resolution(1e300, 1e-6), 1);
}

TEST(Resolution, IsNeverFinerThanTheNoiseOfEncryption) {
    for (const double claimed : {1e-7, 1e-12, 5e-324}) EXPECT_EQ(resolution(claimed, 1e-6), 1e-6);
    EXPECT_EQ(resolution(1e-9, 1), 1);
    EXPECT_EQ(resolution(1e-300, 1e-200), 1e-15);
}

TEST(NoiseFloor, IsThePowerOfTenAbove) {
    EXPECT_DOUBLE_EQ(noise_floor(16384, 0x1p30), 1e-6);  // 8 · 128 / 2^30 = 9.5e-7
    EXPECT_DOUBLE_EQ(noise_floor(16384, 0x1p29), 1e-5);
    EXPECT_DOUBLE_EQ(noise_floor(16384, 1), 10000);
}

TEST(RoundTo, MakesTheNearestMultiple) {
    EXPECT_EQ(round_to(0.5005912345, 1e-6), 0.500591);
    EXPECT_EQ(round_to(-0.5005916, 1e-6), -0.500592);
    EXPECT_EQ(round_to(0.49999, 1), 0);
    EXPECT_EQ(round_to(0.25, 0.1), 0.3);
    EXPECT_FALSE(std::signbit(round_to(-1e-9, 1e-6)));
    EXPECT_EQ(round_to(1e300, 1e-15), 1e300);
    EXPECT_EQ(to_text(round_to(0.1 + 0.2, 1e-15)), "0.3");
    for (int decimals = 0; decimals <= 15; ++decimals) {
        const double unit = 1 / std::pow(10.0, decimals);
        EXPECT_EQ(round_to(unit * 1.2, unit), unit) << decimals;
    }
}

class DecodeTest : public testing::Test {
protected:
    const protocol::ModelDescription model = small_model();
    const he::Context context = he::Context::create(client_test::parameters(model)).value();
    const keys::Session session = keys::Session::create(context, keys::EncryptionMode::Symmetric).value();
    const std::vector<double> one{1, 0, 0}, two{0, 2, 0};
    const std::vector<Row> rows{one, two};

    [[nodiscard]] CheckedResult encrypted(const std::vector<double>& values) const {
        const auto bytes = session.encrypt(values, model.encryption.scale).value();
        return {client_test::load_input(context, bytes), 1e-3};
    }
};

TEST_F(DecodeTest, ReturnsTheRowsOfTheBatchAndNothingElse) {
    const auto batch = decode(session, encrypted({0.875123, -0.125456, 1.5, 1.5, 1.5}), model, rows);
    ASSERT_TRUE(batch);
    EXPECT_TRUE(batch->plausible);
    EXPECT_EQ(batch->values, (std::vector<double>{0.875, -0.125}));
    EXPECT_EQ(batch->resolution, 1e-3);
}

TEST_F(DecodeTest, ShowsNoNoiseWhateverTheServerClaims) {
    // An input sent back under a smaller scale, with a bound that would allow every digit.
    CheckedResult result = encrypted({0, 0});
    result.error_bound = 1e-15;
    EXPECT_DOUBLE_EQ(decode(session, result, model, rows)->resolution, 1e-4);  // 8 · 64 / 2^24 = 3.1e-5
    result.ciphertext.scale = 0x1p14;
    const auto batch = decode(session, result, model, rows);
    EXPECT_EQ(batch->resolution, 0.1);  // 8 · 64 / 2^14 = 0.03
    EXPECT_EQ(batch->values, (std::vector<double>{0, 0}));
}

TEST(CanHold, WhatIsBelowHalfTheModulus) {
    const protocol::ModelDescription linear = small_model(), square = small_model(true);
    const auto row_of = [](double third) { return std::vector<double>{0, 0, third}; };  // weight 1, bias 0.125
    EXPECT_TRUE(can_hold(linear, row_of(0.25 * (1 << 20)), 0x1p24, 44));
    EXPECT_FALSE(can_hold(linear, row_of(1 << 20), 0x1p24, 44));
    EXPECT_FALSE(can_hold(linear, row_of(-(1 << 20)), 0x1p24, 44));
    EXPECT_FALSE(can_hold(linear, row_of(1e308), 0x1p24, 1000));
    EXPECT_TRUE(can_hold(square, row_of(500), 0x1p24, 44));  // 250,000 · 2^24
    EXPECT_FALSE(can_hold(square, row_of(1000), 0x1p24, 44));
    // The product is small, but one of its factors is not: c2 z² + c1 z with c1 = -c2 z.
    protocol::ModelDescription steep = square;
    steep.coefficients = {0, -1e9 - 0.125, 1};
    EXPECT_FALSE(can_hold(steep, row_of(1e9), 0x1p24, 41));
}

TEST_F(DecodeTest, NamesTheRowWhoseAnswerDoesNotFit) {
    const std::vector<double> far{0, 0, 1e17};
    const std::vector<Row> both{one, far};
    const auto batch = decode(session, encrypted({0, 0}), model, both);
    ASSERT_TRUE(batch);
    EXPECT_EQ(batch->overflowing_row, 1u);
    EXPECT_TRUE(batch->values.empty());
    EXPECT_EQ(decode(session, encrypted({0, 0}), model, rows)->overflowing_row, std::nullopt);
}

TEST_F(DecodeTest, FindsValuesThatTheModelCannotMake) {
    EXPECT_DOUBLE_EQ(largest_output(model, one), 2 * (0.25 + 0.125 + 0.5) + 1);
    for (const double value : {2.8, -2.8, 1e3}) {
        const auto batch = decode(session, encrypted({0, value}), model, rows);
        ASSERT_TRUE(batch);
        EXPECT_FALSE(batch->plausible) << value;
        EXPECT_TRUE(batch->values.empty());
    }
    EXPECT_TRUE(decode(session, encrypted({0, 0, 1e3}), model, rows)->plausible);  // not a slot of the batch
    const keys::Session other = keys::Session::create(context, keys::EncryptionMode::Symmetric).value();
    EXPECT_FALSE(decode(other, encrypted({0, 0}), model, rows)->plausible);  // another key: noise
}

}  // namespace
}  // namespace einfer::client
