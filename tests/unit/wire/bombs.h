// Small objects that inflate to a gigabyte.
#pragma once

#include "unit/wire/compressed.h"

#include <gtest/gtest.h>

namespace einfer::test {

inline constexpr std::size_t gibibyte = std::size_t{1} << 30;

/// deflate of 1 GiB of zeros behind `body`, made from one chunk that a full flush makes repeatable.
[[nodiscard]] inline Bytes zlib_bomb(const Bytes& body) {
    z_stream stream{};
    EXPECT_EQ(deflateInit(&stream, 9), Z_OK);
    Bytes out(body.size() + 100000);
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    const auto put = [&](const Bytes& input, int flush) {
        stream.next_in = const_cast<Bytef*>(input.data());
        stream.avail_in = static_cast<uInt>(input.size());
        EXPECT_NE(deflate(&stream, flush), Z_STREAM_ERROR);
        EXPECT_EQ(stream.avail_in, 0U);
    };
    put(body, Z_FULL_FLUSH);
    const Bytes zeros(1 << 20, 0);
    put(zeros, Z_FULL_FLUSH);
    const auto before = static_cast<std::ptrdiff_t>(stream.total_out);
    put(zeros, Z_FULL_FLUSH);
    const Bytes repeated(out.begin() + before, out.begin() + static_cast<std::ptrdiff_t>(stream.total_out));
    put({}, Z_FINISH);
    out.resize(stream.total_out);
    deflateEnd(&stream);
    Bytes bomb(out.begin(), out.begin() + before);
    for (std::size_t i = 0; i < gibibyte >> 20; ++i) bomb.insert(bomb.end(), repeated.begin(), repeated.end());
    bomb.insert(bomb.end(), out.begin() + before, out.end());
    return bomb;
}

/// A frame with `body` (at most 100,000 bytes) in a stored block and 1 GiB of zeros in blocks of one repeated byte.
[[nodiscard]] inline Bytes zstd_bomb(const Bytes& body, std::uint64_t content_size) {
    Bytes bomb = StoredFrame{.descriptor = 0xC0,
                             .window = 13 << 3,
                             .content_size = content_size,
                             .content_size_bytes = 8,
                             .block_size = 100000}
                     .around(body);
    bomb[14] &= 0xFE;  // the stored block is not the last
    for (std::size_t made = 0; made < gibibyte; made += 128 * 1024) {
        StoredFrame::append_block_header(bomb, made + 128 * 1024 == gibibyte, 1, 128 * 1024);
        append(bomb, std::uint8_t{0});
    }
    return bomb;
}

}  // namespace einfer::test
