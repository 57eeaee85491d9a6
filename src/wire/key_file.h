// The form in which evaluation keys are stored: our own, so that a file can be read without SEAL's headers and
// whichever way the keys were sent. What is read may be damaged, but was not made by a stranger.
//
// Little-endian. Header: "einfkeys" · u32 version 1 · u32 relinearization, 0 or 1 · u32 N · u32 k · parms_id of the key
// level, 32 B · u32 number of Galois keys · u32 each of their elements, ascending. Then the keys, relinearization
// first, of k − 1 digits each: words of the first polynomial, 8kN B · u8 tag · with tag 0 the words of the second
// polynomial, 8kN B; with tag 1 or 2, its seed's generator, the seed, 64 B. Nothing follows.
#pragma once

#include "base/error.h"
#include "wire/evaluation_keys.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <vector>

namespace einfer::wire {

struct KeyFileHeader {
    std::size_t poly_modulus_degree = 0;
    std::size_t primes = 0;  ///< k
    ParmsId key_parms_id{};
    bool relinearization = false;
    std::vector<std::uint32_t> galois_elements;  ///< ascending

    friend bool operator==(const KeyFileHeader&, const KeyFileHeader&) = default;
};

/// Sizes of a file with this header: every digit seeded, and every digit full.
[[nodiscard]] std::uint64_t min_key_file_size(const KeyFileHeader& header);
[[nodiscard]] std::uint64_t max_key_file_size(const KeyFileHeader& header);

/// Writes a file from what the parsers hand on: relinearization keys first, when the header has them.
class KeyFileWriter final : public KeySink {
public:
    /// Appends bytes to the file; a fault (no room) becomes the parser's verdict.
    using Append = std::function<MaybeFault(std::span<const std::uint8_t>)>;

    KeyFileWriter(const KeyFileHeader& header, Append append);

    /// Before any key.
    [[nodiscard]] MaybeFault begin();

    /// INTERNAL when they come in another order than the header's, which the owner rules out.
    [[nodiscard]] MaybeFault begin_key(std::uint32_t galois_element) override;
    [[nodiscard]] MaybeFault words(std::span<const std::uint8_t> bytes) override;
    [[nodiscard]] MaybeFault seed(const Seed& seed) override;

    /// Whether all keys of the header have been written whole.
    [[nodiscard]] bool is_complete() const;

private:
    [[nodiscard]] MaybeFault end_digit();

    KeyFileHeader header_;
    Append append_;
    std::size_t key_ = 0;    ///< keys begun
    std::size_t digit_ = 0;  ///< of the key: finished
    std::size_t bytes_ = 0;  ///< of the digit's words
};

/// Reads a file from its beginning to its end. All errors are INTERNAL: what was written has changed.
class KeyFileReader {
public:
    /// Reads the next bytes of the file, all that are asked for; false when it cannot.
    using Source = std::function<bool(std::span<std::uint8_t>)>;

    /// Reads the header and proves that `size`, the whole file's, is one that its keys can have: so memory may be taken
    /// for them. May throw std::bad_alloc, as the other functions do not.
    static Result<KeyFileReader> open(std::uint64_t size, Source source);

    [[nodiscard]] const KeyFileHeader& header() const { return header_; }
    [[nodiscard]] std::size_t digits() const { return header_.primes - 1; }
    [[nodiscard]] std::size_t keys() const {
        return header_.galois_elements.size() + (header_.relinearization ? 1 : 0);
    }

    /// The next digit: keys in their order, digits in theirs. k · N words each; the second polynomial is left alone
    /// when there is a seed. Words are not compared with the primes.
    [[nodiscard]] Result<std::optional<Seed>> read_digit(std::span<std::uint64_t> first,
                                                         std::span<std::uint64_t> second);

private:
    KeyFileReader(KeyFileHeader header, Source source) : header_(std::move(header)), source_(std::move(source)) {}

    KeyFileHeader header_;
    Source source_;
    std::uint64_t full_left_ = 0, seeded_left_ = 0;  ///< digits, as the file's size has it
};

}  // namespace einfer::wire
