#include "base/postprocessing.h"

#include <algorithm>
#include <cmath>

namespace einfer {

std::string_view name(Postprocessing step) {
    switch (step) {
        case Postprocessing::Sigmoid: return "sigmoid";
        case Postprocessing::Softmax: return "softmax";
        case Postprocessing::Argmax: return "argmax";
    }
    return "";
}

std::optional<Postprocessing> postprocessing_from(std::string_view text) {
    for (const Postprocessing step : {Postprocessing::Sigmoid, Postprocessing::Softmax, Postprocessing::Argmax})
        if (name(step) == text) return step;
    return std::nullopt;
}

std::size_t decided_class(std::span<const double> numbers) {
    if (numbers.size() == 1) return numbers[0] > 0 ? 1 : 0;
    return static_cast<std::size_t>(std::ranges::max_element(numbers) - numbers.begin());
}

std::vector<double> postprocess(std::span<const Postprocessing> steps, std::vector<double> numbers) {
    for (const Postprocessing step : steps) switch (step) {
            case Postprocessing::Sigmoid:
                for (double& number : numbers) number = 1 / (1 + std::exp(-number));
                break;
            case Postprocessing::Softmax: {
                const double largest = std::ranges::max(numbers);
                double sum = 0;
                for (double& number : numbers) sum += number = std::exp(number - largest);
                for (double& number : numbers) number /= sum;
                break;
            }
            case Postprocessing::Argmax: numbers = {static_cast<double>(decided_class(numbers))}; break;
        }
    return numbers;
}

}  // namespace einfer
