// Which instruction set runs: the machine's best, or the one that the environment forces, or a fault. The choice is
// made once a process, so every case has a process of its own.
#include "kernels/kernels.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace einfer::test {
namespace {

/// What a process whose environment forces `name` (nullptr: nothing) says on its standard error.
void expect_choice(const char* name, const std::string& said) {
    EXPECT_EXIT(
        {
            if (name == nullptr)
                unsetenv(kernels::environment_variable);
            else
                setenv(kernels::environment_variable, name, 1);
            const auto fault = kernels::selection_fault();
            std::cerr << (fault ? *fault : std::string(kernels::active().name)) << std::endl;
            std::_Exit(0);
        },
        testing::ExitedWithCode(0), said);
}

TEST(KernelDispatch, TheBestThatTheMachineHas) {
    std::string best;
    for (const kernels::Candidate& candidate : kernels::candidates())
        if (candidate.supported) best = candidate.kernels->name;
    std::cout << "this machine's best: " << best << std::endl;
    expect_choice(nullptr, "^" + best + "\n$");
    expect_choice("", "^" + best + "\n$");
}

TEST(KernelDispatch, ForcedOnesRunAndOnesThatTheMachineLacksAreAFault) {
    for (const kernels::Candidate& candidate : kernels::candidates()) {
        const std::string name(candidate.kernels->name);
        if (!candidate.supported) std::cout << "NOT RUN HERE: this machine has no " << name << std::endl;
        expect_choice(name.c_str(),
                      candidate.supported ? "^" + name + "\n$" : "asks for " + name + ", which this machine lacks");
    }
    expect_choice("sse9", "names no instruction set; this machine has: scalar");
}

}  // namespace
}  // namespace einfer::test
