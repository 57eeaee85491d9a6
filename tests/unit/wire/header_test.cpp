// The outer header, and the lengths that it promises.
#include "unit/wire/compressed.h"
#include "unit/wire/verdicts.h"

#include <functional>

namespace einfer::test {
namespace {

struct Mutation {
    const char* name;
    std::function<void(Bytes&)> apply;
};

template <class T>
std::function<void(Bytes&)> put(std::size_t offset, T value) {
    return [offset, value](Bytes& bytes) { patch(bytes, offset, value); };
}

std::function<void(Bytes&)> add_to_size(std::int64_t difference) {
    return [difference](Bytes& bytes) {
        patch(bytes, at::object_size,
              peek<std::uint64_t>(bytes, at::object_size) + static_cast<std::uint64_t>(difference));
    };
}

const std::vector<Mutation> header_mutations{
    {"magic", put<std::uint16_t>(at::magic, 0xA15F)},
    {"magic swapped", put<std::uint16_t>(at::magic, 0x5EA1)},
    {"magic zero", put<std::uint16_t>(at::magic, 0)},
    {"header size 0", put<std::uint8_t>(at::header_size, 0)},
    {"header size 15", put<std::uint8_t>(at::header_size, 15)},
    {"header size 17", put<std::uint8_t>(at::header_size, 17)},
    {"major 3", put<std::uint8_t>(at::major, 3)},
    {"major 5", put<std::uint8_t>(at::major, 5)},
    {"minor 5", put<std::uint8_t>(at::minor, 5)},
    {"minor 255", put<std::uint8_t>(at::minor, 255)},
    {"compression 3", put<std::uint8_t>(at::compression, 3)},
    {"compression 255", put<std::uint8_t>(at::compression, 255)},
    {"reserved low", put<std::uint8_t>(at::reserved, 1)},
    {"reserved high", put<std::uint8_t>(at::reserved + 1, 0x80)},
    {"size 0", put<std::uint64_t>(at::object_size, 0)},
    {"size 15", put<std::uint64_t>(at::object_size, 15)},
    {"size 16", put<std::uint64_t>(at::object_size, 16)},
    {"size 17", put<std::uint64_t>(at::object_size, 17)},
    {"size one less", add_to_size(-1)},
    {"size one more", add_to_size(1)},
    {"size 2^34", put<std::uint64_t>(at::object_size, std::uint64_t{1} << 34)},
    {"size 2^63", put<std::uint64_t>(at::object_size, std::uint64_t{1} << 63)},
    {"size 2^64-1", put<std::uint64_t>(at::object_size, ~std::uint64_t{0})},
    {"one byte more", [](Bytes& bytes) { bytes.push_back(0); }},
    {"one byte less", [](Bytes& bytes) { bytes.pop_back(); }},
    {"a second object", [](Bytes& bytes) { bytes.insert(bytes.end(), bytes.begin(), bytes.begin() + 200); }},
    {"a 3.4 header",
     [](Bytes& bytes) {  // u16 magic, u8 zero, u8 compression, u32 size, then the data
         const Bytes legacy{0x5E, 0xA1, 0, 0};
         std::copy(legacy.begin(), legacy.end(), bytes.begin());
     }},
};

TEST(SealHeader, EveryMutationIsInvalid) {
    for (const std::uint8_t compression : {none, zlib, zstd}) {
        for (const bool seeded : {false, true}) {
            const Bytes honest = serialized(CiphertextFields{.seeded = seeded}.body(), compression);
            ASSERT_EQ(verdict(parse_every_way(honest, small_limits())), accepted);
            for (const auto& [name, apply] : header_mutations) {
                SCOPED_TRACE(testing::Message()
                             << name << ", compression " << int{compression} << ", seeded " << seeded);
                Bytes bytes = honest;
                apply(bytes);
                EXPECT_EQ(verdict(parse_every_way(bytes, small_limits())), invalid_ciphertext);
            }
        }
    }
}

TEST(SealHeader, EveryTruncationIsInvalid) {
    for (const std::uint8_t compression : {none, zlib, zstd}) {
        for (const bool seeded : {false, true}) {
            const Bytes honest = serialized(CiphertextFields{.seeded = seeded}.body(), compression);
            for (std::size_t length = 0; length < honest.size(); length += length < 300 ? 1 : 997) {
                SCOPED_TRACE(length);
                const auto cut = std::span(honest).first(length);
                ASSERT_EQ(verdict(wire::parse_ciphertext(cut, small_limits())), invalid_ciphertext);
            }
            for (std::size_t missing = 1; missing <= 90; ++missing) {
                Bytes cut(honest.begin(), honest.end() - static_cast<std::ptrdiff_t>(missing));
                ASSERT_EQ(verdict(wire::parse_ciphertext(cut, small_limits())), invalid_ciphertext);
                // A size that agrees with the cut must not help.
                patch<std::uint64_t>(cut, at::object_size, cut.size());
                ASSERT_EQ(verdict(wire::parse_ciphertext(cut, small_limits())), invalid_ciphertext);
            }
        }
    }
}

TEST(SealHeader, AllMinorsOf4AreReadAndKept) {
    for (std::uint8_t minor = 0; minor <= 4; ++minor) {
        for (const std::uint8_t compression : {none, zlib, zstd}) {
            for (const bool seeded : {false, true}) {
                const Bytes bytes =
                    serialized(CiphertextFields{.minor = minor, .seeded = seeded}.body(), compression, minor);
                const auto result = parse_every_way(bytes, small_limits());
                ASSERT_EQ(verdict(result), accepted);
                EXPECT_EQ(result->seal_minor, minor);
            }
        }
    }
}

TEST(SealHeader, OtherMinorsAreInvalidEvenEverywhere) {
    for (const std::uint8_t minor : {5, 6, 255}) {
        for (const std::uint8_t compression : {none, zlib, zstd}) {
            const Bytes bytes = serialized(CiphertextFields{.minor = minor}.body(), compression, minor);
            EXPECT_EQ(verdict(parse_every_way(bytes, small_limits())), invalid_ciphertext);
        }
    }
}

TEST(SealHeader, LabelMustMatchTheContent) {
    const Bytes body = CiphertextFields{}.body();
    const Bytes contents[] = {body, deflated(body), zstd_compressed(body)};
    for (std::uint8_t content = 0; content < 3; ++content) {
        for (std::uint8_t label = 0; label < 3; ++label) {
            EXPECT_EQ(verdict(parse_every_way(with_header(contents[content], 1, label), small_limits())),
                      label == content ? accepted : invalid_ciphertext);
        }
    }
}

TEST(Length, MoreThanTheLimitIsTooLargeWhateverElseIsWrong) {
    const Bytes honest = CiphertextFields{}.serialize();
    auto limits = small_limits();
    limits.max_serialized_bytes = honest.size();
    EXPECT_EQ(verdict(parse_every_way(honest, limits)), accepted);
    limits.max_serialized_bytes = honest.size() - 1;
    EXPECT_EQ(verdict(parse_every_way(honest, limits)), payload_too_large);

    limits.max_serialized_bytes = 1000;
    EXPECT_EQ(verdict(parse_every_way(Bytes(1000, 0), limits)), invalid_ciphertext);
    EXPECT_EQ(verdict(parse_every_way(Bytes(1001, 0), limits)), payload_too_large);
    EXPECT_EQ(verdict(parse_every_way(Bytes(5000, 0xFF), limits)), payload_too_large);
    limits.max_serialized_bytes = 0;
    EXPECT_EQ(verdict(parse_every_way(Bytes{}, limits)), invalid_ciphertext);
    EXPECT_EQ(verdict(parse_every_way(Bytes(1, 0), limits)), payload_too_large);
}

TEST(Length, DeclaringMoreThanTheLimitIsMerelyInvalid) {
    Bytes bytes = CiphertextFields{}.serialize();
    patch(bytes, at::object_size, std::uint64_t{1} << 40);
    EXPECT_EQ(verdict(parse_every_way(bytes, small_limits())), invalid_ciphertext);
}

TEST(Messages, ShowNoInput) {
    // The same fault with other bytes has the same words.
    for (std::size_t offset = 0; offset < at::words; ++offset) {
        Bytes one = CiphertextFields{}.serialize(), other = one;
        one[offset] = 0xEE;
        other[offset] = 0xDD;
        const auto a = wire::parse_ciphertext(one, small_limits()), b = wire::parse_ciphertext(other, small_limits());
        if (a || b) continue;  // parms_id and mantissa bits of the scale are free here
        EXPECT_EQ(a.error().message, b.error().message) << offset;
        EXPECT_LT(a.error().message.size(), 160U);
        for (const auto& [key, value] : a.error().details) EXPECT_EQ(key, "field");
    }
}

}  // namespace
}  // namespace einfer::test
