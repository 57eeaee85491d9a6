#include "server/memory_keeper.h"

#include "he/residues.h"

#include <malloc.h>

namespace einfer::server {

void MemoryKeeper::look_after(const InferenceService& service, std::uint64_t activity) {
    constexpr std::size_t worth_it = 8u << 20;
    const bool busy = service.memory_in_use() > 0 || service.load().unfinished_jobs > 0;
    if (busy || activity == trimmed_at_) return;
    trimmed_at_ = activity;
    he::ResidueMemory::release();
    if (mallinfo2().fordblks >= worth_it) malloc_trim(0);
}

}  // namespace einfer::server
