#include "wire/seal_header.h"

#include "wire/bytes.h"

#include <algorithm>
#include <array>

namespace einfer::wire {
namespace {

constexpr std::uint16_t magic = 0xA15E;
constexpr std::uint8_t major_version = 4;

using HeaderBytes = std::array<std::uint8_t, seal_header_size>;

HeaderBytes header_bytes(std::uint8_t minor, std::uint64_t size) {
    HeaderBytes bytes{};
    store(&bytes[0], magic);
    bytes[2] = seal_header_size;
    bytes[3] = major_version;
    bytes[4] = minor;
    bytes[5] = static_cast<std::uint8_t>(Compression::none);
    store(&bytes[8], size);
    return bytes;
}

}  // namespace

MaybeFault read_outer_header(std::span<const std::uint8_t, seal_header_size> bytes, SealHeader& header) {
    if (load<std::uint16_t>(&bytes[0]) != magic || bytes[2] != seal_header_size)
        return invalid("the bytes are no SEAL object: send what SEAL saves, unchanged", "header");
    if (bytes[3] != major_version || bytes[4] > max_seal_minor)
        return invalid("the SEAL version is not supported: save with SEAL 4.0 to 4.4", "version");
    if (bytes[5] > static_cast<std::uint8_t>(Compression::zstd))
        return invalid("the compression mode is unknown: use none, zlib or zstd", "compression");
    if (load<std::uint16_t>(&bytes[6]) != 0) return invalid("the SEAL header's reserved field is not zero", "header");
    header.minor = bytes[4];
    header.compression = static_cast<Compression>(bytes[5]);
    header.size = load<std::uint64_t>(&bytes[8]);
    if (header.size <= seal_header_size) return invalid("the SEAL header declares an impossible size", "header");
    return std::nullopt;
}

bool is_nested_header(const std::uint8_t* bytes, std::uint8_t minor, std::uint64_t size) {
    const HeaderBytes expected = header_bytes(minor, size);
    return std::equal(expected.begin(), expected.end(), bytes);
}

bool looks_like_header(const std::uint8_t* bytes) {
    return load<std::uint16_t>(bytes) == magic && bytes[2] == seal_header_size && bytes[3] == major_version;
}

std::uint8_t* write_header(std::uint8_t* to, std::uint8_t minor, std::uint64_t size) {
    return store(to, header_bytes(minor, size));
}

}  // namespace einfer::wire
