// Memory for residues: aligned, never cleared, and used again. An evaluator in its steady state takes none from the
// system.
#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <utility>
#include <vector>

namespace einfer::he {

/// Blocks on 64-byte boundaries. Freed ones of 64 KiB and more are kept for the next of the same size, at most
/// kept_bytes of them together. Thread-safe.
class ResidueMemory {
public:
    static constexpr std::size_t kept_bytes = std::size_t{256} << 20;

    [[nodiscard]] static void* take(std::size_t bytes);  ///< throws std::bad_alloc
    static void give_back(void* block, std::size_t bytes) noexcept;
    /// Frees what is kept.
    static void release() noexcept;
};

template <class T>
struct ResidueAllocator {
    using value_type = T;
    ResidueAllocator() = default;
    template <class U>
    ResidueAllocator(const ResidueAllocator<U>&) {}  // NOLINT(google-explicit-constructor): as allocators are
    T* allocate(std::size_t count) { return static_cast<T*>(ResidueMemory::take(count * sizeof(T))); }
    void deallocate(T* block, std::size_t count) noexcept { ResidueMemory::give_back(block, count * sizeof(T)); }
    /// resize() leaves new words as they are: whoever makes a vector fills it.
    template <class U>
    void construct(U* at) noexcept {
        ::new (static_cast<void*>(at)) U;
    }
    template <class U, class... Args>
    void construct(U* at, Args&&... args) {
        ::new (static_cast<void*>(at)) U(std::forward<Args>(args)...);
    }
    friend bool operator==(const ResidueAllocator&, const ResidueAllocator&) { return true; }
};

using Residues = std::vector<std::uint64_t, ResidueAllocator<std::uint64_t>>;

}  // namespace einfer::he
