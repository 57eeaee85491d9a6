// Why a model is not imported. Private to src/onnx.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace einfer::onnx {

/// Thrown inside this layer, and made an Error by import(). The operator and its node are put in front of `reason`.
struct Refusal {
    std::string reason;
    bool of_operator = false;  ///< the operator itself is not known: "cannot be computed on encrypted data; …"
};

[[noreturn]] inline void refuse(std::string reason) { throw Refusal{std::move(reason)}; }

/// A name from the file, fit for a message: short, and with nothing that does not print.
[[nodiscard]] std::string shown(std::string_view name);

/// How many numbers may still be held; what takes some asks first.
class Budget {
public:
    explicit Budget(std::size_t values) : left_(values) {}
    void take(std::size_t values) {
        if (values > left_) refuse("the model has too many weights, or makes too many of them");
        left_ -= values;
    }
    [[nodiscard]] std::size_t left() const { return left_; }

private:
    std::size_t left_;
};

/// a · b, refused when it is more than `most`.
[[nodiscard]] inline std::size_t product(std::size_t a, std::size_t b, std::size_t most) {
    if (a != 0 && b > most / a) refuse("a shape has more than " + std::to_string(most) + " elements, the most that is imported");
    return a * b;
}

}  // namespace einfer::onnx
