// How a model is computed: which primes, which scales, how exact. Found by search, proved before a server starts.
#pragma once

#include "base/error.h"
#include "inference/polynomial_model.h"

#include <string>
#include <vector>

namespace einfer::inference {

/// Σ weights · x + constant, in one step on the inputs.
struct AffineForm {
    std::vector<double> weights;
    double constant = 0;
};

/// Linear model:    y = affine[0](x), the activation's slope folded into the weights.
/// Quadratic model: y = affine[0](x) · affine[1](x) + c0 with affine[0] = c2 z + c1 and affine[1] = z, so that no
///                  coefficient is divided by and the size-3 product needs no relinearization.
struct Plan {
    std::vector<AffineForm> affine;
    double constant = 0;  ///< c0 of a quadratic model

    std::size_t input_primes = 0;  ///< primes kept of each input; the others are dropped unread
    double weight_scale = 0;       ///< a power of two
    bool rescale = false;          ///< quadratic only: after each affine form
    std::size_t result_primes = 0;
    std::size_t result_size = 2;  ///< polynomials
    double result_scale = 0;      ///< of the answer, up to the rounding of doubles
    double value_bound = 0;       ///< of |y| over the input bounds
    /// Largest |decrypted − exact| over the input bounds for honest ciphertexts. See plan.cpp for its parts and tails.
    double error_bound = 0;

    [[nodiscard]] bool quadratic() const { return affine.size() == 2; }
};

/// The plan with the smallest answer within the model's tolerance, or SCHEMA_VIOLATION with details `field` and
/// `reason` when no plan is executable with the model's primes, scale and depth.
[[nodiscard]] Result<Plan> make_plan(const PolynomialModel& model);

}  // namespace einfer::inference
