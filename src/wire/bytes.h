// Little-endian numbers in byte buffers, without alignment or aliasing trouble.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

namespace einfer::wire {

// SEAL writes its members as they lie in memory; so do we, and words are copied without conversion.
static_assert(std::endian::native == std::endian::little, "SEAL's bytes are little-endian");

template <class T>
[[nodiscard]] T load(const std::uint8_t* from) {
    T value;
    std::memcpy(&value, from, sizeof value);
    return value;
}

/// Returns the position after the value.
template <class T>
std::uint8_t* store(std::uint8_t* to, const T& value) {
    std::memcpy(to, &value, sizeof value);
    return to + sizeof value;
}

/// Moves bytes into `to` from its position `filled`; both advance.
inline void fill(std::span<std::uint8_t> to, std::size_t& filled, std::span<const std::uint8_t>& from) {
    const std::size_t count = std::min(to.size() - filled, from.size());
    if (count == 0) return;
    std::memcpy(to.data() + filled, from.data(), count);
    filled += count;
    from = from.subspan(count);
}

}  // namespace einfer::wire
