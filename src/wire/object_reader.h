// Push parser of the outside of a SEAL object: limit, outer header, compression. Private to src/wire.
#pragma once

#include "base/memory_budget.h"
#include "wire/body.h"
#include "wire/inflater.h"
#include "wire/seal_header.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace einfer::wire {

/// Feeds what is inside of an object to its body, which outlives it. Chunking never changes the verdict: the first
/// fault in the order of the bytes, but for two that come before it: more bytes than the limit and, before that, a
/// secret key.
class ObjectReader {
public:
    ObjectReader(Body& body, std::size_t max_serialized_bytes, MemoryBudget* budget)
        : body_(body), max_serialized_bytes_(max_serialized_bytes), budget_(budget) {}

    void feed(std::span<const std::uint8_t> bytes);

    /// The verdict; with one, body and decompressor have given all memory back. Asked again: a fault.
    [[nodiscard]] MaybeFault finish();

    [[nodiscard]] std::uint8_t minor() const { return header_.minor; }

private:
    [[nodiscard]] MaybeFault consume(std::span<const std::uint8_t> bytes);
    [[nodiscard]] MaybeFault start_body();
    [[nodiscard]] MaybeFault missing() const;
    void give_up();

    Body& body_;
    const std::size_t max_serialized_bytes_;
    MemoryBudget* const budget_;
    std::size_t received_ = 0;  ///< at most max_serialized_bytes
    std::uint64_t left_ = 0;    ///< of the declared size
    std::array<std::uint8_t, seal_header_size> header_bytes_{};
    SealHeader header_;
    std::unique_ptr<Inflater> inflater_;
    MaybeFault fault_;
};

}  // namespace einfer::wire
