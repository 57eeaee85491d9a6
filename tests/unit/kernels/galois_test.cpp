// Steps and Galois elements, there and back.
#include "kernels/galois.h"

#include <gtest/gtest.h>
#include <seal/util/galois.h>

#include <set>

namespace einfer::test {
namespace {

TEST(Galois, ElementsAreSealsAndStepsComeBack) {
    for (const int log_degree : {10, 13, 15}) {
        const std::size_t degree = std::size_t{1} << log_degree;
        const int slots = static_cast<int>(degree / 2);
        const seal::util::GaloisTool tool(log_degree, seal::MemoryManager::GetPool());
        std::set<std::uint32_t> elements;
        for (int step = -slots / 2 + 1; step <= slots / 2; step += step == 0 || log_degree == 10 ? 1 : 97) {
            const std::uint32_t element = kernels::galois_element(degree, step);
            if (step != 0) {
                EXPECT_EQ(element, tool.get_elt_from_step(step));
            }
            EXPECT_EQ(kernels::galois_step(degree, element), step);
            EXPECT_TRUE(elements.insert(element).second);
        }
        // More than half a turn is less than half the other way.
        EXPECT_EQ(kernels::galois_step(degree, kernels::galois_element(degree, slots - 1)), -1);
        EXPECT_EQ(kernels::galois_step(degree, kernels::galois_element(degree, -slots / 2)), slots / 2);
    }
}

TEST(Galois, OtherElementsHaveNoStep) {
    constexpr std::size_t degree = 1024;
    std::size_t rotations = 0;
    for (std::uint32_t element = 0; element < 3 * degree; ++element)
        rotations += kernels::galois_step(degree, element) ? 1 : 0;
    EXPECT_EQ(rotations, degree / 2);
    EXPECT_FALSE(kernels::galois_step(degree, 2 * degree - 1)) << "conjugation";
}

}  // namespace
}  // namespace einfer::test
