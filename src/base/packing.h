// Where a model's numbers lie in ciphertexts: what a server's plan and its clients have in common.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace einfer {

/// What is encrypted for a number of a feature, in every layout but v1.0's: in [-1, 1] within the feature's range.
[[nodiscard]] inline double normalised(double number, double lower, double upper) {
    return (number - (lower + upper) / 2) * (2 / (upper - lower));
}

/// The same of a row, with the range of each feature.
[[nodiscard]] inline std::vector<double> normalised(std::span<const double> row, std::span<const double> lower,
                                                    std::span<const double> upper) {
    std::vector<double> moved;
    for (std::size_t i = 0; i < row.size(); ++i) moved.push_back(normalised(row[i], lower[i], upper[i]));
    return moved;
}

/// The `coefficients` layout. Where everything is. Feature i is feature i mod F of input ciphertext i / F; output j is
/// output j mod O of result j / O.
struct LinearPacking {
    std::size_t poly_modulus_degree = 0;  ///< N; one prime, and no key-switching prime
    int prime_bits = 0;
    std::size_t features = 0, outputs = 0;
    std::size_t features_per_ciphertext = 0;  ///< F
    std::size_t outputs_per_result = 0;       ///< O
    std::size_t rows = 0;                     ///< of one request, N / (F·O)

    double input_scale = 0;   ///< coefficient = round(x · input_scale)
    double result_scale = 0;  ///< answer = centred coefficient / result_scale
    int compact_bits = 0;     ///< of a coefficient in a compact answer

    [[nodiscard]] std::size_t ciphertexts() const { return (features - 1) / features_per_ciphertext + 1; }
    [[nodiscard]] std::size_t results() const { return (outputs - 1) / outputs_per_result + 1; }
    [[nodiscard]] std::size_t outputs_of(std::size_t result) const {
        return std::min(outputs_per_result, outputs - result * outputs_per_result);
    }
    /// Of the first feature of a row, in every input ciphertext; the others follow.
    [[nodiscard]] std::size_t input_coefficient(std::size_t row) const {
        return row * features_per_ciphertext * outputs_per_result;
    }
    /// Of an output, by its place in its result. All others are of no use, and not shown.
    [[nodiscard]] std::size_t output_coefficient(std::size_t row, std::size_t output) const {
        return input_coefficient(row) + output * features_per_ciphertext + features_per_ciphertext - 1;
    }
    /// The least unit that clients show answers in: the power of ten above 3.5 standard deviations of what replacing
    /// `prime` by 2^compact_bits leaves in them. Digits below it would show that, which tells about the key.
    [[nodiscard]] double shown_unit(double prime) const {
        const double deviation =
            std::sqrt(static_cast<double>(poly_modulus_degree) / 18) * prime / std::ldexp(result_scale, compact_bits);
        return std::pow(10.0, std::ceil(std::log10(3.5 * deviation)));
    }
    friend bool operator==(const LinearPacking&, const LinearPacking&) = default;
};

/// The `slots` layout. Slot s·rows + r is virtual slot s of row r.
struct SlotsPacking {
    std::size_t poly_modulus_degree = 0;  ///< N
    std::size_t features = 0, outputs = 0;
    std::size_t rows = 0;  ///< of one request, a power of two
    /// By input ciphertext, then by virtual slot (N/2/rows of them): the feature there, or -1 for a zero.
    std::vector<std::vector<std::int32_t>> feature_of_slot{};
    std::vector<std::uint32_t> output_slots{};  ///< virtual, by output; all others are of no use

    double input_scale = 0;

    [[nodiscard]] std::size_t virtual_slots() const { return poly_modulus_degree / 2 / rows; }
    friend bool operator==(const SlotsPacking&, const SlotsPacking&) = default;
};

}  // namespace einfer
