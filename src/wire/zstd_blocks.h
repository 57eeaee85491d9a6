// Follows the blocks of a zstd frame, to cut the input where libzstd's answer cannot depend on the cut.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace einfer::wire {

/// RFC 8878, section 3.1.1.2. Given more than one block, libzstd reports the fault of a later one without the output of
/// those before it; given all of a stored block, it reports the fault of its end without its output, though it hands
/// that out piece by piece otherwise. So blocks are given to it one at a time, and of each the last byte alone.
class ZstdBlocks {
public:
    /// How many of the next bytes may be given at once; at least 1.
    [[nodiscard]] std::size_t safe_step() const { return left_ <= 1 ? 1 : left_ - 1; }

    /// `bytes`, at most safe_step() of them, were given. Behind the last block the count is of no meaning.
    void advance(std::span<const std::uint8_t> bytes) {
        if (left_ != 0) {
            left_ -= bytes.size();
            return;
        }
        header_[filled_++] = bytes.front();
        if (filled_ < header_.size()) return;
        filled_ = 0;
        const auto header = static_cast<std::uint32_t>(header_[0] | header_[1] << 8 | header_[2] << 16);
        const bool is_repeated_byte = (header >> 1 & 3) == 1;
        left_ = is_repeated_byte ? 1 : header >> 3;
    }

private:
    std::array<std::uint8_t, 3> header_{};
    std::size_t filled_ = 0;
    std::size_t left_ = 0;  ///< of the block's content
};

}  // namespace einfer::wire
