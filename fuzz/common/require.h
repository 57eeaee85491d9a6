// What an oracle says when it is broken: a message, then abort(), which libFuzzer and ctest both take for a crash.
#pragma once

#include <cstdlib>
#include <iostream>
#include <string_view>

namespace einfer::fuzz {

inline void require(bool holds, std::string_view promise, std::string_view detail = {}) {
    if (holds) return;
    std::cerr << "broken promise: " << promise << '\n' << detail << std::endl;
    std::abort();
}

}  // namespace einfer::fuzz
