// SEAL 4.x evaluation keys (RelinKeys, GaloisKeys) as bytes: a strict parser that hands on what it has checked and
// stores nothing of it. The layout and every rule: docs/architecture/wire.md.
#pragma once

#include "base/error.h"
#include "base/memory_budget.h"
#include "wire/ciphertext.h"
#include "wire/fault.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

namespace einfer::wire {

enum class KeyKind { relinearization, galois };

/// What evaluation keys must be to fit one model. What it points at outlives the parser. Trusted: N a power of two,
/// 1024 to 32768, 2 to 64 primes below 2^61, odd elements below 2N.
struct KeyRules {
    std::size_t poly_modulus_degree = 0;               ///< N
    std::span<const std::uint64_t> primes;             ///< k of them, the key-switching prime last
    ParmsId key_parms_id{};                            ///< of all primes
    std::span<const ParmsId> data_parms_ids{};         ///< of the lower levels
    std::span<const std::uint32_t> galois_elements{};  ///< exactly those that keys are wanted for, ascending
};

/// Takes the content of keys as it arrives, in this order for each key: for each of its k − 1 digits the words of the
/// first polynomial (k · N, prime-major), then the seed of the second polynomial or its words. It comes cut anywhere
/// and may turn out to be wrong: only the parser's verdict makes it keys. A fault stops the parser and becomes its
/// verdict.
class KeySink {
public:
    virtual ~KeySink() = default;
    /// The next key begins. Galois element, ascending; 0: relinearization.
    [[nodiscard]] virtual MaybeFault begin_key(std::uint32_t galois_element) = 0;
    /// Next words of the digit, as little-endian bytes.
    [[nodiscard]] virtual MaybeFault words(std::span<const std::uint8_t> bytes) = 0;
    [[nodiscard]] virtual MaybeFault seed(const Seed& seed) = 0;
};

/// What was accepted.
struct KeysReport {
    std::uint8_t seal_minor = 0;
    std::size_t keys = 0;
    std::size_t full_digits = 0;
    std::size_t seeded_digits = 0;
};

/// Longest serialization that is expected: full keys, and what compression may add to incompressible bytes.
[[nodiscard]] std::size_t max_keys_size(KeyKind kind, const KeyRules& rules);

/// Push parser of one serialized RelinKeys or GaloisKeys: bytes in chunks of any size, one verdict at the end. Chunking
/// never changes the verdict. It holds no words: its memory is fixed, but for a decompressor that is taken from the
/// budget. After the first fault the remaining bytes are ignored and the sink is left alone.
class EvaluationKeysParser {
public:
    /// The sink outlives the parser; so does the budget (nullptr: unbounded).
    EvaluationKeysParser(KeyKind kind, const KeyRules& rules, KeySink& sink, MemoryBudget* budget = nullptr);
    ~EvaluationKeysParser();
    EvaluationKeysParser(EvaluationKeysParser&&) noexcept;
    EvaluationKeysParser& operator=(EvaluationKeysParser&&) noexcept;

    void feed(std::span<const std::uint8_t> bytes);

    /// The first fault in the order of the bytes: INVALID_CIPHERTEXT (bytes that are no strict SEAL keys of this kind,
    /// or hold a key that is not wanted), INCOMPATIBLE_CIPHERTEXT (other parameters, an entry of another level, a
    /// wanted rotation that is missing), PAYLOAD_TOO_LARGE (longer than max_keys_size()), OVERLOADED (budget), or the
    /// sink's. Details: `field`, and `galois_element` where one key is wrong or missing. Call once. A secret key sent
    /// by mistake is INVALID_CIPHERTEXT, with a warning to its owner, and what the parser held of it is overwritten;
    /// the bytes fed are the caller's to overwrite.
    [[nodiscard]] Result<KeysReport> finish();

private:
    class State;
    std::unique_ptr<State> state_;
};

}  // namespace einfer::wire
