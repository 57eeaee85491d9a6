#include "jobs/crc32.h"

#include <zlib.h>

#include <array>

namespace einfer::jobs {
namespace {

std::uint32_t by_zlib(std::uint32_t crc, const std::uint8_t* bytes, std::size_t count) {
    // zlib reads a null pointer as "begin anew".
    return count == 0 ? crc : static_cast<std::uint32_t>(crc32_z(crc, static_cast<const Bytef*>(bytes), count));
}

#if defined(__x86_64__)
std::uint32_t by_clmul(std::uint32_t crc, const std::uint8_t* bytes, std::size_t count) {
    const std::size_t blocks = count < 64 ? 0 : count / 16 * 16;
    if (blocks > 0) crc = crc32_clmul(crc, bytes, blocks);
    return by_zlib(crc, bytes + blocks, count - blocks);
}
#endif

struct Variants {
    Variants() {
#if defined(__x86_64__)
        if (__builtin_cpu_supports("pclmul") != 0 && __builtin_cpu_supports("sse4.1") != 0)
            all[count++] = {"clmul", by_clmul};
#endif
    }
    std::array<Crc32Variant, 2> all{Crc32Variant{"zlib", by_zlib}};
    std::size_t count = 1;
};

}  // namespace

std::span<const Crc32Variant> crc32_variants() {
    static const Variants variants;
    return std::span(variants.all).first(variants.count);
}

std::uint32_t crc32_of(std::uint32_t crc, const std::uint8_t* bytes, std::size_t count) {
    static const Crc32 fastest = crc32_variants().back().compute;
    return fastest(crc, bytes, count);
}

}  // namespace einfer::jobs
