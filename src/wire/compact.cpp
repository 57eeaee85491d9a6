#include "wire/compact.h"

#include "wire/bytes.h"
#include "wire/fault.h"

#include <algorithm>
#include <array>
#include <numeric>

namespace einfer::wire {
namespace {

// magic, version, bits, two zero bytes, N, number of results, all little-endian
constexpr std::array<std::uint8_t, 4> magic{'E', 'I', 'C', 'C'};
constexpr std::uint8_t format_version = 1;
constexpr std::size_t header_size = 16;

std::array<std::uint8_t, header_size> header_of(const CompactShape& shape) {
    std::array<std::uint8_t, header_size> header{};
    std::copy(magic.begin(), magic.end(), header.begin());
    header[4] = format_version;
    header[5] = static_cast<std::uint8_t>(shape.bits);
    store(header.data() + 8, static_cast<std::uint32_t>(shape.poly_modulus_degree));
    store(header.data() + 12, static_cast<std::uint32_t>(shape.value_counts.size()));
    return header;
}

/// Bytes of `count` numbers.
std::size_t packed(std::size_t count, int bits) { return (count * static_cast<std::size_t>(bits) + 7) / 8; }

__extension__ using Wide = unsigned __int128;

/// Appends numbers of `bits` bits, the lowest bits first, and fills up to a whole byte.
void pack(std::span<const std::uint64_t> numbers, int bits, std::vector<std::uint8_t>& out) {
    std::size_t at = out.size();
    out.resize(at + packed(numbers.size(), bits));
    Wide held = 0;
    int filled = 0;
    for (const std::uint64_t number : numbers) {
        held |= static_cast<Wide>(number) << filled;
        for (filled += bits; filled >= 32; filled -= 32, held >>= 32) {
            store(out.data() + at, static_cast<std::uint32_t>(held));
            at += 4;
        }
    }
    for (; filled > 0; filled -= 8, held >>= 8) out[at++] = static_cast<std::uint8_t>(held);
}

/// From as many bytes as pack() makes; false when the bits that fill the last one are not zero.
bool unpack(std::span<const std::uint8_t> bytes, int bits, std::span<std::uint64_t> numbers) {
    const std::uint64_t mask = (std::uint64_t{1} << bits) - 1;
    Wide held = 0;
    int filled = 0;
    std::size_t at = 0;
    for (std::uint64_t& number : numbers) {
        for (; filled < bits; filled += 8) held |= static_cast<Wide>(bytes[at++]) << filled;
        number = static_cast<std::uint64_t>(held) & mask;
        held >>= bits;
        filled -= bits;
    }
    return held == 0;
}

}  // namespace

std::size_t CompactShape::size() const {
    return std::accumulate(value_counts.begin(), value_counts.end(), header_size,
                           [this](std::size_t sum, std::uint32_t values) {
                               return sum + packed(values, bits) + packed(poly_modulus_degree, bits);
                           });
}

CompactShape compact_shape(const LinearPacking& packing, std::size_t rows) {
    CompactShape shape{packing.poly_modulus_degree, packing.compact_bits, {}};
    for (std::size_t result = 0; result < packing.results(); ++result)
        shape.value_counts.push_back(static_cast<std::uint32_t>(rows * packing.outputs_of(result)));
    return shape;
}

std::vector<std::uint8_t> write_compact(const CompactShape& shape, std::span<const CompactResult> results) {
    const auto header = header_of(shape);
    std::vector<std::uint8_t> bytes;
    bytes.reserve(shape.size());
    bytes.assign(header.begin(), header.end());
    for (const CompactResult& result : results) {
        pack(result.values, shape.bits, bytes);
        pack(result.second, shape.bits, bytes);
    }
    return bytes;
}

Result<std::vector<CompactResult>> read_compact(std::span<const std::uint8_t> bytes, const CompactShape& shape) {
    const auto header = header_of(shape);
    if (bytes.size() != shape.size() || !std::equal(header.begin(), header.end(), bytes.begin()))
        return to_error(invalid("these are no compact answers of the size that was asked for", "size"));
    bytes = bytes.subspan(header_size);
    const auto take = [&](std::vector<std::uint64_t>& numbers, std::size_t count) {
        const std::size_t size = packed(count, shape.bits);
        numbers.resize(count);
        const bool good = unpack(bytes.first(size), shape.bits, numbers);
        bytes = bytes.subspan(size);
        return good;
    };
    std::vector<CompactResult> results(shape.value_counts.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
        if (!take(results[i].values, shape.value_counts[i]) || !take(results[i].second, shape.poly_modulus_degree))
            return to_error(invalid("the bits that fill the last byte are not zero", "words"));
        if (std::ranges::all_of(results[i].second, [](std::uint64_t number) { return number == 0; }))
            return to_error(invalid("the second polynomial is zero: nothing is encrypted", "words"));
    }
    return results;
}

bool is_compact(std::span<const std::uint8_t> bytes) {
    return bytes.size() >= header_size && std::equal(magic.begin(), magic.end(), bytes.begin());
}

}  // namespace einfer::wire
