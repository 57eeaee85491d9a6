// CKKS parameters of one model and what follows from them. The only layers that see SEAL are this one and keys/.
#pragma once

#include "base/error.h"
#include "he/ciphertext.h"
#include "wire/ciphertext.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace einfer::he {

struct Parameters {
    std::size_t poly_modulus_degree = 0;
    /// Data primes in order, then the key-switching prime; a single one is a data prime, and no key can be switched.
    std::vector<int> coeff_modulus_bits;
};

/// The primes that SEAL takes for these sizes, in their order. They are the largest of each size, the smallest of them
/// first; for small sizes at a large degree they lie far below 2^bits. INTERNAL when there are not enough.
[[nodiscard]] Result<std::vector<std::uint64_t>> coeff_modulus(const Parameters& parameters);

/// Immutable; cheap to copy; thread-safe.
class Context {
public:
    /// INTERNAL when SEAL refuses the parameters (128-bit security enforced); callers check them before.
    static Result<Context> create(const Parameters& parameters);

    [[nodiscard]] std::size_t poly_modulus_degree() const;
    [[nodiscard]] std::size_t slot_count() const { return poly_modulus_degree() / 2; }
    /// All primes, the key-switching prime last unless there is but one; the exact ones SEAL chooses for the bit sizes.
    [[nodiscard]] std::span<const std::uint64_t> primes() const;
    /// Data primes: levels run from this many down to 1.
    [[nodiscard]] std::size_t data_prime_count() const { return primes().size() - (can_switch_keys() ? 1 : 0); }
    [[nodiscard]] bool can_switch_keys() const { return primes().size() > 1; }
    /// The first `count` primes.
    [[nodiscard]] std::span<const std::uint64_t> level_primes(std::size_t count) const { return primes().first(count); }
    /// Bits of the product of the first `prime_count` primes.
    [[nodiscard]] int modulus_bits(std::size_t prime_count) const;
    /// Of the level with the first `prime_count` primes; all of them: the key level.
    [[nodiscard]] const wire::ParmsId& parms_id(std::size_t prime_count) const;
    [[nodiscard]] const wire::ParmsId& key_parms_id() const { return parms_id(primes().size()); }

    /// The second polynomial of a seeded ciphertext at the first data level, as SEAL makes it: its residues modulo the
    /// first `prime_count` primes, prime_count · N words. INVALID_CIPHERTEXT for a generator SEAL does not know; throws
    /// std::bad_alloc.
    [[nodiscard]] Result<void> expand_seed(const wire::Seed& seed, std::size_t prime_count,
                                           std::span<std::uint64_t> words) const;
    [[nodiscard]] Result<void> expand_seed(const wire::Seed& seed, std::span<std::uint64_t> words) const {
        return expand_seed(seed, data_prime_count(), words);
    }

    /// The same at the key level, for the second polynomial of a seeded key: modulo all primes.
    [[nodiscard]] Result<void> expand_key_seed(const wire::Seed& seed, std::span<std::uint64_t> words) const;

    /// SEAL's objects: defined in he/seal_context.h for this layer and keys/.
    struct Seal;
    [[nodiscard]] const Seal& seal() const { return *seal_; }

private:
    explicit Context(std::shared_ptr<const Seal> seal) : seal_(std::move(seal)) {}
    std::shared_ptr<const Seal> seal_;
};

}  // namespace einfer::he
