// The operations on residues that evaluation is made of, each for several instruction sets. Scalar code is the
// specification; every other one gives the same words.
#pragma once

#include "kernels/ntt_tables.h"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace einfer::kernels {

/// One product of a sum: n residues each.
struct Term {
    const std::uint64_t* values;
    const std::uint64_t* factors;
};

/// One product of a sum by constants.
struct ScaledTerm {
    const std::uint64_t* values;
    std::uint64_t weight;
};

/// The factors of two sums over the same values, a key switch, so that they are read as one stream: for each run of 8
/// positions and each term 8 factors of the first sum, then 8 of the second.
struct PairedFactors {
    static constexpr std::size_t run = 8;
    const std::uint64_t* words;
    std::size_t stride;  ///< words from one run to the next, at least 2 · run · terms
};

/// One instruction set's functions. Residues, weights and constants are canonical, and so are all results. n is any number of residues, but for the transforms,
/// whose size is that of the tables, and permutations. `out` may be one of the inputs, position for position, except
/// for permutations. Thread-safe; nothing is allocated.
struct Kernels {
    std::string_view name;  ///< "scalar", "avx2", "avx512dq", "avx512ifma"

    /// Negacyclic transforms; `values` below 4p before the forward one, canonical before the inverse.
    void (*ntt_forward)(const NttTables& tables, const std::uint64_t* values, std::uint64_t* out);
    void (*ntt_inverse)(const NttTables& tables, const std::uint64_t* values, std::uint64_t* out);

    void (*add)(const Modulus& modulus, std::size_t n, const std::uint64_t* a, const std::uint64_t* b,
                std::uint64_t* out);
    void (*subtract)(const Modulus& modulus, std::size_t n, const std::uint64_t* a, const std::uint64_t* b,
                     std::uint64_t* out);
    void (*add_constant)(const Modulus& modulus, std::size_t n, const std::uint64_t* a, std::uint64_t constant,
                         std::uint64_t* out);
    void (*multiply)(const Modulus& modulus, std::size_t n, const std::uint64_t* a, const std::uint64_t* b,
                     std::uint64_t* out);
    /// Σ values · factors, reduced once: any number of terms, at least one.
    void (*sum_of_products)(const Modulus& modulus, std::size_t n, std::span<const Term> terms, std::uint64_t* out);
    /// Σ values · weight + constant.
    void (*weighted_sum)(const Modulus& modulus, std::size_t n, std::span<const ScaledTerm> terms,
                         std::uint64_t constant, std::uint64_t* out);
    /// The two sums of values · factors, one array of values a term. n is a multiple of 8. Unless `permutation` is
    /// null, the values are permuted by it (kernels/galois.h); n is its size then.
    void (*pair_of_sums)(const Modulus& modulus, std::size_t n, std::span<const std::uint64_t* const> values,
                         PairedFactors factors, const std::uint32_t* permutation, std::uint64_t* first,
                         std::uint64_t* second);

    /// (words + addend) mod p, of words and an addend whose sum is below 2^63.
    void (*reduce)(const Modulus& modulus, std::size_t n, const std::uint64_t* words, std::uint64_t addend,
                   std::uint64_t* out);
    /// (a − b) · by, plus `addend` unless null: the last step of a division by a prime.
    void (*subtract_multiply)(const Modulus& modulus, std::size_t n, const std::uint64_t* a, const std::uint64_t* b,
                              const Factor& by, const std::uint64_t* addend, std::uint64_t* out);
    /// out[i] = values[permutation[i]].
    void (*permute)(std::size_t n, const std::uint32_t* permutation, const std::uint64_t* values, std::uint64_t* out);
};

extern const Kernels scalar_kernels;

/// All instruction sets that this program has code for, slowest first, and whether this machine can run them.
struct Candidate {
    const Kernels* kernels;
    bool supported;
};
[[nodiscard]] std::span<const Candidate> candidates();

/// Names an instruction set to be used instead of the machine's best.
inline constexpr const char* environment_variable = "EINFER_KERNELS";

/// Why active() cannot be used: the environment variable names none, or one that this machine lacks. Programs ask
/// before they begin.
[[nodiscard]] std::optional<std::string> selection_fault();

/// The machine's best, or the one forced by the environment; chosen at the first call. With a fault: scalar.
[[nodiscard]] const Kernels& active();

}  // namespace einfer::kernels
