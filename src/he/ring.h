// One parameter set's tables for our kernels.
#pragma once

#include "he/context.h"
#include "kernels/kernels.h"

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

namespace einfer::he {

/// Immutable but for its permutations, which are made when first asked for. Thread-safe.
class Ring {
public:
    /// INTERNAL when a prime has no transform, which SEAL rules out.
    static Result<std::unique_ptr<const Ring>> create(const Context& context);

    [[nodiscard]] std::size_t degree() const { return degree_; }
    [[nodiscard]] std::size_t prime_count() const { return tables_.size(); }  ///< the key-switching prime included
    [[nodiscard]] const kernels::NttTables& tables(std::size_t prime) const { return tables_[prime]; }
    [[nodiscard]] const kernels::Modulus& modulus(std::size_t prime) const { return tables_[prime].modulus(); }

    /// 1 / prime `divisor` modulo prime `prime`.
    [[nodiscard]] const kernels::Factor& inverse(std::size_t divisor, std::size_t prime) const {
        return inverses_[divisor * tables_.size() + prime];
    }

    /// kernels::galois_permutation(); lives as long as the ring.
    [[nodiscard]] const std::uint32_t* permutation(std::uint32_t galois_element) const;

private:
    Ring() = default;
    std::size_t degree_ = 0;
    std::vector<kernels::NttTables> tables_;
    std::vector<kernels::Factor> inverses_;
    mutable std::mutex mutex_;
    mutable std::map<std::uint32_t, std::vector<std::uint32_t>> permutations_;
};

}  // namespace einfer::he
