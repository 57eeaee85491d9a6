// Where values lie in the slots, and how a matrix is applied there: diagonals, then folds. docs/architecture/slots.md.
// Private to src/inference.
#pragma once

#include "inference/network.h"
#include "inference/slots_spec.h"

#include <cstdint>
#include <map>
#include <span>
#include <vector>

namespace einfer::inference {

/// Of one vector in the slots of one row, a power of two of them. Slots repeat with period 2^high; an element's slot is
/// a multiple of 2^low.
struct SlotLayout {
    std::size_t low = 0, high = 0;      ///< bits of the slot's index that number the elements: [low, high)
    std::vector<std::int32_t> content;  ///< by slot: the element, or −1 for garbage
};

/// A matrix in the slots: u[s] = Σ over inputs t and diagonals d of diagonals[t][d][s] · x_t[s + d]; then for each set
/// of folds, in order, u ← Σ over its steps f, and 0, of u[s + f].
struct PackedMatrix {
    std::vector<std::map<int, std::vector<double>>> diagonals;  ///< by input ciphertext; those that are not zero
    int baby_count = 1;                                         ///< in slots
    std::vector<std::vector<int>> folds;
    SlotLayout output;

    /// Rotations, each once, without 0, in order.
    [[nodiscard]] std::vector<int> steps() const;
};

/// The first stage: what the client puts where. By ciphertext and slot: the feature, or −1.
struct GatheredInput {
    std::vector<std::vector<std::int32_t>> features;
};

/// A choice's cost before it is made. Rotations of one input are cheaper than others: they share a decomposition.
struct PackingCost {
    std::size_t diagonals = 0;        ///< an input ciphertext
    std::vector<int> babies, giants;  ///< steps, in slots
    std::vector<std::vector<int>> folds;
    std::size_t low = 0, high = 0;  ///< of the output layout
};

/// Which choices there are, without the matrix's values. All take the number of slots a row as bits.
class Packer {
public:
    explicit Packer(std::size_t slot_bits) : slot_bits_(slot_bits) {}

    /// The first stage.
    [[nodiscard]] std::vector<StagePacking> first_choices(const Matrix& matrix, std::size_t max_ciphertexts) const;
    /// A later stage, of `outputs` values, on a vector in [low, high).
    [[nodiscard]] std::vector<StagePacking> later_choices(std::size_t outputs, std::size_t low, std::size_t high) const;

    [[nodiscard]] PackingCost cost_first(const StagePacking& choice) const;
    [[nodiscard]] PackingCost cost_later(const StagePacking& choice, std::size_t outputs, std::size_t low,
                                         std::size_t high) const;

    /// INTERNAL when the choice cannot compute the matrix.
    [[nodiscard]] Result<PackedMatrix> pack_first(const Matrix& matrix, const StagePacking& choice,
                                                  GatheredInput& input) const;
    [[nodiscard]] Result<PackedMatrix> pack_later(const Matrix& matrix, const StagePacking& choice,
                                                  const SlotLayout& input) const;

private:
    std::size_t slot_bits_;
};

}  // namespace einfer::inference
