// CRC-32 as zlib computes it, several times faster where the processor multiplies polynomials. Private to src/jobs.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace einfer::jobs {

/// The CRC of what `crc` is the CRC of (0: nothing), followed by these bytes.
using Crc32 = std::uint32_t (*)(std::uint32_t crc, const std::uint8_t* bytes, std::size_t count);

struct Crc32Variant {
    std::string_view name;
    Crc32 compute = nullptr;
};

/// Those that this machine can run: zlib's first, which says what is right; the fastest last.
[[nodiscard]] std::span<const Crc32Variant> crc32_variants();

/// By the fastest of them.
[[nodiscard]] std::uint32_t crc32_of(std::uint32_t crc, const std::uint8_t* bytes, std::size_t count);

#if defined(__x86_64__)
/// Only where the processor has PCLMULQDQ and SSE 4.1. `count` is a multiple of 16, and at least 64.
[[nodiscard]] std::uint32_t crc32_clmul(std::uint32_t crc, const std::uint8_t* bytes, std::size_t count);
#endif

}  // namespace einfer::jobs
