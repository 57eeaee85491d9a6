// Serialized ciphertexts from few bytes, so that inputs stay small and mutations hit what matters.
#pragma once

#define ZSTD_STATIC_LINKING_ONLY  // for ZSTD_estimateDStreamSize, in memory bounds
#include <zstd.h>

#include "common/input.h"
#include "support/seal_bytes.h"
#include "unit/wire/compressed.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <utility>

namespace einfer::fuzz {

using test::Bytes;

/// How the bytes of an input become an object. The low two bits of its mode byte.
enum class Shape : std::uint8_t {
    raw = 0,    ///< they are the object
    plain = 1,  ///< they are the object without its words, which are put in behind the metadata, as many as declared
    zlib = 2,   ///< like plain, and what follows the outer header is then compressed
    zstd = 3,
};

/// The residue at `index`: below every prime of 20 bits or more, and never 0.
[[nodiscard]] inline std::uint64_t word_at(std::uint64_t index, bool constant) {
    return constant ? 1 : test::CiphertextFields::word(index);
}

/// The object compressed and its size put right, as `mode` says.
[[nodiscard]] inline Bytes finished(Bytes object, std::uint8_t mode) {
    namespace at = test::at;
    const auto shape = static_cast<Shape>(mode & 3);
    if (shape > Shape::plain && object.size() >= 16) {
        const auto body = std::span(object).subspan(16);
        const int level = (mode & 16) != 0 ? 1 : 6;
        const Bytes compressed = shape == Shape::zlib ? test::deflated(body, {.level = level})
                                                      : test::zstd_compressed(body, {.level = level});
        object.resize(16);
        object[at::compression] = shape == Shape::zlib ? test::zlib : test::zstd;
        object.insert(object.end(), compressed.begin(), compressed.end());
    }
    if ((mode & 4) != 0 && object.size() >= 16) test::patch<std::uint64_t>(object, at::object_size, object.size());
    return object;
}

/// The object that `bytes` describe. Mode, from its lowest bit: two of shape; the outer header's size is put right; the
/// words are all the same, so that compressed objects are tiny; the compression level is low; `parms_id` is put in.
[[nodiscard]] inline Bytes object_from(std::span<const std::uint8_t> bytes, std::uint8_t mode,
                                       const std::array<std::uint64_t, 4>& parms_id = {11, 12, 13, 14}) {
    constexpr std::uint64_t most_words = 3 * 2048;
    namespace at = test::at;
    const auto shape = static_cast<Shape>(mode & 3);
    Bytes object(bytes.begin(), bytes.end());
    if (shape != Shape::raw && object.size() >= at::words) {
        const auto count = std::min(test::peek<std::uint64_t>(object, at::word_count), most_words);
        Bytes words;
        words.reserve(8 * count);
        for (std::uint64_t i = 0; i < count; ++i) test::append(words, word_at(i, (mode & 8) != 0));
        if ((mode & 32) != 0) test::patch(object, at::parms_id, parms_id);
        object.insert(object.begin() + at::words, words.begin(), words.end());
    }
    return finished(std::move(object), mode);
}

/// More than any body that the targets' limits allow.
inline constexpr std::size_t most_body_bytes = 64 * 1024;

/// The body of a compressed object that our parser accepted.
[[nodiscard]] inline Bytes inflated(std::span<const std::uint8_t> compressed, std::uint8_t compression,
                                    std::size_t most_bytes = most_body_bytes) {
    Bytes body(most_bytes);
    if (compression == test::zlib) {
        uLongf size = body.size();
        if (uncompress(body.data(), &size, compressed.data(), compressed.size()) != Z_OK) return {};
        body.resize(size);
    } else {
        const std::size_t size = ZSTD_decompress(body.data(), body.size(), compressed.data(), compressed.size());
        if (ZSTD_isError(size) != 0) return {};
        body.resize(size);
    }
    return body;
}

/// The same object, uncompressed.
[[nodiscard]] inline Bytes uncompressed(const Bytes& object, std::size_t most_bytes = most_body_bytes) {
    const std::uint8_t compression = object[test::at::compression];
    if (compression == test::none) return object;
    return test::with_header(inflated(std::span(object).subspan(16), compression, most_bytes), object[test::at::minor]);
}

}  // namespace einfer::fuzz
