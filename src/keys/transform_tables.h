// Which of SEAL's transforms have tables of ours, so that our kernels can do them (keys/seal_transforms.cpp).
#pragma once

#include "he/context.h"
#include "kernels/ntt_tables.h"

#include <cstdint>
#include <memory>
#include <vector>

namespace einfer::keys {

using SharedTables = std::shared_ptr<const kernels::NttTables>;

/// Tables for all primes of the context, to be found for as long as they are held. Those that there are already, of the
/// same degree and prime, are shared. A prime that has no tables is left out. Thread-safe.
[[nodiscard]] std::vector<SharedTables> register_tables(const he::Context& context);

/// Null when there are none. Thread-safe; finders do not wait for one another.
[[nodiscard]] SharedTables find_tables(std::size_t degree, std::uint64_t prime);

/// How many of SEAL's transforms our kernels have done in this process. 0 where SEAL runs its own: everywhere but in
/// the client.
[[nodiscard]] std::uint64_t transforms_on_kernels();
/// For keys/seal_transforms.cpp.
void count_transform();

}  // namespace einfer::keys
