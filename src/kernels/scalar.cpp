// The specification: one word at a time, no instruction set assumed.
#include "kernels/kernels.h"

#include <algorithm>

namespace einfer::kernels {
namespace {

void ntt_forward(const NttTables& tables, const std::uint64_t* input, std::uint64_t* values) {
    if (input != values) std::copy_n(input, tables.size(), values);
    const Modulus& modulus = tables.modulus();
    const std::uint64_t p = modulus.value();
    const std::size_t n = tables.size();
    // Values stay in [0, 4p) (Harvey).
    for (std::size_t half = n / 2, nodes = 1; half > 0; half /= 2, nodes *= 2) {
        for (std::size_t node = 0; node < nodes; ++node) {
            const Factor root = tables.roots().at(nodes + node);
            std::uint64_t* const lower = values + 2 * node * half;
            std::uint64_t* const upper = lower + half;
            for (std::size_t i = 0; i < half; ++i) {
                const std::uint64_t x = subtract_once(lower[i], 2 * p);
                const std::uint64_t y = modulus.multiply_lazy(upper[i], root);
                lower[i] = x + y;
                upper[i] = x + 2 * p - y;
            }
        }
    }
    for (std::size_t i = 0; i < n; ++i) values[i] = modulus.below(subtract_once(values[i], 2 * p));
}

void ntt_inverse(const NttTables& tables, const std::uint64_t* input, std::uint64_t* values) {
    if (input != values) std::copy_n(input, tables.size(), values);
    const Modulus& modulus = tables.modulus();
    const std::uint64_t p = modulus.value();
    const std::size_t n = tables.size();
    // Values stay in [0, 2p).
    for (std::size_t half = 1, nodes = n / 2; nodes > 1; half *= 2, nodes /= 2) {
        for (std::size_t node = 0; node < nodes; ++node) {
            const Factor root = tables.inverse_roots().at(nodes + node);
            std::uint64_t* const lower = values + 2 * node * half;
            std::uint64_t* const upper = lower + half;
            for (std::size_t i = 0; i < half; ++i) {
                const std::uint64_t x = lower[i], y = upper[i];
                lower[i] = subtract_once(x + y, 2 * p);
                upper[i] = modulus.multiply_lazy(x + 2 * p - y, root);
            }
        }
    }
    for (std::size_t i = 0; i < n / 2; ++i) {
        const std::uint64_t x = values[i], y = values[i + n / 2];
        values[i] = modulus.multiply(x + y, tables.inverse_size());
        values[i + n / 2] = modulus.multiply(x + 2 * p - y, tables.last_inverse_root());
    }
}

void add(const Modulus& modulus, std::size_t n, const std::uint64_t* a, const std::uint64_t* b, std::uint64_t* out) {
    for (std::size_t i = 0; i < n; ++i) out[i] = modulus.add(a[i], b[i]);
}

void subtract(const Modulus& modulus, std::size_t n, const std::uint64_t* a, const std::uint64_t* b,
              std::uint64_t* out) {
    for (std::size_t i = 0; i < n; ++i) out[i] = modulus.subtract(a[i], b[i]);
}

void add_constant(const Modulus& modulus, std::size_t n, const std::uint64_t* a, std::uint64_t constant,
                  std::uint64_t* out) {
    for (std::size_t i = 0; i < n; ++i) out[i] = modulus.add(a[i], constant);
}

void multiply(const Modulus& modulus, std::size_t n, const std::uint64_t* a, const std::uint64_t* b,
              std::uint64_t* out) {
    for (std::size_t i = 0; i < n; ++i) out[i] = modulus.multiply(a[i], b[i]);
}

/// Sums of products below 2^120: so many fit without reduction.
constexpr std::size_t lazy_terms = 255;

Wide partly_reduced(const Modulus& modulus, std::size_t term, Wide sum) {
    return term % lazy_terms == lazy_terms - 1 ? modulus.reduce(sum) : sum;
}

void sum_of_products(const Modulus& modulus, std::size_t n, std::span<const Term> terms, std::uint64_t* out) {
    for (std::size_t i = 0; i < n; ++i) {
        Wide sum = 0;
        for (std::size_t k = 0; k < terms.size(); ++k) {
            sum += static_cast<Wide>(terms[k].values[i]) * terms[k].factors[i];
            sum = partly_reduced(modulus, k, sum);
        }
        out[i] = modulus.reduce(sum);
    }
}

void weighted_sum(const Modulus& modulus, std::size_t n, std::span<const ScaledTerm> terms, std::uint64_t constant,
                  std::uint64_t* out) {
    for (std::size_t i = 0; i < n; ++i) {
        Wide sum = constant;
        for (std::size_t k = 0; k < terms.size(); ++k) {
            sum += static_cast<Wide>(terms[k].values[i]) * terms[k].weight;
            sum = partly_reduced(modulus, k, sum);
        }
        out[i] = modulus.reduce(sum);
    }
}

void pair_of_sums(const Modulus& modulus, std::size_t n, std::span<const std::uint64_t* const> values,
                  PairedFactors factors, const std::uint32_t* permutation, std::uint64_t* first,
                  std::uint64_t* second) {
    constexpr std::size_t run = PairedFactors::run;
    for (std::size_t i = 0; i < n; ++i) {
        const std::size_t from = permutation == nullptr ? i : permutation[i];
        const std::uint64_t* factor = factors.words + i / run * factors.stride + i % run;
        Wide sum = 0, other = 0;
        for (std::size_t k = 0; k < values.size(); ++k, factor += 2 * run) {
            sum = partly_reduced(modulus, k, sum + static_cast<Wide>(values[k][from]) * factor[0]);
            other = partly_reduced(modulus, k, other + static_cast<Wide>(values[k][from]) * factor[run]);
        }
        first[i] = modulus.reduce(sum);
        second[i] = modulus.reduce(other);
    }
}

void reduce(const Modulus& modulus, std::size_t n, const std::uint64_t* words, std::uint64_t addend,
            std::uint64_t* out) {
    for (std::size_t i = 0; i < n; ++i) out[i] = modulus.multiply(words[i] + addend, modulus.one());
}

void subtract_multiply(const Modulus& modulus, std::size_t n, const std::uint64_t* a, const std::uint64_t* b,
                       const Factor& by, const std::uint64_t* addend, std::uint64_t* out) {
    for (std::size_t i = 0; i < n; ++i) {
        const std::uint64_t product = modulus.multiply(a[i] + modulus.value() - b[i], by);
        out[i] = addend == nullptr ? product : modulus.add(product, addend[i]);
    }
}

void permute(std::size_t n, const std::uint32_t* permutation, const std::uint64_t* values, std::uint64_t* out) {
    for (std::size_t i = 0; i < n; ++i) out[i] = values[permutation[i]];
}

}  // namespace

const Kernels scalar_kernels{
    .name = "scalar",
    .ntt_forward = ntt_forward,
    .ntt_inverse = ntt_inverse,
    .add = add,
    .subtract = subtract,
    .add_constant = add_constant,
    .multiply = multiply,
    .sum_of_products = sum_of_products,
    .weighted_sum = weighted_sum,
    .pair_of_sums = pair_of_sums,
    .reduce = reduce,
    .subtract_multiply = subtract_multiply,
    .permute = permute,
};

}  // namespace einfer::kernels
