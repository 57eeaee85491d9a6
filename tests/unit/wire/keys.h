// Real evaluation keys of SEAL, taken apart and put together again, and a sink that keeps what the parser hands on.
#pragma once

#include "unit/wire/compressed.h"
#include "unit/wire/oracle.h"
#include "wire/evaluation_keys.h"

#include <seal/util/rlwe.h>

#include <algorithm>
#include <cstring>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

namespace einfer::test {

using wire::KeyKind;

/// Offsets in an uncompressed object, outer header included; an entry is a ciphertext with header (`at`).
namespace keys_at {
inline constexpr std::size_t parms_id = 16, rows = 48, first_row = 56;
}

/// RelinKeys or GaloisKeys as their parts.
struct KeysFields {
    std::array<std::uint64_t, 4> parms_id{};
    std::vector<std::vector<Bytes>> rows;  ///< of entries

    [[nodiscard]] Bytes body() const {
        Bytes bytes;
        for (const std::uint64_t word : parms_id) append(bytes, word);
        append<std::uint64_t>(bytes, rows.size());
        for (const auto& row : rows) {
            append<std::uint64_t>(bytes, row.size());
            for (const Bytes& entry : row) bytes.insert(bytes.end(), entry.begin(), entry.end());
        }
        return bytes;
    }
    [[nodiscard]] Bytes serialize(std::uint8_t minor = SEAL_VERSION_MINOR) const { return with_header(body(), minor); }

    /// Of honest, uncompressed bytes.
    [[nodiscard]] static KeysFields of(const Bytes& bytes) {
        KeysFields fields;
        fields.parms_id = peek<std::array<std::uint64_t, 4>>(bytes, keys_at::parms_id);
        fields.rows.resize(peek<std::uint64_t>(bytes, keys_at::rows));
        std::size_t from = keys_at::first_row;
        for (auto& row : fields.rows) {
            row.resize(peek<std::uint64_t>(bytes, from));
            from += 8;
            for (Bytes& entry : row) {
                const auto size = peek<std::uint64_t>(bytes, from + at::object_size);
                entry.assign(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                             bytes.begin() + static_cast<std::ptrdiff_t>(from + size));
                from += size;
            }
        }
        return fields;
    }
};

/// With this minor version in all headers.
[[nodiscard]] inline Bytes keys_with_minor(const Bytes& bytes, std::uint8_t minor) {
    KeysFields fields = KeysFields::of(bytes);
    for (auto& row : fields.rows)
        for (Bytes& entry : row) {
            entry[at::minor] = minor;
            entry[at::words_header + at::minor] = minor;
            const std::size_t after_words = at::words + 8 * peek<std::uint64_t>(entry, at::word_count);
            if (entry.size() > after_words) entry[after_words + at::minor] = minor;
        }
    return fields.serialize(minor);
}

/// Keeps everything.
class KeptKeys final : public wire::KeySink {
public:
    struct Digit {
        std::vector<std::uint8_t> words;
        std::optional<wire::Seed> seed;
        friend bool operator==(const Digit& one, const Digit& other) {
            return one.words == other.words && one.seed.has_value() == other.seed.has_value() &&
                   (!one.seed ||
                    (one.seed->bytes == other.seed->bytes && one.seed->generator == other.seed->generator));
        }
    };
    struct Key {
        std::uint32_t element = 0;
        std::vector<Digit> digits;
        friend bool operator==(const Key&, const Key&) = default;
    };

    explicit KeptKeys(std::size_t polynomial_words) : polynomial_bytes_(8 * polynomial_words) {}

    wire::MaybeFault begin_key(std::uint32_t element) override {
        keys.push_back({element, {}});
        digit_is_open_ = false;
        return std::nullopt;
    }
    wire::MaybeFault words(std::span<const std::uint8_t> bytes) override {
        if (!digit_is_open_) keys.back().digits.emplace_back();
        auto& words = keys.back().digits.back().words;
        words.insert(words.end(), bytes.begin(), bytes.end());
        digit_is_open_ = words.size() < 2 * polynomial_bytes_;
        return std::nullopt;
    }
    wire::MaybeFault seed(const wire::Seed& seed) override {
        keys.back().digits.back().seed = seed;
        digit_is_open_ = false;
        return std::nullopt;
    }

    std::vector<Key> keys;

private:
    std::size_t polynomial_bytes_;
    bool digit_is_open_ = false;
};

/// Real keys of tiny parameters, and the rules that they fit.
class KeysOracle {
public:
    explicit KeysOracle(const std::vector<int>& prime_bits = {30, 30, 40}, std::vector<int> steps = {1, -1})
        : oracle(prime_bits), steps_(std::move(steps)) {
        const auto& context = oracle.context();
        for (const auto& modulus : context.key_context_data()->parms().coeff_modulus())
            primes_.push_back(modulus.value());
        for (auto data = context.first_context_data(); data; data = data->next_context_data())
            data_parms_ids_.push_back(data->parms_id());
        elements_ = context.key_context_data()->galois_tool()->get_elts_from_steps(steps_);
        std::sort(elements_.begin(), elements_.end());
    }

    [[nodiscard]] wire::KeyRules rules() const {
        return {.poly_modulus_degree = Oracle::degree,
                .primes = primes_,
                .key_parms_id = oracle.context().key_parms_id(),
                .data_parms_ids = data_parms_ids_,
                .galois_elements = elements_};
    }
    [[nodiscard]] std::size_t polynomial_words() const { return Oracle::degree * primes_.size(); }
    [[nodiscard]] const std::vector<std::uint32_t>& elements() const { return elements_; }

    [[nodiscard]] Bytes make(KeyKind kind, bool seeded) { return make(kind, seeded, steps_); }
    [[nodiscard]] Bytes make(KeyKind kind, bool seeded, const std::vector<int>& steps) {
        if (kind == KeyKind::relinearization) {
            if (seeded) return saved(oracle.keys().create_relin_keys());
            seal::RelinKeys keys;
            oracle.keys().create_relin_keys(keys);
            return saved(keys);
        }
        if (seeded) return saved(oracle.keys().create_galois_keys(steps));
        seal::GaloisKeys keys;
        oracle.keys().create_galois_keys(steps, keys);
        return saved(keys);
    }

    /// What SEAL loads from the bytes, or nothing when it refuses them.
    [[nodiscard]] std::optional<std::vector<std::vector<seal::PublicKey>>> load(KeyKind kind,
                                                                                const Bytes& bytes) const {
        try {
            const auto* const data = reinterpret_cast<const seal::seal_byte*>(bytes.data());
            seal::RelinKeys relin_keys;
            seal::GaloisKeys galois_keys;
            if (kind == KeyKind::relinearization) {
                relin_keys.load(oracle.context(), data, bytes.size());
                return relin_keys.data();
            }
            galois_keys.load(oracle.context(), data, bytes.size());
            return galois_keys.data();
        } catch (const std::exception&) {
            return std::nullopt;
        }
    }

    /// Whether what was handed on is what SEAL loaded, to the word, a seed expanded as SEAL does.
    [[nodiscard]] bool same(const KeptKeys& ours, const std::vector<std::vector<seal::PublicKey>>& seals) const {
        std::size_t rows = 0;
        for (const auto& row : seals) rows += row.empty() ? 0 : 1;
        if (rows != ours.keys.size()) return false;
        const std::size_t bytes = 8 * polynomial_words();
        for (const KeptKeys::Key& key : ours.keys) {
            const std::size_t row = key.element == 0 ? 0 : (key.element - 1) / 2;
            if (row >= seals.size() || seals[row].size() != key.digits.size()) return false;
            for (std::size_t i = 0; i < key.digits.size(); ++i) {
                const seal::Ciphertext& theirs = seals[row][i].data();
                const KeptKeys::Digit& digit = key.digits[i];
                std::vector<std::uint8_t> words = digit.words;
                if (digit.seed) {
                    seal::prng_seed_type seed;
                    std::memcpy(seed.data(), digit.seed->bytes.data(), sizeof seed);
                    const seal::UniformRandomGeneratorInfo info(static_cast<seal::prng_type>(digit.seed->generator),
                                                                seed);
                    std::vector<std::uint64_t> second(polynomial_words());
                    seal::util::sample_poly_uniform(info.make_prng(), oracle.context().key_context_data()->parms(),
                                                    second.data());
                    const auto* const from = reinterpret_cast<const std::uint8_t*>(second.data());
                    words.insert(words.end(), from, from + bytes);
                }
                if (words.size() != 2 * bytes || theirs.size() != 2 || theirs.parms_id() != rules().key_parms_id ||
                    std::memcmp(words.data(), theirs.data(), words.size()) != 0)
                    return false;
            }
        }
        return true;
    }

    Oracle oracle;

private:
    std::vector<int> steps_;
    std::vector<std::uint64_t> primes_;
    std::vector<wire::ParmsId> data_parms_ids_;
    std::vector<std::uint32_t> elements_;
};

/// `next_chunk()` gives the size of each feed.
template <class NextChunk>
[[nodiscard]] Result<wire::KeysReport> parse_keys_in_chunks(KeyKind kind, const Bytes& bytes,
                                                            const wire::KeyRules& rules, wire::KeySink& sink,
                                                            MemoryBudget* budget, NextChunk next_chunk) {
    wire::EvaluationKeysParser parser(kind, rules, sink, budget);
    for (std::size_t from = 0; from < bytes.size();) {
        const std::size_t count = std::min<std::size_t>(next_chunk(), bytes.size() - from);
        parser.feed(std::span(bytes).subspan(from, count));
        from += count;
    }
    return parser.finish();
}

}  // namespace einfer::test
