// Push parser of the body of RelinKeys or GaloisKeys. Private to src/wire.
#pragma once

#include "wire/body.h"
#include "wire/evaluation_keys.h"
#include "wire/evaluation_keys_layout.h"
#include "wire/word_check.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

namespace einfer::wire {

class EvaluationKeysBody final : public Body {
public:
    EvaluationKeysBody(KeyKind kind, const KeyRules& rules, KeySink& sink) : kind_(kind), rules_(rules), sink_(sink) {}

    void set_minor(std::uint8_t minor) override { report_.seal_minor = minor; }
    void set_declared_size(std::uint64_t bytes) override { declared_size_ = bytes; }
    [[nodiscard]] std::uint64_t least_compressed_size() const override;
    [[nodiscard]] std::uint64_t max_size() const override;
    [[nodiscard]] MaybeFault consume(std::span<const std::uint8_t> bytes) override;
    /// Until the end an entry may be of another level.
    [[nodiscard]] bool is_settled() const override { return stage_ == Stage::complete; }
    [[nodiscard]] bool is_complete() const override { return stage_ == Stage::complete; }
    [[nodiscard]] bool is_secret_key() const override;
    void discard() override;
    [[nodiscard]] Fault secret_key() const override;
    [[nodiscard]] Fault ends_early() const override;
    [[nodiscard]] Fault too_large() const override;
    /// What is too much, a rotation that is not wanted, is worth to be told.
    [[nodiscard]] bool limit_outranks(const Fault&) const override { return false; }

    [[nodiscard]] const KeysReport& report() const { return report_; }

private:
    enum class Stage { prefix, row, entry, words, seed, complete };

    [[nodiscard]] std::size_t digits() const { return rules_.primes.size() - 1; }
    [[nodiscard]] std::size_t polynomial_bytes() const { return 8 * rules_.poly_modulus_degree * rules_.primes.size(); }
    [[nodiscard]] std::uint64_t rows() const;
    [[nodiscard]] std::size_t most_keys() const;
    /// Of the row; 0: relinearization.
    [[nodiscard]] std::uint32_t element() const;

    [[nodiscard]] MaybeFault read_prefix();
    [[nodiscard]] MaybeFault read_row();
    [[nodiscard]] MaybeFault begin_key(std::uint32_t element, std::uint64_t entries);
    [[nodiscard]] MaybeFault next_row();
    [[nodiscard]] MaybeFault check_parms_id(const std::uint8_t* parms_id) const;
    [[nodiscard]] MaybeFault read_entry();
    [[nodiscard]] MaybeFault check_metadata(const std::uint8_t* body) const;
    /// Size of the body as far as the entries that are complete, and their rows.
    [[nodiscard]] std::uint64_t passed() const;
    /// Checks and hands on what the bytes have of the words; leaves the rest.
    [[nodiscard]] MaybeFault take_words(std::span<const std::uint8_t>& bytes);
    [[nodiscard]] MaybeFault read_seed();
    [[nodiscard]] MaybeFault end_entry();
    /// The fault is in the key of this row.
    [[nodiscard]] MaybeFault in_this_key(MaybeFault fault) const;

    KeyKind kind_;
    KeyRules rules_;
    KeySink& sink_;
    KeysReport report_;
    std::optional<std::uint64_t> declared_size_;
    Stage stage_ = Stage::prefix;
    std::size_t filled_ = 0;  ///< bytes of the current stage
    std::uint64_t row_ = 0;
    std::size_t entry_ = 0;   ///< of the row
    std::size_t wanted_ = 0;  ///< wanted elements whose rows have passed
    MaybeFault missing_;      ///< the first of them whose row was empty, while no row was not
    bool seeded_ = false;     ///< the entry is
    std::optional<WordCheck> check_;
    /// As far as the nested header of a secret key; the first rows are read from here as well.
    std::array<std::uint8_t, layout::plaintext_header + seal_header_size> prefix_{};
    std::array<std::uint8_t, layout::key_entry_words> buffer_{};  ///< of a row, an entry's metadata or a seed
};

}  // namespace einfer::wire
