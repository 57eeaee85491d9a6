// What one tenant may use. 0 means: no limit.
#pragma once

#include <cstddef>
#include <cstdint>

namespace einfer::tenants {

struct TenantLimits {
    double requests_per_second =
        0;                     ///< on average; every request but the operations' ones (health, readiness, contract)
    double burst = 0;          ///< requests at once after a rest; 0: as many as in two seconds, at least one
    double rows_per_hour = 0;  ///< rows that accepted ciphertexts can carry, whatever batch_size says
    std::size_t max_queued_jobs = 0;     ///< accepted and not yet final
    std::uint64_t max_stored_bytes = 0;  ///< inputs and results on disk
    std::size_t max_evaluation_keys = 0;
    std::uint64_t max_evaluation_key_bytes = 0;  ///< on disk
};

}  // namespace einfer::tenants
