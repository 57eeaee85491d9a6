#pragma once

#include <stdexcept>

namespace einfer::cli {

/// A file or an argument that is wrong: what() says where and what to do.
class InputError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

}  // namespace einfer::cli
