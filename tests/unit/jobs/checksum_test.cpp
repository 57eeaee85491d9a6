// The checksum is the CRC-32 that databases already hold.
#include "jobs/checksum.h"

#include "unit/jobs/support.h"

#include <zlib.h>

namespace einfer::jobs::test {
namespace {

TEST(Checksum, IsZlibsCrc32) {
    for (const std::size_t size : {0, 1, 7, 15, 16, 17, 63, 64, 100, 4096, 100'003}) {
        const Bytes bytes = pattern(size, size);
        std::uint8_t length[8] = {};
        for (int i = 0; i < 8; ++i) length[i] = static_cast<std::uint8_t>(size >> 8 * i);
        unsigned long expected = crc32_z(0, length, sizeof length);
        if (size != 0) expected = crc32_z(expected, bytes.data(), bytes.size());
        EXPECT_EQ(Checksum().add(std::span<const std::uint8_t>(bytes)).value(), expected) << size;
    }
}

}  // namespace
}  // namespace einfer::jobs::test
