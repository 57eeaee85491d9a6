#include "inference/activation_fit.h"

#include <algorithm>
#include <array>
#include <cmath>

namespace einfer::inference {
namespace {

constexpr std::size_t most = max_fitted_degree + 1;
constexpr double grid_weight = 0.25;
constexpr int grid_points = 256;

using Vector = std::array<double, most>;

/// Chebyshev polynomials at t, |t| ≤ 1: the normal equations stay well-conditioned in them.
Vector chebyshev(double t) {
    Vector values{1, t};
    for (std::size_t i = 2; i < most; ++i) values[i] = 2 * t * values[i - 1] - values[i - 2];
    return values;
}

/// Solves a symmetric positive definite system in place.
void solve(std::array<Vector, most>& matrix, Vector& right, std::size_t size) {
    for (std::size_t pivot = 0; pivot < size; ++pivot)
        for (std::size_t row = pivot + 1; row < size; ++row) {
            const double factor = matrix[row][pivot] / matrix[pivot][pivot];
            for (std::size_t column = pivot; column < size; ++column)
                matrix[row][column] -= factor * matrix[pivot][column];
            right[row] -= factor * right[pivot];
        }
    for (std::size_t row = size; row-- > 0;) {
        for (std::size_t column = row + 1; column < size; ++column) right[row] -= matrix[row][column] * right[column];
        right[row] /= matrix[row][row];
    }
}

/// factor · (slope · x + offset) · p(x), minus q(x).
std::vector<double> next_chebyshev(const std::vector<double>& p, const std::vector<double>& q, double factor,
                                   double slope, double offset) {
    std::vector<double> product(p.size() + 1);
    for (std::size_t i = 0; i < p.size(); ++i) {
        product[i] += factor * offset * p[i];
        product[i + 1] += factor * slope * p[i];
    }
    for (std::size_t i = 0; i < q.size(); ++i) product[i] -= q[i];
    return product;
}

}  // namespace

double polynomial(std::span<const double> coefficients, double x) {
    double value = 0;
    for (std::size_t i = coefficients.size(); i-- > 0;) value = value * x + coefficients[i];
    return value;
}

Result<ActivationFit> fit_activation(const Activation& activation, int degree, std::span<const double> observed) {
    if (degree < 1 || degree > max_fitted_degree || observed.empty())
        return Error{ErrorCode::Internal, "an activation is fitted by a polynomial of degree 1 to 8"};
    const auto [least, largest] = std::ranges::minmax(observed);
    const double centre = (least + largest) / 2, radius = std::max((largest - least) / 2, 1e-6) * 1.1;

    const std::size_t size = static_cast<std::size_t>(degree) + 1;
    std::array<Vector, most> matrix{};
    Vector right{};
    const auto take = [&](double x, double weight) {
        const Vector basis = chebyshev((x - centre) / radius);
        for (std::size_t row = 0; row < size; ++row) {
            for (std::size_t column = 0; column < size; ++column)
                matrix[row][column] += weight * basis[row] * basis[column];
            right[row] += weight * basis[row] * activation(x);
        }
    };
    for (const double x : observed) take(x, (1 - grid_weight) / static_cast<double>(observed.size()));
    for (int i = 0; i < grid_points; ++i)
        take(centre + radius * (2 * (i + 0.5) / grid_points - 1), grid_weight / grid_points);
    solve(matrix, right, size);

    ActivationFit fit{std::vector<double>(size), 0, 0};
    std::vector<double> before, current{1};
    for (std::size_t i = 0; i < size; ++i) {
        for (std::size_t k = 0; k < current.size(); ++k) fit.coefficients[k] += right[i] * current[k];
        std::vector<double> next = next_chebyshev(current, before, i == 0 ? 1 : 2, 1 / radius, -centre / radius);
        before = std::exchange(current, std::move(next));
    }
    for (const double x : observed) {
        const double error = std::abs(polynomial(fit.coefficients, x) - activation(x));
        fit.rms_error += error * error / static_cast<double>(observed.size());
        fit.max_error = std::max(fit.max_error, error);
    }
    fit.rms_error = std::sqrt(fit.rms_error);
    return fit;
}

}  // namespace einfer::inference
