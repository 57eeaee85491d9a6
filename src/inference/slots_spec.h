// What a search decides of a network in the slots layout, and what follows from it. docs/architecture/slots.md.
#pragma once

#include "base/error.h"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace einfer::inference {

/// Which bits of the slots' index a stage sums over.
enum class Fold : std::uint8_t {
    High,  ///< the upper bits of its input: the result lies in low bits and repeats above
    Low,   ///< the lower bits: the result lies in high bits, garbage below
};

/// How one stage's matrix is packed. All sizes but the number of ciphertexts are powers of two.
struct StagePacking {
    Fold fold = Fold::High;
    int free_bits = 0;      ///< output bits beside the input's: groups of a first stage, garbage or repeated bits later
    int diagonal_bits = 0;  ///< output bits among the input's, by diagonals
    int input_bits = 0;     ///< first stage: of the values that a group takes from one ciphertext
    int ciphertexts = 1;    ///< first stage: that its inputs are split over
    bool by_support = false;  ///< first stage: outputs that depend on the same features are one group
    int baby_bits = 0;        ///< 2^baby_bits baby steps between giants
    int fold_bits = 1;        ///< bits that one set of rotations folds

    friend bool operator==(const StagePacking&, const StagePacking&) = default;
};

/// Where a stage's product with its matrix is divided by the last prime.
enum class Rescale : std::uint8_t {
    Never,        ///< a square divides for both; the last stage need not
    BeforeFolds,  ///< folds are cheaper by a prime, and noisier
    AfterFolds,
};

struct StageSpec {
    StagePacking packing;
    Rescale rescale = Rescale::Never;
    double weight_scale = 0;
    double divisor = 1;         ///< of the values before the activation
    double output_divisor = 1;  ///< and after it
};

/// Everything that search_slots() decides: with the network, compile_slots() makes the same plan of it always.
struct SlotsSpec {
    std::size_t poly_modulus_degree = 0;
    std::vector<int> coeff_modulus_bits;           ///< data primes in order, then the key-switching prime
    double scale = 0;                              ///< of the inputs
    std::size_t rows = 1;                          ///< that share a ciphertext; a power of two
    std::vector<StageSpec> stages;                 ///< of the network with its linear activations folded away
    std::vector<std::vector<double>> polynomials;  ///< by stage of the network as it came; empty: no activation
    double error_bound = 0;                        ///< of an answer, for inputs like the samples
    double value_bound = 0;                        ///< of the answers' size, in the room that is left for them
};

/// What a client and a server need to know of it.
struct SlotsPlan {
    std::size_t poly_modulus_degree = 0;
    std::vector<int> coeff_modulus_bits;
    std::size_t rows = 1;

    /// By ciphertext and slot of one row: the feature that lies there, or −1 for zero. Row r's slot s is slot
    /// s · rows + r of the ciphertext.
    std::vector<std::vector<std::int32_t>> feature_of_slot;
    double input_scale = 0;
    std::size_t input_primes = 0;

    /// Of the ciphertext, by output, for row 0; row r's is r further. What other slots hold means nothing to a client:
    /// partial sums, which tell the key's owner more of the model than the answer does.
    std::vector<std::size_t> output_slots;
    double result_scale = 0;
    std::size_t result_primes = 0;

    std::vector<int> steps;  ///< rotations that need keys: distinct, in order
    bool needs_relinearization = false;
    double error_bound = 0;
    double value_bound = 0;
    bool whole_range = false;  ///< no row within the inputs' bounds makes values that wrap; else rows like the samples

    std::size_t rotations = 0;  ///< key switches of rotations
    std::size_t relinearizations = 0;
    std::size_t plain_products = 0;
    double predicted_ms = 0;        ///< on one thread of a machine with AVX-512 IFMA
    std::size_t request_bytes = 0;  ///< seeded ciphertexts of one set of rows, headers aside
    std::size_t reply_bytes = 0;
    std::size_t key_bytes = 0;        ///< seeded evaluation keys, headers aside
    std::size_t plaintext_bytes = 0;  ///< the encoded matrices

    /// Answers as large fit the primes that are left for them, whatever is in the other slots.
    [[nodiscard]] double room() const;
};

}  // namespace einfer::inference
