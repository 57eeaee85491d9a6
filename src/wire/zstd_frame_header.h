// The header of a zstd frame, read by ourselves: libzstd would also take older formats, skippable frames, dictionaries
// and frames that do not say how large their content is.
#pragma once

#include "wire/fault.h"

#include <array>
#include <cstdint>
#include <span>

namespace einfer::wire {

/// RFC 8878, section 3.1.1.1: magic, descriptor, window byte, content size.
class ZstdFrameHeader {
public:
    static constexpr int max_window_log = 23;

    /// Takes bytes from the front of `input` as long as the header needs some; checks what is complete.
    [[nodiscard]] MaybeFault consume(std::span<const std::uint8_t>& input);

    [[nodiscard]] bool is_complete() const { return filled_ == length_; }
    [[nodiscard]] std::span<const std::uint8_t> bytes() const { return std::span(bytes_).first(filled_); }
    [[nodiscard]] std::uint64_t content_size() const { return content_size_; }
    [[nodiscard]] std::uint64_t window_size() const { return window_size_; }

private:
    static constexpr std::size_t prefix = 5;  ///< magic and descriptor

    [[nodiscard]] MaybeFault read_prefix();
    [[nodiscard]] MaybeFault read_sizes();
    [[nodiscard]] bool is_single_segment() const { return (bytes_[4] & 0x20) != 0; }

    std::array<std::uint8_t, prefix + 1 + 8> bytes_{};
    std::size_t filled_ = 0;
    std::size_t length_ = prefix;  ///< known once the descriptor is
    std::uint64_t content_size_ = 0;
    std::uint64_t window_size_ = 0;
};

}  // namespace einfer::wire
