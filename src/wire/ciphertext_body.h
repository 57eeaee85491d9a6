// Push parser of a ciphertext's body: the bytes after the outer header, inflated.
#pragma once

#include "wire/ciphertext.h"
#include "wire/ciphertext_layout.h"
#include "wire/fault.h"
#include "wire/word_check.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace einfer::wire {

/// A secret key was sent instead of a ciphertext.
[[nodiscard]] Fault secret_key_fault();

class CiphertextBody {
public:
    explicit CiphertextBody(const ParserLimits& limits) : limits_(limits) {}

    /// From the outer header; nested headers must agree.
    void set_minor(std::uint8_t minor) { ciphertext_.seal_minor = minor; }

    /// The body's size as declared outside of it. The metadata must come to the same, or no word is stored.
    void set_declared_size(std::uint64_t bytes) { declared_size_ = bytes; }

    /// Largest body that the limits allow.
    [[nodiscard]] std::uint64_t max_size() const;

    /// Takes the next bytes. After a fault the object is of no further use.
    [[nodiscard]] MaybeFault consume(std::span<const std::uint8_t> bytes);

    [[nodiscard]] bool has_metadata() const { return stage_ != Stage::metadata; }
    [[nodiscard]] bool is_complete() const { return stage_ == Stage::complete; }

    /// Whether the bytes so far are a secret key's (or a plaintext's) rather than a ciphertext's.
    [[nodiscard]] bool is_secret_key() const;

    /// Overwrites the metadata buffer: all that is ever stored of a secret key.
    void wipe();

    /// Only when is_complete().
    [[nodiscard]] Ciphertext take();

private:
    enum class Stage { metadata, words, seed, complete };

    [[nodiscard]] MaybeFault read_metadata();
    [[nodiscard]] MaybeFault take_memory(std::uint64_t word_count);
    /// Stores or drops, and checks, what the bytes have of the words; leaves the rest.
    void take_words(std::span<const std::uint8_t>& bytes);
    [[nodiscard]] MaybeFault read_seed();

    ParserLimits limits_;
    std::optional<std::uint64_t> declared_size_;
    Stage stage_ = Stage::metadata;
    std::size_t filled_ = 0;  ///< bytes of the current stage
    bool seeded_ = false;
    std::size_t word_bytes_ = 0;  ///< of the words stage
    std::optional<WordCheck> check_;
    std::array<std::uint8_t, layout::words> metadata_{};
    std::array<std::uint8_t, layout::seed_object_size> seed_{};
    Ciphertext ciphertext_;
};

}  // namespace einfer::wire
