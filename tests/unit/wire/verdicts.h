// Parses in several chunkings and compares the verdicts.
#pragma once

#include "support/seal_bytes.h"
#include "wire/ciphertext.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <string>

namespace einfer::test {

inline constexpr std::string_view accepted = "ACCEPTED";
inline constexpr std::string_view invalid_ciphertext = "INVALID_CIPHERTEXT";
inline constexpr std::string_view incompatible_ciphertext = "INCOMPATIBLE_CIPHERTEXT";
inline constexpr std::string_view payload_too_large = "PAYLOAD_TOO_LARGE";
inline constexpr std::string_view overloaded = "OVERLOADED";

template <class T>
[[nodiscard]] std::string_view verdict(const Result<T>& result) {
    return result ? accepted : traits(result.error().code).name;
}

/// Room for a full ciphertext of N = 1024 with two primes, and a little more.
[[nodiscard]] inline wire::ParserLimits small_limits() {
    return {.max_serialized_bytes = 40000, .max_words = 4096, .min_size = 2, .max_size = 2, .budget = nullptr};
}

/// `next_chunk()` gives the size of each feed.
template <class NextChunk>
[[nodiscard]] Result<wire::Ciphertext> parse_in_chunks(const Bytes& bytes, const wire::ParserLimits& limits,
                                                       NextChunk next_chunk) {
    wire::CiphertextParser parser(limits);
    for (std::size_t from = 0; from < bytes.size();) {
        const std::size_t count = std::min<std::size_t>(next_chunk(), bytes.size() - from);
        parser.feed(std::span(bytes).subspan(from, count));
        from += count;
    }
    return parser.finish();
}

inline void expect_same(const Result<wire::Ciphertext>& one, const Result<wire::Ciphertext>& other,
                        const Bytes& bytes) {
    ASSERT_EQ(verdict(one), verdict(other));
    if (!one) {
        // Of several faults in one zstd frame, libzstd may see another one first when it has more of the frame.
        if (bytes.size() > at::compression && bytes[at::compression] == 2) return;
        EXPECT_EQ(one.error().message, other.error().message);
        EXPECT_EQ(one.error().details, other.error().details);
        return;
    }
    EXPECT_EQ(one->parms_id, other->parms_id);
    EXPECT_TRUE(std::ranges::equal(one->words.span(), other->words.span()));
    ASSERT_EQ(one->seed.has_value(), other->seed.has_value());
    if (one->seed) {
        EXPECT_EQ(one->seed->bytes, other->seed->bytes);
    }
}

/// The result of the whole buffer; any chunking must give the same.
[[nodiscard]] inline Result<wire::Ciphertext> parse_every_way(const Bytes& bytes, const wire::ParserLimits& limits) {
    Result<wire::Ciphertext> whole = wire::parse_ciphertext(bytes, limits);
    expect_same(whole, parse_in_chunks(bytes, limits, [] { return std::size_t{1}; }), bytes);
    std::mt19937_64 random(bytes.size());
    std::uniform_int_distribution<std::size_t> small(0, 40), large(0, 9000);
    expect_same(whole, parse_in_chunks(bytes, limits, [&] { return small(random); }), bytes);
    expect_same(whole, parse_in_chunks(bytes, limits, [&] { return large(random); }), bytes);
    return whole;
}

}  // namespace einfer::test
