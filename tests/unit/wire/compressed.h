// Compressed bodies: by the libraries, as SEAL uses them, and by hand, to be wrong in one place.
#pragma once

#include "support/seal_bytes.h"

#include <zlib.h>
#include <zstd.h>

#include <cstdint>
#include <optional>
#include <span>
#include <stdexcept>

namespace einfer::test {

inline constexpr std::uint8_t none = 0, zlib = 1, zstd = 2;

struct ZlibOptions {
    int level = Z_DEFAULT_COMPRESSION;
    int window_bits = 15;  ///< as deflateInit2 wants them: negative raw, + 16 gzip
    std::span<const std::uint8_t> dictionary{};
};

[[nodiscard]] inline Bytes deflated(std::span<const std::uint8_t> body, const ZlibOptions& options = {}) {
    z_stream stream{};
    if (deflateInit2(&stream, options.level, Z_DEFLATED, options.window_bits, 8, Z_DEFAULT_STRATEGY) != Z_OK)
        throw std::runtime_error("deflateInit2");
    if (!options.dictionary.empty())
        deflateSetDictionary(&stream, options.dictionary.data(), static_cast<uInt>(options.dictionary.size()));
    Bytes out(deflateBound(&stream, body.size()) + 64);
    stream.next_in = const_cast<Bytef*>(body.data());
    stream.avail_in = static_cast<uInt>(body.size());
    stream.next_out = out.data();
    stream.avail_out = static_cast<uInt>(out.size());
    if (deflate(&stream, Z_FINISH) != Z_STREAM_END) throw std::runtime_error("deflate");
    out.resize(stream.total_out);
    deflateEnd(&stream);
    return out;
}

struct ZstdOptions {
    int level = 3;
    bool checksum = false;
    bool content_size = true;
    int window_log = 0;
    std::span<const std::uint8_t> dictionary{};
};

[[nodiscard]] inline Bytes zstd_compressed(std::span<const std::uint8_t> body, const ZstdOptions& options = {}) {
    ZSTD_CCtx* const context = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(context, ZSTD_c_compressionLevel, options.level);
    ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, options.checksum ? 1 : 0);
    ZSTD_CCtx_setParameter(context, ZSTD_c_contentSizeFlag, options.content_size ? 1 : 0);
    if (options.window_log != 0) ZSTD_CCtx_setParameter(context, ZSTD_c_windowLog, options.window_log);
    if (!options.dictionary.empty())
        ZSTD_CCtx_loadDictionary(context, options.dictionary.data(), options.dictionary.size());
    Bytes out(ZSTD_compressBound(body.size()));
    const std::size_t size = ZSTD_compress2(context, out.data(), out.size(), body.data(), body.size());
    ZSTD_freeCCtx(context);
    if (ZSTD_isError(size) != 0) throw std::runtime_error("ZSTD_compress2");
    out.resize(size);
    return out;
}

/// Serialized with the given compression, as SEAL would.
[[nodiscard]] inline Bytes serialized(const Bytes& body, std::uint8_t compression, std::uint8_t minor = 1) {
    switch (compression) {
        case zlib: return with_header(deflated(body), minor, zlib);
        case zstd: return with_header(zstd_compressed(body), minor, zstd);
        default: return with_header(body, minor, none);
    }
}

/// A zstd frame of stored blocks, byte by byte (RFC 8878, section 3.1.1).
struct StoredFrame {
    std::uint32_t magic = 0xFD2FB528;
    std::uint8_t descriptor = 0xA0;  ///< single segment, content size in 4 bytes
    std::optional<std::uint8_t> window{};
    Bytes dictionary_id{};
    std::optional<std::uint64_t> content_size{};
    std::size_t content_size_bytes = 4;
    std::size_t block_size = 100000;

    [[nodiscard]] Bytes around(std::span<const std::uint8_t> body) const {
        Bytes bytes;
        bytes.reserve(body.size() + 100);
        append(bytes, magic);
        append(bytes, descriptor);
        if (window) append(bytes, *window);
        bytes.insert(bytes.end(), dictionary_id.begin(), dictionary_id.end());
        const std::uint64_t size = content_size.value_or(body.size() - (content_size_bytes == 2 ? 256 : 0));
        for (std::size_t i = 0; i < content_size_bytes; ++i) append(bytes, static_cast<std::uint8_t>(size >> (8 * i)));
        for (std::size_t from = 0;; from += block_size) {
            const std::size_t count = std::min(block_size, body.size() - from);
            const bool last = from + count == body.size();
            append_block_header(bytes, last, 0, count);
            bytes.insert(bytes.end(), body.begin() + static_cast<std::ptrdiff_t>(from),
                         body.begin() + static_cast<std::ptrdiff_t>(from + count));
            if (last) return bytes;
        }
    }

    static void append_block_header(Bytes& bytes, bool last, unsigned type, std::size_t size) {
        const auto header = static_cast<std::uint32_t>((last ? 1U : 0U) | type << 1 | size << 3);
        for (int i = 0; i < 3; ++i) append(bytes, static_cast<std::uint8_t>(header >> (8 * i)));
    }
};

}  // namespace einfer::test
