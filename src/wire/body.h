// What follows an object's outer header, inflated: the interface between the outside of an object and its inside.
// Private to src/wire.
#pragma once

#include "wire/fault.h"

#include <cstdint>
#include <span>

namespace einfer::wire {

/// Push parser of a body. After its first fault it is of no further use.
class Body {
public:
    virtual ~Body() = default;

    /// From the outer header; nested headers must agree.
    virtual void set_minor(std::uint8_t minor) = 0;

    /// The body's size as declared outside of it. What the body says of itself must come to the same, or no word is
    /// taken.
    virtual void set_declared_size(std::uint64_t bytes) = 0;

    /// Fewer bytes than that cannot be a compressed body that is right: what is encrypted looks random, and does not
    /// become smaller than its numbers are.
    [[nodiscard]] virtual std::uint64_t least_compressed_size() const { return 0; }

    /// Largest body that is expected.
    [[nodiscard]] virtual std::uint64_t max_size() const = 0;

    /// Takes the next bytes.
    [[nodiscard]] virtual MaybeFault consume(std::span<const std::uint8_t> bytes) = 0;

    /// Whether all faults that may still come are alike, so that it does not matter which of several comes first.
    [[nodiscard]] virtual bool is_settled() const = 0;

    [[nodiscard]] virtual bool is_complete() const = 0;

    /// Whether the bytes so far are a secret key's (or a plaintext's) rather than what is expected.
    [[nodiscard]] virtual bool is_secret_key() const = 0;

    /// Frees all memory; what may be a secret key's is overwritten.
    virtual void discard() = 0;

    [[nodiscard]] virtual Fault secret_key() const = 0;
    [[nodiscard]] virtual Fault ends_early() const = 0;
    [[nodiscard]] virtual Fault too_large() const = 0;
    /// Whether too_large() tells the sender more than an earlier fault. Never more than that a key has leaked.
    [[nodiscard]] virtual bool limit_outranks(const Fault& fault) const = 0;
};

}  // namespace einfer::wire
