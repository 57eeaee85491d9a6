#include "server/memory_keeper.h"

#include <malloc.h>

namespace einfer::server {

void MemoryKeeper::look_after(const InferenceService& service) {
    const bool busy = service.memory_in_use() > 0 || service.load().unfinished_jobs > 0;
    if (busy || service.uploads() == trimmed_at_) return;
    trimmed_at_ = service.uploads();
    malloc_trim(0);
}

}  // namespace einfer::server
