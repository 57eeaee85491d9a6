// Decompression of a body through a small buffer, straight into its parser.
#pragma once

#include "base/memory_budget.h"
#include "wire/body.h"
#include "wire/fault.h"
#include "wire/wiping_memory.h"

#include <array>
#include <cstdint>
#include <memory>
#include <span>

namespace einfer::wire {

/// One compressed stream. A body that is complete or at fault stops it, so output costs nothing beyond the buffer.
class Inflater {
public:
    explicit Inflater(MemoryBudget* budget) : reservation_(budget ? Reservation(*budget) : Reservation()) {}
    virtual ~Inflater();
    Inflater(const Inflater&) = delete;
    Inflater& operator=(const Inflater&) = delete;

    /// Inflates all of `input` into `body`. Bytes after the stream's end are a fault.
    [[nodiscard]] virtual MaybeFault feed(std::span<const std::uint8_t> input, Body& body) = 0;

    /// Whether the stream has ended, its checksum verified.
    [[nodiscard]] virtual bool at_end() const = 0;

    /// What was inflated is overwritten when it is freed.
    void wipe_when_freed() { memory_.wipe_when_freed(); }

protected:
    /// Takes the decompressor's memory from the budget, once, before anything is inflated.
    [[nodiscard]] MaybeFault reserve(std::size_t bytes);

    [[nodiscard]] std::span<std::uint8_t> output() { return buffer_; }

    WipingMemory& memory() { return memory_; }

private:
    std::array<std::uint8_t, 32 * 1024> buffer_;
    Reservation reservation_;
    WipingMemory memory_;
};

/// A zlib stream (RFC 1950): zlib wrapper, window at most 32 KiB, no preset dictionary, Adler-32 verified.
[[nodiscard]] std::unique_ptr<Inflater> make_zlib_inflater(MemoryBudget* budget);

/// Exactly one zstd frame (RFC 8878): content size declared, no dictionary, window at most 8 MiB.
[[nodiscard]] std::unique_ptr<Inflater> make_zstd_inflater(MemoryBudget* budget);

}  // namespace einfer::wire
