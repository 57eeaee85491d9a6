// Push parser of a ciphertext's body: the bytes after the outer header, inflated.
#pragma once

#include "wire/body.h"
#include "wire/ciphertext.h"
#include "wire/ciphertext_layout.h"
#include "wire/fault.h"
#include "wire/word_check.h"

#include <array>
#include <cstdint>
#include <optional>
#include <span>

namespace einfer::wire {

class CiphertextBody final : public Body {
public:
    explicit CiphertextBody(const ParserLimits& limits) : limits_(limits) {}

    void set_minor(std::uint8_t minor) override { ciphertext_.seal_minor = minor; }
    void set_declared_size(std::uint64_t bytes) override { declared_size_ = bytes; }
    [[nodiscard]] std::uint64_t max_size() const override;
    [[nodiscard]] MaybeFault consume(std::span<const std::uint8_t> bytes) override;
    /// Metadata may still find the budget full.
    [[nodiscard]] bool is_settled() const override { return stage_ != Stage::metadata; }
    [[nodiscard]] bool is_complete() const override { return stage_ == Stage::complete; }
    [[nodiscard]] bool is_secret_key() const override;
    /// The metadata buffer is all that is ever stored of a secret key.
    void discard() override;
    [[nodiscard]] Fault secret_key() const override;
    [[nodiscard]] Fault ends_early() const override;
    [[nodiscard]] Fault too_large() const override;
    [[nodiscard]] bool limit_outranks(const Fault& fault) const override { return !fault.is_secret_key; }

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
