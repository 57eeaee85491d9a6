#include "wire/word_check.h"

#include <algorithm>

namespace einfer::wire {
namespace {

constexpr std::uint64_t top_bit = std::uint64_t{1} << 63;

Fault too_large_word(WordsOf of) {
    return invalid(of == WordsOf::key ? "a word of the keys is not below its prime"
                                      : "a word of the ciphertext is not below its prime",
                   "words");
}

Fault zero_row(WordsOf of) {
    return invalid(of == WordsOf::key ? "a key is zero modulo a prime, so that it is none: make new keys"
                                      : "the ciphertext is transparent, hiding nothing: encrypt again",
                   "words");
}

}  // namespace

void WordCheck::feed(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
        if (carried_ > 0 || bytes.size() < carry_.size()) {
            const std::size_t count = std::min(bytes.size(), carry_.size() - carried_);
            std::copy_n(bytes.begin(), count, carry_.begin() + static_cast<std::ptrdiff_t>(carried_));
            carried_ += count;
            bytes = bytes.subspan(count);
            if (carried_ < carry_.size()) return;
            carried_ = 0;
            take(carry_.data(), 1);
        } else {
            const std::size_t count = std::min(bytes.size() / 8, degree_ - in_row_);
            take(bytes.data(), count);
            bytes = bytes.subspan(8 * count);
        }
    }
}

void WordCheck::take(const std::uint8_t* words, std::size_t count) {
    // For prime <= 2^63, `word - prime` borrows into the top bit exactly when word < prime or word >= prime + 2^63;
    // the latter words have the top bit themselves. Cheaper than an unsigned compare, which SSE2 lacks; and no branch,
    // so that the loop becomes vector code.
    const std::uint64_t prime = primes_[prime_];
    std::uint64_t below = below_, any = any_;
    for (std::size_t i = 0; i < count; ++i) {
        const auto word = load<std::uint64_t>(words + 8 * i);
        below &= (word - prime) & ~word;
        any |= word;
    }
    below_ = below;
    any_ = any;
    in_row_ += count;
    if (in_row_ == degree_) end_row();
}

void WordCheck::end_row() {
    if (!fault_ && (below_ & top_bit) == 0) fault_ = too_large_word(of_);
    if (!fault_ && any_ == 0 && (polynomial_ > 0 || of_ == WordsOf::key)) fault_ = zero_row(of_);
    below_ = ~std::uint64_t{0};
    any_ = 0;
    in_row_ = 0;
    if (++prime_ == primes_.size()) {
        prime_ = 0;
        ++polynomial_;
    }
}

}  // namespace einfer::wire
