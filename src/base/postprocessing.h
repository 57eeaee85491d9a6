// What the client does with a model's decrypted numbers, in clear and exactly.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace einfer {

enum class Postprocessing {
    Sigmoid,  ///< of each number
    Softmax,  ///< over all
    Argmax,   ///< the decided class
};

/// As registry entries and model descriptions have it: "sigmoid", "softmax", "argmax".
[[nodiscard]] std::string_view name(Postprocessing step);
[[nodiscard]] std::optional<Postprocessing> postprocessing_from(std::string_view name);

/// The index of the largest number; of one number: 1 when it is positive, else 0.
[[nodiscard]] std::size_t decided_class(std::span<const double> numbers);

/// The steps on the numbers of one row.
[[nodiscard]] std::vector<double> postprocess(std::span<const Postprocessing> steps, std::vector<double> numbers);

}  // namespace einfer
