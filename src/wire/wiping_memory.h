// An allocator for C libraries whose blocks can be overwritten when they are freed.
#pragma once

#include <string.h>  // explicit_bzero

#include <cstddef>
#include <cstdlib>
#include <new>

namespace einfer::wire {

class WipingMemory {
public:
    void wipe_when_freed() { wipe_ = true; }
    [[nodiscard]] bool wipes() const { return wipe_; }

    [[nodiscard]] static void* allocate(void*, std::size_t bytes) noexcept {
        void* const block = std::malloc(sizeof(Header) + bytes);
        if (block == nullptr) return nullptr;
        return new (block) Header{bytes} + 1;
    }

    static void free(void* self, void* memory) noexcept {
        if (memory == nullptr) return;
        Header* const header = static_cast<Header*>(memory) - 1;
        if (static_cast<const WipingMemory*>(self)->wipe_) explicit_bzero(memory, header->bytes);
        std::free(header);
    }

private:
    struct alignas(std::max_align_t) Header {
        std::size_t bytes;
    };

    bool wipe_ = false;
};

}  // namespace einfer::wire
