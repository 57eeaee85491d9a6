#define ZSTD_STATIC_LINKING_ONLY  // for ZSTD_customMem: what it allocates may hold a secret key
#include <zstd.h>
#include <zstd_errors.h>

#include "wire/inflater.h"
#include "wire/zstd_blocks.h"
#include "wire/zstd_frame_header.h"

#include <algorithm>

namespace einfer::wire {
namespace {

class ZstdInflater final : public Inflater {
public:
    using Inflater::Inflater;
    ~ZstdInflater() override { ZSTD_freeDCtx(context_); }

    MaybeFault feed(std::span<const std::uint8_t> input, Body& body) override {
        if (context_ == nullptr) {
            if (const MaybeFault fault = header_.consume(input)) return fault;
            if (!header_.is_complete()) return std::nullopt;
            if (const MaybeFault fault = open(body)) return fault;
            if (const MaybeFault fault = inflate_step(header_.bytes(), body)) return fault;
        }
        return inflate_all(input, body);
    }

    bool at_end() const override { return at_end_; }

private:
    MaybeFault open(Body& body) {
        // Both bounds before the decompressor takes memory for its window, and before anything is inflated.
        if (header_.content_size() > body.max_size())
            return invalid("the frame's declared content is larger than any object expected here", "compression");
        body.set_declared_size(header_.content_size());
        // libzstd's window is no larger than the content, its input buffer no larger than a block.
        const std::uint64_t content = std::max<std::uint64_t>(header_.content_size(), ZSTD_BLOCKSIZE_MAX);
        const std::uint64_t window = std::min(header_.window_size(), content);
        if (const MaybeFault fault = reserve(ZSTD_estimateDStreamSize(window))) return fault;
        context_ = ZSTD_createDCtx_advanced({WipingMemory::allocate, WipingMemory::free, &memory()});
        if (context_ == nullptr) return out_of_memory();
        if (ZSTD_isError(ZSTD_DCtx_setParameter(context_, ZSTD_d_windowLogMax, ZstdFrameHeader::max_window_log)))
            return out_of_memory();
        return std::nullopt;
    }

    /// Inflates until the input is used up; the frame must not end before it.
    MaybeFault inflate_all(std::span<const std::uint8_t> bytes, Body& body) {
        while (!bytes.empty()) {
            // What the body may say still ("no memory", "a secret key") it must say however the input was cut.
            const auto step = body.is_settled() ? bytes : bytes.first(std::min(bytes.size(), blocks_.safe_step()));
            if (const MaybeFault fault = inflate_step(step, body)) return fault;
            if (!body.is_settled()) blocks_.advance(step);
            bytes = bytes.subspan(step.size());
        }
        return std::nullopt;
    }

    MaybeFault inflate_step(std::span<const std::uint8_t> bytes, Body& body) {
        ZSTD_inBuffer input{bytes.data(), bytes.size(), 0};
        for (bool more = true; more;) {
            if (at_end_) return invalid("bytes follow the compressed data", "compression");
            const auto room = output();
            ZSTD_outBuffer out{room.data(), room.size(), 0};
            const std::size_t hint = ZSTD_decompressStream(context_, &out, &input);
            if (ZSTD_isError(hint)) return fault_of(hint);
            at_end_ = hint == 0;
            if (const MaybeFault fault = body.consume(room.first(out.pos))) return fault;
            // A full buffer may leave output inside the decompressor.
            more = input.pos < input.size || (out.pos == out.size && !at_end_);
        }
        return std::nullopt;
    }

    static Fault fault_of(std::size_t result) {
        if (ZSTD_getErrorCode(result) == ZSTD_error_memory_allocation) return out_of_memory();
        return invalid("the compressed data is not a whole zstd frame", "compression");
    }

    ZstdFrameHeader header_;
    ZstdBlocks blocks_;
    ZSTD_DCtx* context_ = nullptr;
    bool at_end_ = false;
};

}  // namespace

std::unique_ptr<Inflater> make_zstd_inflater(MemoryBudget* budget) { return std::make_unique<ZstdInflater>(budget); }

}  // namespace einfer::wire
