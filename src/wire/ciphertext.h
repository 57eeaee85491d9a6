// SEAL 4.x ciphertexts as bytes: what we parsed, what we demand, what we write. No SEAL in here.
// The layout and every strict rule: docs/architecture/wire.md.
#pragma once

#include "base/error.h"
#include "base/memory_budget.h"
#include "wire/fault.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace einfer::wire {

/// BLAKE2b-256 of the encryption parameters, as SEAL computes it: names a level of a modulus chain.
using ParmsId = std::array<std::uint64_t, 4>;

enum class Compression : std::uint8_t { none = 0, zlib = 1, zstd = 2 };

/// SEAL 4.x minor versions share one layout; all of these are read and can be written.
inline constexpr std::uint8_t max_seal_minor = 4;

/// Uninitialised words: memory is touched only as bytes arrive, so a lying header costs address space, not memory.
class Words {
public:
    Words() = default;
    explicit Words(std::size_t count) : data_(std::make_unique_for_overwrite<std::uint64_t[]>(count)), size_(count) {}
    Words(Words&& other) noexcept : data_(std::move(other.data_)), size_(std::exchange(other.size_, 0)) {}
    Words& operator=(Words&& other) noexcept {
        data_ = std::move(other.data_);
        size_ = std::exchange(other.size_, 0);
        return *this;
    }
    [[nodiscard]] std::uint64_t* data() { return data_.get(); }
    [[nodiscard]] const std::uint64_t* data() const { return data_.get(); }
    [[nodiscard]] std::size_t size() const { return size_; }
    [[nodiscard]] std::span<const std::uint64_t> span() const { return {data_.get(), size_}; }

private:
    std::unique_ptr<std::uint64_t[]> data_;
    std::size_t size_ = 0;
};

/// What a seeded (symmetric) ciphertext carries instead of its second polynomial.
struct Seed {
    std::uint8_t generator = 0;  ///< 1 BLAKE2xb, 2 SHAKE256
    std::array<std::uint8_t, 64> bytes{};
};

/// A level of encryption parameters for which ciphertexts are expected.
struct Level {
    ParmsId parms_id{};
    std::size_t poly_modulus_degree = 0;
    std::span<const std::uint64_t> primes;  ///< the level's; they outlive the parser
    std::size_t kept_primes = 0;            ///< of each polynomial, the leading ones whose words are stored
};

/// What came of comparing every word of a ciphertext with the primes of a level while it arrived. Only the parser makes
/// one, so that a ciphertext that has one was looked at.
class WordsReport {
public:
    [[nodiscard]] const ParmsId& level() const { return level_; }
    [[nodiscard]] const std::optional<Fault>& fault() const { return fault_; }

private:
    friend class CiphertextBody;
    WordsReport(const ParmsId& level, std::optional<Fault> fault) : level_(level), fault_(fault) {}
    ParmsId level_;
    std::optional<Fault> fault_;
};

/// A ciphertext whose bytes are well formed in themselves: exact sizes, NTT form, finite positive scale.
/// Whether it fits a model is check_ciphertext()'s question.
struct Ciphertext {
    std::uint8_t seal_minor = 0;
    ParmsId parms_id{};
    std::size_t size = 0;  ///< polynomials
    std::size_t poly_modulus_degree = 0;
    std::size_t coeff_modulus_size = 0;  ///< primes
    double scale = 0;
    /// Of each polynomial, the leading primes whose words are here: K. All L, unless the parser was told which levels
    /// to expect; then those that the level's kept_primes names, and none at a level that is not expected.
    std::size_t stored_primes = 0;
    /// Residues, polynomial-major then prime-major: size·K·N words, or K·N (the first polynomial) with a seed.
    Words words;
    std::optional<Seed> seed;
    std::optional<WordsReport> report;  ///< on the words of all L primes, when the level was expected
    Reservation memory;                 ///< the bytes of `words` in the parser's budget
};

struct ParserLimits {
    std::size_t max_serialized_bytes = 0;  ///< of one object as sent, outer header included
    std::size_t max_words = 0;             ///< residues of one ciphertext
    std::size_t min_size = 2;              ///< polynomials: requests have exactly 2, results may have 3
    std::size_t max_size = 2;
    /// Without any, every word is stored and none is looked at. With some, the words of a ciphertext of one of these
    /// are checked as they arrive, and only those of its kept primes are stored. The levels outlive the parser.
    std::span<const Level> levels{};
    /// Words, and a decompressor while it runs, are taken from here; full: OVERLOADED. nullptr: unbounded.
    MemoryBudget* budget = nullptr;
};

/// Push parser of one serialized ciphertext: bytes in chunks of any size, one verdict at the end. Chunking never
/// changes the verdict. After the first fault the remaining bytes are ignored and no further memory is taken.
class CiphertextParser {
public:
    explicit CiphertextParser(const ParserLimits& limits);
    ~CiphertextParser();
    CiphertextParser(CiphertextParser&&) noexcept;
    CiphertextParser& operator=(CiphertextParser&&) noexcept;

    void feed(std::span<const std::uint8_t> bytes);

    /// INVALID_CIPHERTEXT (bytes that are no strict SEAL ciphertext), PAYLOAD_TOO_LARGE (longer than
    /// max_serialized_bytes, whatever else is wrong) or OVERLOADED (budget). Call once.
    /// A secret key sent by mistake is INVALID_CIPHERTEXT in any case, with a warning to its owner, and what the parser
    /// held of it is overwritten; the bytes fed are the caller's to overwrite.
    [[nodiscard]] Result<Ciphertext> finish();

private:
    class State;
    std::unique_ptr<State> state_;
};

/// Whole-buffer convenience.
[[nodiscard]] Result<Ciphertext> parse_ciphertext(std::span<const std::uint8_t> bytes, const ParserLimits& limits);

/// What a ciphertext must be to fit one level of one model.
struct CiphertextRules {
    ParmsId parms_id{};
    ParmsId key_parms_id{};  ///< recognises a PublicKey sent by mistake
    std::size_t poly_modulus_degree = 0;
    std::span<const std::uint64_t> primes;  ///< the level's, L of them
    std::optional<double> scale;            ///< bit-equal when given
};

/// The steps of check_ciphertext(), for requests of several: all metadata is judged before any word. check_words()
/// reads the parser's report if there is one on this level, and the words themselves otherwise.
[[nodiscard]] Result<void> check_metadata(const Ciphertext& ciphertext, const CiphertextRules& rules);
[[nodiscard]] Result<void> check_words(const Ciphertext& ciphertext, const CiphertextRules& rules);

/// Metadata, then every word below its prime, then no second (or later) polynomial zero modulo any prime (transparent).
/// INVALID_CIPHERTEXT, or INCOMPATIBLE_CIPHERTEXT when it is well formed for other parameters, level or scale.
/// A scale of 1 with other parameters is no CKKS ciphertext but a public key or BGV's: INVALID_CIPHERTEXT.
[[nodiscard]] Result<void> check_ciphertext(const Ciphertext& ciphertext, const CiphertextRules& rules);

/// What write_ciphertext() needs; `words` is size·L·N residues in SEAL's order.
struct CiphertextView {
    std::uint8_t seal_minor = 0;
    ParmsId parms_id{};
    std::size_t size = 0;
    std::size_t poly_modulus_degree = 0;
    std::size_t coeff_modulus_size = 0;
    double scale = 0;
    std::span<const std::uint64_t> words;
};

/// Uncompressed SEAL bytes with the given minor version in the outer and the nested header.
[[nodiscard]] std::vector<std::uint8_t> write_ciphertext(const CiphertextView& view);

/// Bytes of a full, uncompressed ciphertext, outer header included: 113 + 8·size·N·L.
[[nodiscard]] constexpr std::size_t serialized_size(std::size_t size, std::size_t poly_modulus_degree,
                                                    std::size_t coeff_modulus_size) {
    return 113 + 8 * size * poly_modulus_degree * coeff_modulus_size;
}

/// Bytes of a seeded, uncompressed ciphertext of two polynomials, outer header included: 194 + 8·N·L.
[[nodiscard]] constexpr std::size_t seeded_size(std::size_t poly_modulus_degree, std::size_t coeff_modulus_size) {
    return 194 + 8 * poly_modulus_degree * coeff_modulus_size;
}

/// Largest sane serialization of a ciphertext: what compression may add to incompressible bytes included.
[[nodiscard]] constexpr std::size_t max_serialized_size(std::size_t size, std::size_t poly_modulus_degree,
                                                        std::size_t coeff_modulus_size) {
    const std::size_t plain = serialized_size(size, poly_modulus_degree, coeff_modulus_size);
    return plain + plain / 1000 + 256;
}

}  // namespace einfer::wire
