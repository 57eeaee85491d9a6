#include "he/ring.h"

#include "kernels/galois.h"

namespace einfer::he {

Result<std::unique_ptr<const Ring>> Ring::create(const Context& context) {
    std::unique_ptr<Ring> ring(new Ring);
    ring->degree_ = context.poly_modulus_degree();
    for (const std::uint64_t prime : context.primes()) {
        auto tables = kernels::NttTables::create(ring->degree_, kernels::Modulus(prime));
        if (!tables) return Error{ErrorCode::Internal, "a prime of the parameters has no transform"};
        ring->tables_.push_back(*std::move(tables));
    }
    for (const std::uint64_t divisor : context.primes())
        for (const kernels::NttTables& tables : ring->tables_) {
            const kernels::Modulus& modulus = tables.modulus();
            const std::uint64_t residue = modulus.reduce(divisor);
            ring->inverses_.push_back(residue == 0 ? kernels::Factor{} : modulus.factor(modulus.inverse(residue)));
        }
    return std::unique_ptr<const Ring>(std::move(ring));
}

const std::uint32_t* Ring::permutation(std::uint32_t galois_element) const {
    const std::scoped_lock lock(mutex_);
    auto found = permutations_.find(galois_element);
    if (found == permutations_.end())
        found = permutations_.emplace(galois_element, kernels::galois_permutation(degree_, galois_element)).first;
    return found->second.data();
}

}  // namespace einfer::he
