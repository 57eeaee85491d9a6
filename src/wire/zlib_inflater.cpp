#define ZLIB_CONST
#include <zlib.h>

#include "wire/inflater.h"

#include <algorithm>

namespace einfer::wire {
namespace {

/// inflate's own state: the window of 32 KiB and, after zlib's documentation, some 7 KiB; zlib-ng takes a little more.
constexpr std::size_t state_bytes = 48 * 1024;

/// zlib counts input in 32 bits.
constexpr std::size_t max_step = std::size_t{1} << 30;

class ZlibInflater final : public Inflater {
public:
    using Inflater::Inflater;
    ~ZlibInflater() override {
        if (is_open_) inflateEnd(&stream_);
    }

    MaybeFault feed(std::span<const std::uint8_t> input, Body& body) override {
        if (!is_open_) {
            if (const MaybeFault fault = open()) return fault;
        }
        while (!input.empty()) {
            if (at_end_) return invalid("bytes follow the compressed data", "compression");
            const auto step = input.first(std::min(input.size(), max_step));
            stream_.next_in = step.data();
            stream_.avail_in = static_cast<uInt>(step.size());
            if (const MaybeFault fault = inflate_step(body)) return fault;
            input = input.subspan(step.size() - stream_.avail_in);
        }
        return std::nullopt;
    }

    bool at_end() const override { return at_end_; }

private:
    MaybeFault open() {
        if (const MaybeFault fault = reserve(state_bytes)) return fault;
        stream_.zalloc = [](void* memory, uInt count, uInt size) {
            return WipingMemory::allocate(memory, std::size_t{count} * size);
        };
        stream_.zfree = WipingMemory::free;
        stream_.opaque = &memory();
        // 15, not 15 + 32: a gzip wrapper is not what the label says.
        if (inflateInit2(&stream_, 15) != Z_OK) return out_of_memory();
        is_open_ = true;
        return std::nullopt;
    }

    /// Inflates until the input is used up or the stream ends.
    MaybeFault inflate_step(Body& body) {
        for (;;) {
            const auto room = output();
            stream_.next_out = room.data();
            stream_.avail_out = static_cast<uInt>(room.size());
            const int status = inflate(&stream_, Z_NO_FLUSH);
            // What came before an error counts: cut otherwise, the input would have delivered it.
            if (const MaybeFault fault = body.consume(room.first(room.size() - stream_.avail_out))) return fault;
            switch (status) {
                case Z_OK:
                    if (stream_.avail_in == 0 && stream_.avail_out != 0) return std::nullopt;
                    break;
                case Z_BUF_ERROR: return std::nullopt;  // no progress without more input
                case Z_STREAM_END: at_end_ = true; return std::nullopt;
                case Z_MEM_ERROR: return out_of_memory();
                default: return invalid("the compressed data is not a whole zlib stream", "compression");
            }
        }
    }

    z_stream stream_{};
    bool is_open_ = false;
    bool at_end_ = false;
};

}  // namespace

std::unique_ptr<Inflater> make_zlib_inflater(MemoryBudget* budget) { return std::make_unique<ZlibInflater>(budget); }

}  // namespace einfer::wire
