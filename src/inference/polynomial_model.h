// The one model family of v1.0 as the planner sees it: y = c0 + c1 z + c2 z², z = weights · x + bias.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

namespace einfer::inference {

struct PolynomialModel {
    std::size_t poly_modulus_degree = 0;
    std::vector<int> coeff_modulus_bits;  ///< data primes in order, then the key-switching prime
    double scale = 0;                     ///< of every input
    int max_multiplicative_depth = 0;
    std::vector<double> weights;
    double bias = 0;
    std::array<double, 3> coefficients{};  ///< c0, c1, c2
    std::vector<double> input_bounds;      ///< one a feature: largest absolute value planned for
    double tolerance = 0;                  ///< largest absolute error of an answer that is acceptable

    [[nodiscard]] bool quadratic() const { return coefficients[2] != 0; }
};

}  // namespace einfer::inference
