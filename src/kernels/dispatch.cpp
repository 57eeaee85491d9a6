#include "kernels/instruction_sets.h"
#include "kernels/kernels.h"

#include <array>
#include <cstdlib>

namespace einfer::kernels {
namespace {

const std::array<Candidate, 4>& all_candidates() {
#if defined(__x86_64__)
    static const bool has_avx2 = __builtin_cpu_supports("avx2") != 0;
    static const bool has_avx512dq = has_avx2 && __builtin_cpu_supports("avx512f") != 0 &&
                                     __builtin_cpu_supports("avx512dq") != 0 && __builtin_cpu_supports("avx512vl") != 0;
    static const bool has_avx512ifma = has_avx512dq && __builtin_cpu_supports("avx512ifma") != 0;
    static const std::array<Candidate, 4> list{{{&scalar_kernels, true},
                                                {&avx2_kernels, has_avx2},
                                                {&avx512dq_kernels, has_avx512dq},
                                                {&avx512ifma_kernels, has_avx512ifma}}};
#else
    static const std::array<Candidate, 4> list{
        {{&scalar_kernels, true}, {&avx2_kernels, false}, {&avx512dq_kernels, false}, {&avx512ifma_kernels, false}}};
#endif
    return list;
}

struct Selection {
    const Kernels* kernels = &scalar_kernels;
    std::optional<std::string> fault;
};

Selection select() {
    Selection selection;
    const char* const forced = std::getenv(environment_variable);
    if (forced == nullptr || *forced == '\0') {
        for (const Candidate& candidate : all_candidates())
            if (candidate.supported) selection.kernels = candidate.kernels;
        return selection;
    }
    std::string names;
    for (const Candidate& candidate : all_candidates()) {
        if (candidate.supported) names += (names.empty() ? "" : ", ") + std::string(candidate.kernels->name);
        if (candidate.kernels->name != forced) continue;
        if (candidate.supported)
            selection.kernels = candidate.kernels;
        else
            selection.fault = std::string(environment_variable) + " asks for " + forced + ", which this machine lacks";
        return selection;
    }
    selection.fault = std::string(environment_variable) + " names no instruction set; this machine has: " + names;
    return selection;
}

const Selection& selection() {
    static const Selection made = select();
    return made;
}

}  // namespace

std::span<const Candidate> candidates() { return all_candidates(); }
std::optional<std::string> selection_fault() { return selection().fault; }
const Kernels& active() { return *selection().kernels; }

}  // namespace einfer::kernels
