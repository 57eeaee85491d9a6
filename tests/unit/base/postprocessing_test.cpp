#include "base/postprocessing.h"

#include <gtest/gtest.h>

#include <cmath>

namespace einfer {
namespace {

TEST(Postprocessing, EachStep) {
    using enum Postprocessing;
    const std::vector<Postprocessing> softmax{Softmax}, sigmoid{Sigmoid}, argmax{Argmax};
    const auto probabilities = postprocess(softmax, {1000, 1001, 999});
    EXPECT_NEAR(probabilities[0] + probabilities[1] + probabilities[2], 1, 1e-12);
    EXPECT_NEAR(probabilities[1] / probabilities[0], std::exp(1), 1e-9);
    EXPECT_EQ(postprocess(sigmoid, {0}), std::vector<double>{0.5});
    EXPECT_EQ(postprocess(argmax, {1, 3, 2}), std::vector<double>{1});
    EXPECT_EQ(postprocess(argmax, {0.1}), std::vector<double>{1});
    EXPECT_EQ(postprocess(argmax, {-0.1}), std::vector<double>{0});
    EXPECT_EQ(decided_class(std::vector<double>{2, 7, 7}), 1u) << "the first of equals";
}

TEST(Postprocessing, NamesAreKnownAndNoOthers) {
    for (const Postprocessing step : {Postprocessing::Sigmoid, Postprocessing::Softmax, Postprocessing::Argmax})
        EXPECT_EQ(postprocessing_from(name(step)), step);
    EXPECT_FALSE(postprocessing_from("Sigmoid"));
    EXPECT_FALSE(postprocessing_from(""));
}

}  // namespace
}  // namespace einfer
