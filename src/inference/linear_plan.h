// The `coefficients` layout: linear models with rows packed into polynomial coefficients, one product a result, no
// rotation, no evaluation key (the idea of Cheetah, ePrint 2022/207 §3.1).
#pragma once

#include "base/error.h"
#include "base/packing.h"
#include "inference/network.h"

namespace einfer::inference {

struct LinearPlan {
    LinearPacking packing;
    double weight_scale = 0;
    double value_bound = 0;  ///< of |answer| for inputs in [-1, 1]
    /// Largest |decrypted − exact| of an answer, in either form, for inputs in [-1, 1] that were encrypted under the
    /// secret key; fails with probability below 2^-55 an answer.
    double error_bound = 0;
};

/// The smallest request and reply within `tolerance`, for inputs in [-1, 1]. SCHEMA_VIOLATION with details `field` and
/// `reason` when there is none. `stage` has no activation.
[[nodiscard]] Result<LinearPlan> plan_linear(const Stage& stage, double tolerance);

/// The plan of a packing that was chosen before, proved again; errors as above.
[[nodiscard]] Result<LinearPlan> prove_linear(const Stage& stage, const LinearPacking& packing, double tolerance);

}  // namespace einfer::inference
