// Every choice of a packing computes its matrix, on plain numbers.
#include "inference/slots_packing.h"
#include "inference/slots_program.h"

#include "support/slots_world.h"

#include <gtest/gtest.h>

#include <set>

namespace einfer::test {
namespace {

using inference::Fold;
using inference::FormStep;
using inference::Packer;
using inference::StagePacking;
using inference::StageSpec;

FormStep step_of(const inference::Dense& layer) {
    return {{layer.outputs, layer.inputs, layer.weights}, layer.bias, {}, false, false, 0};
}

std::vector<double> through(const std::vector<FormStep>& form, std::vector<double> x) {
    for (const FormStep& step : form) x = inference::linear({step.matrix, step.bias, {}}, x);
    return x;
}

void expect_exact(const std::vector<FormStep>& form, const std::vector<StageSpec>& choices, std::size_t slot_bits,
                  std::mt19937_64& random) {
    const auto program = inference::make_program(form, choices, slot_bits);
    ASSERT_TRUE(program) << text_of(program);
    const auto x = random_values(form[0].matrix.columns, 1, random);
    ASSERT_LE(max_abs_diff(inference::run_in_clear(*program, x), through(form, x)), 1e-12);
}

StageSpec with(const StagePacking& packing) {
    StageSpec spec;
    spec.packing = packing;
    return spec;
}

TEST(SlotsPacking, EveryFirstChoiceComputesItsMatrix) {
    std::mt19937_64 random(1);
    const std::size_t bits = 7;
    std::size_t tried = 0;
    std::set<int> ciphertexts;
    for (const auto& [inputs, outputs] : std::vector<std::pair<std::size_t, std::size_t>>{
             {1, 1}, {5, 3}, {100, 10}, {128, 1}, {7, 60}, {300, 9}, {16, 16}}) {
        const std::vector<FormStep> form{step_of(random_dense(inputs, outputs, random))};
        for (const StagePacking& choice : Packer(bits).first_choices(form[0].matrix, 4)) {
            expect_exact(form, {with(choice)}, bits, random);
            ciphertexts.insert(choice.ciphertexts);
            ++tried;
        }
    }
    EXPECT_GE(tried, 100u);
    EXPECT_TRUE(ciphertexts.contains(1) && ciphertexts.contains(4));
}

TEST(SlotsPacking, ConvolutionsAreGatheredByTheirPlaces) {
    std::mt19937_64 random(2);
    const inference::Shape image{2, 6, 6};
    const inference::Network network{
        image,
        {random_convolution(
            image, 3, {.height = 3, .width = 3, .stride_down = 2, .stride_right = 2, .top = 1, .left = 1}, random)},
        {},
        {}};
    const auto stages = inference::to_stages(network).value();
    const std::vector<FormStep> form{{stages[0].matrix, stages[0].bias, {}, false, false, 0}};
    bool gathered = false;
    for (const StagePacking& choice : Packer(9).first_choices(form[0].matrix, 2)) {
        expect_exact(form, {with(choice)}, 9, random);
        gathered = gathered || (choice.by_support && choice.diagonal_bits == 2);
    }
    EXPECT_TRUE(gathered);
}

TEST(SlotsPacking, EveryLaterChoiceComputesItsMatrixAfterEveryLayout) {
    std::mt19937_64 random(3);
    const std::size_t bits = 7;
    std::set<Fold> kinds;
    for (const std::size_t middle : {1u, 6u, 16u})
        for (const std::size_t outputs : {1u, 5u, 20u}) {
            const std::vector<FormStep> form{step_of(random_dense(12, middle, random)),
                                             step_of(random_dense(middle, outputs, random)),
                                             step_of(random_dense(outputs, 4, random))};
            const Packer packer(bits);
            for (const StagePacking& first : packer.first_choices(form[0].matrix, 1)) {
                if (first.baby_bits != 0 || first.fold_bits != 1) continue;
                const auto after = packer.cost_first(first);
                for (const StagePacking& second : packer.later_choices(outputs, after.low, after.high)) {
                    if (second.baby_bits != 1 || second.fold_bits != 2) continue;
                    const auto next = packer.cost_later(second, outputs, after.low, after.high);
                    for (const StagePacking& third : packer.later_choices(4, next.low, next.high)) {
                        if (third.baby_bits != 1) continue;
                        expect_exact(form, {with(first), with(second), with(third)}, bits, random);
                        kinds.insert(third.fold);
                    }
                }
            }
        }
    EXPECT_EQ(kinds.size(), 2u);
}

TEST(SlotsPacking, ChoicesForOtherMatricesAreRefused) {
    std::mt19937_64 random(4);
    const std::vector<FormStep> form{step_of(random_dense(12, 6, random)), step_of(random_dense(6, 5, random))};
    const Packer packer(5);
    const StagePacking first = packer.first_choices(form[0].matrix, 1).front();
    const auto refused = [&](StagePacking one, StagePacking two) {
        EXPECT_EQ(code_of(inference::make_program(form, std::vector<StageSpec>{with(one), with(two)}, 5)), "INTERNAL");
    };
    const auto layout = packer.cost_first(first);
    const StagePacking second = packer.later_choices(5, layout.low, layout.high).front();
    StagePacking bad = first;
    bad.input_bits = 2;
    refused(bad, second);
    bad = first;
    bad.input_bits = 30;
    refused(bad, second);
    bad = first;
    bad.diagonal_bits = -1;
    refused(bad, second);
    bad = first;
    bad.ciphertexts = 64;
    refused(bad, second);
    bad = second;
    bad.diagonal_bits = 9;
    refused(first, bad);
    bad = second;
    bad.free_bits = bad.diagonal_bits = 0;
    refused(first, bad);
    EXPECT_EQ(code_of(inference::make_program(form, std::vector<StageSpec>{with(first)}, 5)), "INTERNAL");
}

}  // namespace
}  // namespace einfer::test
