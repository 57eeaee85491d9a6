// Memory that is no longer needed.
#pragma once

#include "server/inference_service.h"

#include <cstdint>

namespace einfer::server {

/// Gives the memory of a crowd that is gone back to the system; the allocator would keep it.
class MemoryKeeper {
public:
    /// To be called every few seconds. `activity` counts whatever may have left memory behind.
    void look_after(const InferenceService& service, std::uint64_t activity);

private:
    std::uint64_t trimmed_at_ = 0;
};

}  // namespace einfer::server
