// Memory: taken from the budget when it is known to be needed, never more, and always given back.
#include "unit/wire/bombs.h"
#include "unit/wire/compressed.h"
#include "unit/wire/process_memory.h"
#include "unit/wire/verdicts.h"

#include <optional>

namespace einfer::test {
namespace {

constexpr std::size_t full_words_bytes = 8 * 4096;

wire::ParserLimits limits_with(MemoryBudget& budget) {
    auto limits = small_limits();
    limits.max_serialized_bytes = 4 << 20;
    limits.budget = &budget;
    return limits;
}

TEST(Memory, WordsAreTakenOnceTheMetadataIsKnown) {
    MemoryBudget budget(full_words_bytes);
    const Bytes bytes = CiphertextFields{}.serialize();
    {
        wire::CiphertextParser parser(limits_with(budget));
        parser.feed(std::span(bytes).first(at::words - 1));
        EXPECT_EQ(budget.used(), 0U);
        parser.feed(std::span(bytes).subspan(at::words - 1, 1));
        EXPECT_EQ(budget.used(), full_words_bytes);
    }
    EXPECT_EQ(budget.used(), 0U) << "an abandoned parser keeps nothing";
}

TEST(Memory, IsGivenBackAtAFaultNotLater) {
    MemoryBudget budget(1 << 20);
    for (const std::uint8_t compression : {none, zlib, zstd}) {
        Bytes bytes = serialized(CiphertextFields{}.body(), compression);
        bytes.push_back(0);
        wire::CiphertextParser parser(limits_with(budget));
        parser.feed(std::span(bytes).first(bytes.size() - 1));
        EXPECT_GE(budget.used(), full_words_bytes);
        parser.feed(std::span(bytes).last(1));
        EXPECT_EQ(budget.used(), 0U);
        parser.feed(bytes);
        EXPECT_EQ(budget.used(), 0U);
        EXPECT_EQ(verdict(parser.finish()), invalid_ciphertext);
        EXPECT_EQ(verdict(parser.finish()), invalid_ciphertext) << "asked again";
    }
}

TEST(Memory, ATakenCiphertextIsNotTakenTwice) {
    MemoryBudget budget(1 << 20);
    wire::CiphertextParser parser(limits_with(budget));
    parser.feed(CiphertextFields{}.serialize());
    const auto first = parser.finish();
    ASSERT_EQ(verdict(first), accepted);
    EXPECT_EQ(verdict(parser.finish()), invalid_ciphertext);
    EXPECT_EQ(budget.used(), full_words_bytes);
}

TEST(Memory, IsHeldAsLongAsTheCiphertextLives) {
    MemoryBudget budget(1 << 20);
    for (const std::uint8_t compression : {none, zlib, zstd}) {
        for (const bool seeded : {false, true}) {
            const Bytes bytes = serialized(CiphertextFields{.seeded = seeded}.body(), compression);
            {
                auto result = parse_every_way(bytes, limits_with(budget));
                ASSERT_EQ(verdict(result), accepted);
                const std::size_t expected = seeded ? full_words_bytes / 2 : full_words_bytes;
                EXPECT_EQ(budget.used(), expected);
                EXPECT_EQ(result->memory.bytes(), expected);
                const wire::Ciphertext moved = std::move(*result);
                EXPECT_EQ(budget.used(), expected);
            }
            EXPECT_EQ(budget.used(), 0U);
        }
    }
}

TEST(Memory, FullBudgetIsOverloaded) {
    MemoryBudget budget(full_words_bytes + 512 * 1024);
    for (const std::uint8_t compression : {none, zlib, zstd}) {
        const Bytes bytes = serialized(CiphertextFields{}.body(), compression);
        for (const std::size_t free : {std::size_t{0}, std::size_t{1000}, full_words_bytes - 1}) {
            const std::size_t other = budget.limit() - free;
            ASSERT_TRUE(budget.try_take(other));
            EXPECT_EQ(verdict(parse_every_way(bytes, limits_with(budget))), overloaded);
            EXPECT_EQ(budget.used(), other);
            budget.give_back(other);
        }
        EXPECT_EQ(verdict(parse_every_way(bytes, limits_with(budget))), accepted);
        EXPECT_EQ(budget.used(), 0U);
    }
}

TEST(Memory, AnyBudgetGivesOneVerdictInEveryChunking) {
    const Bytes body = CiphertextFields{}.body();
    // Frames whose fault libzstd may see before or after it hands out the body's beginning.
    const Bytes shorter(body.begin(), body.end() - 1);
    const Bytes one_block = StoredFrame{.content_size = body.size()}.around(shorter);
    Bytes two_blocks = StoredFrame{.block_size = 97}.around(body);
    two_blocks[9 + 3 + 97] |= 0x06;  // the second is of the reserved type
    const Bytes objects[] = {serialized(body, none), serialized(body, zlib), serialized(body, zstd),
                             with_header(one_block, 1, zstd), with_header(two_blocks, 1, zstd)};
    for (const Bytes& bytes : objects) {
        for (std::size_t limit = 0; limit < 500000; limit += 9973) {
            MemoryBudget budget(limit);
            const auto in_chunks_of = [&](std::size_t size) {
                return verdict(parse_in_chunks(bytes, limits_with(budget), [size] { return size; }));
            };
            const std::string_view whole = in_chunks_of(bytes.size());
            for (const std::size_t size : {1, 16, 17, 100, 113, 129, 5000}) EXPECT_EQ(in_chunks_of(size), whole);
            EXPECT_EQ(budget.used(), 0U);
        }
    }
}

TEST(Memory, LyingSizesTakeNothing) {
    // Were anything taken for these, the answer would be OVERLOADED.
    MemoryBudget empty(0);
    std::vector<Bytes> lies;
    const auto lie = [&](std::size_t offset, std::uint64_t value) {
        lies.push_back(CiphertextFields{}.serialize());
        patch(lies.back(), offset, value);
    };
    for (const std::uint64_t size :
         {std::uint64_t{113}, std::uint64_t{1} << 20, std::uint64_t{1} << 34, ~std::uint64_t{0}})
        lie(at::object_size, size);
    for (const std::uint64_t count : {std::uint64_t{1} << 28, std::uint64_t{1} << 61}) lie(at::word_count, count);
    lie(at::poly_modulus_degree, 32768);
    lie(at::coeff_modulus_size, 64);
    lie(at::size, 16);
    lies.push_back(
        CiphertextFields{.poly_modulus_degree = 32768, .coeff_modulus_size = 64, .word_count = 0}.serialize());
    for (const Bytes& bytes : lies) EXPECT_EQ(verdict(parse_every_way(bytes, limits_with(empty))), invalid_ciphertext);
    EXPECT_EQ(verdict(parse_every_way(CiphertextFields{}.serialize(), limits_with(empty))), overloaded);
}

TEST(Memory, HugeClaimsOfZstdContentTakeNothing) {
    MemoryBudget empty(0);
    for (int bits = 17; bits < 64; ++bits) {
        const StoredFrame frame{.descriptor = 0xE0, .content_size = std::uint64_t{1} << bits, .content_size_bytes = 8};
        const Bytes bytes = with_header(frame.around(CiphertextFields{}.body()), 1, zstd);
        EXPECT_EQ(verdict(parse_every_way(bytes, limits_with(empty))), invalid_ciphertext);
    }
}

TEST(Memory, ZstdContentIsComparedBeforeWordsAreTaken) {
    const Bytes body = CiphertextFields{}.body();
    const Bytes lie = with_header(StoredFrame{.content_size = body.size() + 1}.around(body), 1, zstd);
    const auto limits = [](MemoryBudget& budget) {
        auto wide = limits_with(budget);
        wide.max_words *= 2;
        return wide;
    };
    MemoryBudget ample(1 << 20);
    wire::CiphertextParser parser(limits(ample));
    parser.feed(std::span(lie).first(16 + 9));
    ASSERT_GT(ample.used(), 0U);

    MemoryBudget for_decompressor_only(ample.used());
    EXPECT_EQ(verdict(parse_every_way(serialized(body, zstd), limits(for_decompressor_only))), overloaded);
    EXPECT_EQ(verdict(parse_every_way(lie, limits(for_decompressor_only))), invalid_ciphertext);
}

TEST(Bombs, CostNothing) {
    const Bytes body = CiphertextFields{}.body();
    const struct {
        const char* name;
        Bytes bytes;
    } bombs[] = {
        {"zlib, behind a ciphertext", with_header(zlib_bomb(body), 1, zlib)},
        {"zlib, only zeros", with_header(zlib_bomb({}), 1, zlib)},
        {"zstd, honest size", with_header(zstd_bomb(body, body.size() + gibibyte), 1, zstd)},
        {"zstd, the ciphertext's size", with_header(zstd_bomb(body, body.size()), 1, zstd)},
        {"zstd, only zeros", with_header(zstd_bomb({}, full_words_bytes), 1, zstd)},
    };
    MemoryBudget budget(1 << 20);
    auto limits = limits_with(budget);
    for (const auto& [name, bytes] : bombs) {
        SCOPED_TRACE(name);
        ASSERT_LT(bytes.size(), limits.max_serialized_bytes);
        const PeakMemory peak;
        EXPECT_EQ(verdict(wire::parse_ciphertext(bytes, limits)), invalid_ciphertext);
        EXPECT_EQ(verdict(parse_in_chunks(bytes, limits, [] { return std::size_t{1000}; })), invalid_ciphertext);
        EXPECT_EQ(budget.used(), 0U);
        if (const auto growth = peak.growth()) {
            EXPECT_LT(*growth, std::size_t{4} << 20);
        }
    }
}

TEST(Memory, ManyAbandonedUploadsKeepNothing) {
    MemoryBudget budget(64 << 20);
    const Bytes bytes = serialized(CiphertextFields{}.body(), zstd);
    std::vector<wire::CiphertextParser> parsers;
    for (int i = 0; i < 50; ++i) {
        parsers.emplace_back(limits_with(budget)).feed(std::span(bytes).first(bytes.size() / 2));
    }
    EXPECT_GT(budget.used(), 0U);
    parsers.clear();
    EXPECT_EQ(budget.used(), 0U);
}

}  // namespace
}  // namespace einfer::test
