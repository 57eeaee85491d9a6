// Where a plan is made, in terms of how fast it would run there.
#pragma once

#include <string_view>

namespace einfer::importing {

struct ThisMachine {
    std::string_view kernels;  ///< "avx512ifma", "avx512dq", "avx2" or "scalar"
    /// How many times as long as with AVX-512 IFMA, which estimates are for, an evaluation takes: about.
    double slowdown = 1;
};

[[nodiscard]] ThisMachine this_machine();

}  // namespace einfer::importing
