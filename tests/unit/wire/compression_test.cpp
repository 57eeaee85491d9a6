// What may be between the outer header and the body: one whole zlib stream or one whole zstd frame, nothing else.
#include "unit/wire/compressed.h"
#include "unit/wire/verdicts.h"

#include <utility>

namespace einfer::test {
namespace {

const Bytes body = CiphertextFields{}.body();

std::string_view verdict_on(const Bytes& compressed, std::uint8_t label) {
    auto limits = small_limits();
    limits.max_serialized_bytes = 100000;
    return verdict(parse_every_way(with_header(compressed, 1, label), limits));
}

std::string_view verdict_on_zlib(const Bytes& compressed) { return verdict_on(compressed, zlib); }
std::string_view verdict_on_zstd(const Bytes& compressed) { return verdict_on(compressed, zstd); }

Bytes joined(Bytes first, const Bytes& second) {
    first.insert(first.end(), second.begin(), second.end());
    return first;
}

Bytes without_last(Bytes bytes, std::size_t count) {
    bytes.resize(bytes.size() - count);
    return bytes;
}

TEST(Zlib, AnyLevelAndWindowIsAccepted) {
    for (int level = 0; level <= 9; ++level) EXPECT_EQ(verdict_on_zlib(deflated(body, {.level = level})), accepted);
    for (int bits = 9; bits <= 15; ++bits) EXPECT_EQ(verdict_on_zlib(deflated(body, {.window_bits = bits})), accepted);
}

TEST(Zlib, OtherWrappersAreInvalid) {
    EXPECT_EQ(verdict_on_zlib(deflated(body, {.window_bits = 15 + 16})), invalid_ciphertext) << "gzip";
    EXPECT_EQ(verdict_on_zlib(deflated(body, {.window_bits = -15})), invalid_ciphertext) << "raw deflate";
    EXPECT_EQ(verdict_on_zlib(body), invalid_ciphertext) << "not compressed at all";
}

TEST(Zlib, WindowBeyond32KiBIsInvalid) {
    Bytes stream = deflated(body);
    stream[0] = 0x88;  // 64 KiB
    stream[1] = static_cast<std::uint8_t>(31 - 0x8800 % 31);
    ASSERT_EQ((stream[0] << 8 | stream[1]) % 31, 0);
    EXPECT_EQ(verdict_on_zlib(stream), invalid_ciphertext);
}

TEST(Zlib, PresetDictionaryIsInvalid) {
    const Bytes dictionary(body.begin(), body.begin() + 500);
    EXPECT_EQ(verdict_on_zlib(deflated(body, {.dictionary = dictionary})), invalid_ciphertext);
}

TEST(Zlib, BadAdlerIsInvalid) {
    for (std::size_t from_end = 1; from_end <= 4; ++from_end) {
        Bytes stream = deflated(body);
        stream[stream.size() - from_end] ^= 1;
        EXPECT_EQ(verdict_on_zlib(stream), invalid_ciphertext);
    }
}

TEST(Zlib, TruncatedIsInvalid) {
    const Bytes stream = deflated(body);
    for (std::size_t count = 1; count <= 12; ++count)
        EXPECT_EQ(verdict_on_zlib(without_last(stream, count)), invalid_ciphertext) << count;
}

TEST(Zlib, AnythingBehindIsInvalid) {
    EXPECT_EQ(verdict_on_zlib(joined(deflated(body), {0})), invalid_ciphertext);
    EXPECT_EQ(verdict_on_zlib(joined(deflated(body), deflated(body))), invalid_ciphertext);
    EXPECT_EQ(verdict_on_zlib(joined(deflated(body), deflated({}))), invalid_ciphertext);
}

TEST(Zlib, MoreOrLessThanTheBodyIsInvalid) {
    EXPECT_EQ(verdict_on_zlib(deflated(joined(body, {0}))), invalid_ciphertext);
    EXPECT_EQ(verdict_on_zlib(deflated(joined(body, body))), invalid_ciphertext);
    EXPECT_EQ(verdict_on_zlib(deflated(without_last(body, 1))), invalid_ciphertext);
    EXPECT_EQ(verdict_on_zlib(deflated({})), invalid_ciphertext);
}

TEST(Zstd, AnyLevelAndOptionIsAccepted) {
    for (const int level : {-5, 1, 3, 9, 19, 22})
        EXPECT_EQ(verdict_on_zstd(zstd_compressed(body, {.level = level})), accepted) << level;
    EXPECT_EQ(verdict_on_zstd(zstd_compressed(body, {.checksum = true})), accepted);
    EXPECT_EQ(verdict_on_zstd(zstd_compressed(body, {.window_log = 10})), accepted);
}

TEST(Zstd, EveryFormOfTheFrameHeaderIsAccepted) {
    EXPECT_EQ(verdict_on_zstd(StoredFrame{}.around(body)), accepted);
    EXPECT_EQ(verdict_on_zstd(StoredFrame{.descriptor = 0x60, .content_size_bytes = 2}.around(body)), accepted);
    EXPECT_EQ(verdict_on_zstd(StoredFrame{.descriptor = 0xE0, .content_size_bytes = 8}.around(body)), accepted);
    // With a window byte; the window may be smaller than the content, and at most 2^23.
    const auto windowed = [](std::uint8_t window) {
        return StoredFrame{.descriptor = 0x80, .window = window, .block_size = 1000}.around(body);
    };
    EXPECT_EQ(verdict_on_zstd(windowed(0)), accepted);
    EXPECT_EQ(verdict_on_zstd(windowed(13 << 3)), accepted);
    EXPECT_EQ(verdict_on_zstd(windowed(13 << 3 | 1)), invalid_ciphertext);
    EXPECT_EQ(verdict_on_zstd(windowed(14 << 3)), invalid_ciphertext);
    EXPECT_EQ(verdict_on_zstd(windowed(31 << 3 | 7)), invalid_ciphertext);
}

TEST(Zstd, ContentSizeMustBeDeclaredAndRight) {
    EXPECT_EQ(verdict_on_zstd(zstd_compressed(body, {.content_size = false})), invalid_ciphertext);
    const std::uint64_t right = body.size();
    for (const std::uint64_t wrong :
         {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{97}, right - 1, right + 1, right / 2, right * 2,
          std::uint64_t{1} << 30, std::uint64_t{1} << 34, ~std::uint64_t{0}, ~std::uint64_t{1}}) {
        const StoredFrame frame{.descriptor = 0xE0, .content_size = wrong, .content_size_bytes = 8};
        EXPECT_EQ(verdict_on_zstd(frame.around(body)), invalid_ciphertext) << wrong;
    }
    // A declared size of one byte cannot hold a ciphertext.
    EXPECT_EQ(verdict_on_zstd(StoredFrame{.descriptor = 0x20, .content_size = 97, .content_size_bytes = 1}.around(
                  std::span(body).first(97))),
              invalid_ciphertext);
}

TEST(Zstd, MoreOrLessThanTheBodyIsInvalid) {
    EXPECT_EQ(verdict_on_zstd(zstd_compressed(joined(body, {0}))), invalid_ciphertext);
    EXPECT_EQ(verdict_on_zstd(zstd_compressed(joined(body, body))), invalid_ciphertext);
    EXPECT_EQ(verdict_on_zstd(zstd_compressed(without_last(body, 1))), invalid_ciphertext);
    // The frame says the body's size, but holds more or less.
    const StoredFrame frame{.content_size = body.size()};
    EXPECT_EQ(verdict_on_zstd(frame.around(joined(body, {0}))), invalid_ciphertext);
    EXPECT_EQ(verdict_on_zstd(frame.around(without_last(body, 1))), invalid_ciphertext);
    EXPECT_EQ(verdict_on_zstd(frame.around({})), invalid_ciphertext);
}

TEST(Zstd, OtherFramesAreInvalid) {
    const Bytes honest = zstd_compressed(body);
    const Bytes skippable{0x50, 0x2A, 0x4D, 0x18, 4, 0, 0, 0, 1, 2, 3, 4};
    const Bytes empty = zstd_compressed({});
    EXPECT_EQ(verdict_on_zstd(joined(honest, honest)), invalid_ciphertext) << "second";
    EXPECT_EQ(verdict_on_zstd(joined(skippable, honest)), invalid_ciphertext) << "skippable before";
    EXPECT_EQ(verdict_on_zstd(joined(honest, skippable)), invalid_ciphertext) << "skippable behind";
    EXPECT_EQ(verdict_on_zstd(joined(empty, honest)), invalid_ciphertext) << "empty before";
    EXPECT_EQ(verdict_on_zstd(joined(honest, empty)), invalid_ciphertext) << "empty behind";
    EXPECT_EQ(verdict_on_zstd(empty), invalid_ciphertext);
    EXPECT_EQ(verdict_on_zstd(joined(honest, {0})), invalid_ciphertext) << "junk";
    for (const std::uint32_t magic : {0xFD2FB527U, 0xFD2FB526U, 0xFD2FB525U, 0xFD2FB51EU, 0x184D2A50U})
        EXPECT_EQ(verdict_on_zstd(StoredFrame{.magic = magic}.around(body)), invalid_ciphertext) << "older format";
    EXPECT_EQ(verdict_on_zstd(StoredFrame{.descriptor = 0xA8}.around(body)), invalid_ciphertext) << "reserved bit";
    // A body split over two frames, each whole.
    const auto half = static_cast<std::ptrdiff_t>(body.size() / 2);
    EXPECT_EQ(verdict_on_zstd(joined(zstd_compressed(Bytes(body.begin(), body.begin() + half)),
                                     zstd_compressed(Bytes(body.begin() + half, body.end())))),
              invalid_ciphertext);
}

TEST(Zstd, DictionaryIsInvalid) {
    const Bytes dictionary(body.begin(), body.begin() + 500);
    EXPECT_EQ(verdict_on_zstd(zstd_compressed(body, {.dictionary = dictionary})), invalid_ciphertext);
    for (const std::uint8_t code : {1, 2, 3}) {
        const StoredFrame frame{.descriptor = static_cast<std::uint8_t>(0xA0 | code),
                                .dictionary_id = Bytes(std::size_t{1} << (code - 1), 0)};
        EXPECT_EQ(verdict_on_zstd(frame.around(body)), invalid_ciphertext) << "id 0 in " << int{code};
    }
}

TEST(Zstd, TruncatedIsInvalid) {
    for (const bool checksum : {false, true}) {
        const Bytes frame = zstd_compressed(body, {.checksum = checksum});
        for (std::size_t count = 1; count <= 12; ++count)
            EXPECT_EQ(verdict_on_zstd(without_last(frame, count)), invalid_ciphertext) << count;
    }
    // All of the content but not the last block: an empty one marks the end.
    Bytes frame = StoredFrame{}.around(body);
    frame[9] ^= 1;
    EXPECT_EQ(verdict_on_zstd(frame), invalid_ciphertext);
    StoredFrame::append_block_header(frame, true, 0, 0);
    EXPECT_EQ(verdict_on_zstd(frame), accepted);
}

TEST(Zstd, DamagedIsInvalid) {
    Bytes frame = zstd_compressed(body, {.checksum = true});
    frame.back() ^= 1;
    EXPECT_EQ(verdict_on_zstd(frame), invalid_ciphertext);
    Bytes reserved_block = StoredFrame{}.around(body);
    reserved_block[9] |= 0x06;
    EXPECT_EQ(verdict_on_zstd(reserved_block), invalid_ciphertext);
}

TEST(Compression, IncompressibleBodiesFitTheLargestSerializedSize) {
    Bytes noise = CiphertextFields{.poly_modulus_degree = 4096}.body();
    std::mt19937_64 random(1);
    for (std::size_t i = 97; i < noise.size(); ++i) noise[i] = static_cast<std::uint8_t>(random());
    const wire::ParserLimits limits{.max_serialized_bytes = wire::max_serialized_size(2, 4096, 2),
                                    .max_words = 2 * 4096 * 2};
    for (const std::uint8_t compression : {none, zlib, zstd})
        EXPECT_EQ(verdict(wire::parse_ciphertext(serialized(noise, compression), limits)), accepted);
    EXPECT_EQ(verdict(wire::parse_ciphertext(with_header(deflated(noise, {.level = 0}), 1, zlib), limits)), accepted);
}

TEST(Compression, BodiesBeyondTheLargestWindowPass) {
    // 16 MiB: larger than the window that is allowed, as SEAL's own frames of this size do not need it.
    const Bytes large = CiphertextFields{.poly_modulus_degree = 32768, .coeff_modulus_size = 32}.body();
    const wire::ParserLimits limits{.max_serialized_bytes = large.size(), .max_words = std::size_t{2} * 32768 * 32};
    EXPECT_EQ(verdict(wire::parse_ciphertext(with_header(deflated(large, {.level = 1}), 1, zlib), limits)), accepted);
    EXPECT_EQ(verdict(wire::parse_ciphertext(serialized(large, zstd), limits)), accepted);
}

}  // namespace
}  // namespace einfer::test
