// Words against primes, while they arrive or afterwards. Private to src/wire.
#pragma once

#include "wire/bytes.h"
#include "wire/fault.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace einfer::wire {

/// Whose words: what they may be, and how to say that they are not.
enum class WordsOf { ciphertext, key };

/// Takes the bytes of a ciphertext's words, polynomial-major then prime-major, cut anywhere. The primes outlive it.
class WordCheck {
public:
    WordCheck(std::span<const std::uint64_t> primes, std::size_t degree, WordsOf of = WordsOf::ciphertext)
        : primes_(primes), degree_(degree), of_(of) {}

    void feed(std::span<const std::uint8_t> bytes);

    /// The first fault of the rows that are complete, in their order: a word that is not below its prime, or a row of a
    /// second or later polynomial that is zero; in a key, of any polynomial. A row each, not the polynomial: rescaling
    /// drops primes, and must never leave a transparent ciphertext.
    [[nodiscard]] const MaybeFault& fault() const { return fault_; }

private:
    void take(const std::uint8_t* words, std::size_t count);
    void end_row();

    std::span<const std::uint64_t> primes_;
    std::size_t degree_;
    WordsOf of_;
    std::size_t polynomial_ = 0, prime_ = 0, in_row_ = 0;  ///< where the next word belongs
    std::uint64_t below_ = ~std::uint64_t{0};              ///< of the row: top bit set while all are below the prime
    std::uint64_t any_ = 0;                                ///< of the row: all words or-ed
    std::array<std::uint8_t, 8> carry_{};
    std::size_t carried_ = 0;
    MaybeFault fault_;
};

}  // namespace einfer::wire
