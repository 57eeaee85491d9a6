#include "wire/zstd_frame_header.h"

#include "wire/bytes.h"

namespace einfer::wire {
namespace {

constexpr std::uint32_t frame_magic = 0xFD2FB528;

}  // namespace

MaybeFault ZstdFrameHeader::consume(std::span<const std::uint8_t>& input) {
    while (!input.empty() && filled_ < length_) {
        bytes_[filled_++] = input.front();
        input = input.subspan(1);
        if (filled_ == prefix) {
            if (const MaybeFault fault = read_prefix()) return fault;
        }
        if (filled_ == length_) return read_sizes();
    }
    return std::nullopt;
}

MaybeFault ZstdFrameHeader::read_prefix() {
    if (load<std::uint32_t>(bytes_.data()) != frame_magic)
        return invalid("the compressed data is not the zstd frame that the SEAL header announces", "compression");
    const std::uint8_t descriptor = bytes_[4];
    if ((descriptor & 0x08) != 0) return invalid("the zstd frame sets a reserved bit", "compression");
    if ((descriptor & 0x03) != 0) return invalid("the zstd frame needs a dictionary: compress without", "compression");
    const unsigned size_code = descriptor >> 6;
    if (size_code == 0 && !is_single_segment())
        return invalid("the zstd frame does not declare its content size", "compression");
    length_ = prefix + (is_single_segment() ? 0 : 1) + (std::size_t{1} << size_code);
    return std::nullopt;
}

MaybeFault ZstdFrameHeader::read_sizes() {
    const std::uint8_t* at = bytes_.data() + prefix;
    if (!is_single_segment()) {
        const unsigned exponent = *at >> 3;
        const std::uint64_t base = std::uint64_t{1024} << exponent;
        window_size_ = base + base / 8 * (*at & 7);
        ++at;
    }
    switch (bytes_[4] >> 6) {
        case 0: content_size_ = *at; break;
        case 1: content_size_ = load<std::uint16_t>(at) + std::uint64_t{256}; break;
        case 2: content_size_ = load<std::uint32_t>(at); break;
        default: content_size_ = load<std::uint64_t>(at); break;
    }
    if (is_single_segment()) window_size_ = content_size_;
    if (window_size_ > std::uint64_t{1} << max_window_log)
        return invalid("the zstd frame's window is too large: compress as SEAL does", "compression");
    return std::nullopt;
}

}  // namespace einfer::wire
