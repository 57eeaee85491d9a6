#include "common/allocations.h"

#include "common/require.h"

#include <algorithm>
#include <atomic>
#include <string>

// Of sanitizer/allocator_interface.h, weak: plain builds have none of them.
extern "C" {
[[gnu::weak]] int __sanitizer_install_malloc_and_free_hooks(void (*)(const volatile void*, std::size_t),
                                                            void (*)(const volatile void*));
[[gnu::weak]] std::size_t __sanitizer_get_allocated_size(const volatile void*);
}

namespace einfer::fuzz {
namespace {

std::atomic<bool> counting{false};
std::atomic<long> present{0};
std::atomic<long> most{0};

void on_malloc(const volatile void*, std::size_t bytes) {
    if (!counting) return;
    const long now = present += static_cast<long>(bytes);
    for (long seen = most; now > seen && !most.compare_exchange_weak(seen, now);) {
    }
}

void on_free(const volatile void* memory) {
    if (counting && memory != nullptr) present -= static_cast<long>(__sanitizer_get_allocated_size(memory));
}

}  // namespace

Allocations::Allocations() {
    static const bool installed = __sanitizer_install_malloc_and_free_hooks != nullptr &&
                                  __sanitizer_get_allocated_size != nullptr &&
                                  __sanitizer_install_malloc_and_free_hooks(on_malloc, on_free) != 0;
    present = most = 0;
    counting = installed;
}

Allocations::~Allocations() { counting = false; }

std::size_t Allocations::peak() const { return static_cast<std::size_t>(most); }

std::size_t Allocations::held() const { return static_cast<std::size_t>(std::max(present.load(), 0L)); }

void require_below(const Allocations& counted, std::size_t bound, const char* what) {
    const std::size_t peak = counted.peak();
    if (peak > bound) require(false, what, std::to_string(peak) + " bytes, allowed are " + std::to_string(bound));
}

}  // namespace einfer::fuzz
