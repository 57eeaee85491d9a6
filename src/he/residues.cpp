#include "he/residues.h"

#include <sys/mman.h>

#include <map>
#include <mutex>

namespace einfer::he {
namespace {

constexpr std::size_t smallest_kept = 64 * 1024;
constexpr std::size_t huge_page = std::size_t{2} << 20;
constexpr std::size_t smallest_huge = huge_page * 3 / 8;

/// Whole huge pages for what fills most of one.
std::size_t rounded(std::size_t bytes) {
    return bytes < smallest_huge ? bytes : (bytes + huge_page - 1) / huge_page * huge_page;
}

std::align_val_t alignment_of(std::size_t bytes) { return std::align_val_t{bytes >= smallest_huge ? huge_page : 64}; }

void free_block(void* block, std::size_t bytes) noexcept { ::operator delete(block, alignment_of(bytes)); }

struct Kept {
    std::mutex mutex;
    std::map<std::size_t, std::vector<void*>> blocks;  ///< by size
    std::size_t bytes = 0;
};

/// Never destroyed: threads may end after main() has.
Kept& kept() {
    static Kept& all = *new Kept;
    return all;
}

/// Frees kept blocks of other sizes, the largest first, until `bytes` more fit: sizes that nobody asks for any more do
/// not stay for ever.
void make_room(Kept& all, std::size_t bytes) noexcept {
    for (auto size = all.blocks.rbegin(); size != all.blocks.rend() && all.bytes + bytes > ResidueMemory::kept_bytes;
         ++size) {
        if (size->first == bytes) continue;
        while (!size->second.empty() && all.bytes + bytes > ResidueMemory::kept_bytes) {
            free_block(size->second.back(), size->first);
            size->second.pop_back();
            all.bytes -= size->first;
        }
    }
}

}  // namespace

void* ResidueMemory::take(std::size_t bytes) {
    if (bytes >= smallest_kept) {
        Kept& all = kept();
        const std::scoped_lock lock(all.mutex);
        const auto found = all.blocks.find(bytes);
        if (found != all.blocks.end() && !found->second.empty()) {
            void* const block = found->second.back();
            found->second.pop_back();
            all.bytes -= bytes;
            return block;
        }
    }
    void* block = ::operator new(rounded(bytes), alignment_of(bytes), std::nothrow);
    if (block == nullptr) {
        release();
        block = ::operator new(rounded(bytes), alignment_of(bytes));
    }
    // Keys are read from end to end in each operation: the translations of small pages alone would not fit.
    if (bytes >= smallest_huge) ::madvise(block, rounded(bytes), MADV_HUGEPAGE);
    return block;
}

void ResidueMemory::give_back(void* block, std::size_t bytes) noexcept {
    if (bytes >= smallest_kept) {
        try {
            Kept& all = kept();
            const std::scoped_lock lock(all.mutex);
            make_room(all, bytes);
            if (all.bytes + bytes <= kept_bytes) {
                all.blocks[bytes].push_back(block);
                all.bytes += bytes;
                return;
            }
        } catch (const std::bad_alloc&) {  // then it is freed
        }
    }
    free_block(block, bytes);
}

void ResidueMemory::release() noexcept {
    Kept& all = kept();
    const std::scoped_lock lock(all.mutex);
    for (auto& [bytes, blocks] : all.blocks)
        for (void* const block : blocks) free_block(block, bytes);
    all.blocks.clear();
    all.bytes = 0;
}

}  // namespace einfer::he
