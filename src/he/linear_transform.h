// A matrix applied to the slots of one ciphertext: encoded once, applied often.
#pragma once

#include "he/ciphertext.h"
#include "he/context.h"

#include <map>
#include <span>
#include <vector>

namespace einfer::he {

/// The matrix by its diagonals: output slot i = Σ over d of diagonals[d][i] · input slot (i + d), slots counted round.
using Diagonals = std::map<int, std::vector<double>>;

/// Baby-step giant-step (Halevi–Shoup, ePrint 2018/244 §6): with d = giant + baby, diagonals are rotated to the right
/// by `giant` beforehand, so that the baby rotations of the input serve all giants:
///   Σ over giants of rotate(Σ over babies of diagonal · rotate(input, baby), giant).
struct LinearTransform {
    struct Term {
        int baby;
        Plaintext diagonal;  ///< over the level's primes, and behind them the key-switching prime
    };
    std::size_t prime_count = 0;  ///< the level it is for
    double scale = 0;             ///< of the diagonals
    std::map<int, std::vector<Term>> giants;

    /// The rotations that need a key, each once, in order, without 0.
    [[nodiscard]] std::vector<int> baby_steps() const;
    [[nodiscard]] std::vector<int> giant_steps() const;
    /// Both.
    [[nodiscard]] std::vector<int> steps() const;
};

/// Each diagonal has N/2 numbers, its index 0 … N/2 − 1; `baby_count` ≥ 1 steps between two giants. INTERNAL when a
/// number does not fit the level, or all are zero: the transform must not be.
[[nodiscard]] Result<LinearTransform> encode(const Context& context, const Diagonals& diagonals,
                                             std::size_t prime_count, double scale, int baby_count);

}  // namespace einfer::he
