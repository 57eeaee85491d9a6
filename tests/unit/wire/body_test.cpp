// The fields of a ciphertext's body.
#include "unit/wire/compressed.h"
#include "unit/wire/verdicts.h"

#include <functional>
#include <limits>

namespace einfer::test {
namespace {

struct Mutation {
    const char* name;
    std::function<void(Bytes&)> apply;  ///< on the uncompressed object, outer header included
};

template <class T>
std::function<void(Bytes&)> put(std::size_t offset, T value) {
    return [offset, value](Bytes& bytes) { patch(bytes, offset, value); };
}

/// Replaces the whole object.
std::function<void(Bytes&)> be(const CiphertextFields& fields) {
    return [fields](Bytes& bytes) { bytes = fields.serialize(); };
}

using Double = std::numeric_limits<double>;

const std::vector<Mutation> body_mutations{
    {"ntt 0", put<std::uint8_t>(at::is_ntt_form, 0)},
    {"ntt 2", put<std::uint8_t>(at::is_ntt_form, 2)},
    {"ntt 0x7f", put<std::uint8_t>(at::is_ntt_form, 0x7f)},
    {"ntt 0xff", put<std::uint8_t>(at::is_ntt_form, 0xff)},
    {"size 0", put<std::uint64_t>(at::size, 0)},
    {"size 1", put<std::uint64_t>(at::size, 1)},
    {"size 3", put<std::uint64_t>(at::size, 3)},
    {"size 16", put<std::uint64_t>(at::size, 16)},
    {"size 2^63", put<std::uint64_t>(at::size, std::uint64_t{1} << 63)},
    {"size 2^64-1", put<std::uint64_t>(at::size, ~std::uint64_t{0})},
    {"the 113 bytes of size 0", be({.size = 0, .word_count = 0})},
    {"the 113 bytes of nothing", be({.size = 0, .poly_modulus_degree = 0, .coeff_modulus_size = 0, .word_count = 0})},
    {"size 1, consistent", be({.size = 1})},
    {"size 3, consistent", be({.size = 3})},
    {"size 16, consistent", be({.size = 16})},
    {"N 0", put<std::uint64_t>(at::poly_modulus_degree, 0)},
    {"N 512, consistent", be({.poly_modulus_degree = 512})},
    {"N 1023", put<std::uint64_t>(at::poly_modulus_degree, 1023)},
    {"N 1025, consistent", be({.poly_modulus_degree = 1025})},
    {"N 1536, consistent", be({.poly_modulus_degree = 1536, .coeff_modulus_size = 1})},
    {"N 2048", put<std::uint64_t>(at::poly_modulus_degree, 2048)},
    {"N 65536", put<std::uint64_t>(at::poly_modulus_degree, 65536)},
    {"N 2^32", put<std::uint64_t>(at::poly_modulus_degree, std::uint64_t{1} << 32)},
    {"N 2^63", put<std::uint64_t>(at::poly_modulus_degree, std::uint64_t{1} << 63)},
    {"L 0", put<std::uint64_t>(at::coeff_modulus_size, 0)},
    {"L 0, consistent", be({.coeff_modulus_size = 0})},
    {"L 1", put<std::uint64_t>(at::coeff_modulus_size, 1)},
    {"L 3", put<std::uint64_t>(at::coeff_modulus_size, 3)},
    {"L 3, consistent but over max_words", be({.coeff_modulus_size = 3})},
    {"L 65", put<std::uint64_t>(at::coeff_modulus_size, 65)},
    {"L 2^61", put<std::uint64_t>(at::coeff_modulus_size, std::uint64_t{1} << 61)},
    {"product overflows to the honest count",
     [](Bytes& bytes) {
         patch(bytes, at::size, std::uint64_t{2} | std::uint64_t{1} << 53);
         patch(bytes, at::poly_modulus_degree, std::uint64_t{1024});
     }},
    {"scale NaN", put(at::scale, Double::quiet_NaN())},
    {"scale signalling NaN", put(at::scale, Double::signaling_NaN())},
    {"scale inf", put(at::scale, Double::infinity())},
    {"scale -inf", put(at::scale, -Double::infinity())},
    {"scale -1", put(at::scale, -1.0)},
    {"scale 0", put(at::scale, 0.0)},
    {"scale -0", put(at::scale, -0.0)},
    {"scale denormal", put(at::scale, Double::denorm_min())},
    {"scale largest denormal", put<std::uint64_t>(at::scale, (std::uint64_t{1} << 52) - 1)},
    {"correction factor 0", put<std::uint64_t>(at::correction_factor, 0)},
    {"correction factor 2", put<std::uint64_t>(at::correction_factor, 2)},
    {"nested magic", put<std::uint8_t>(at::words_header, 0)},
    {"nested header size", put<std::uint8_t>(at::words_header + at::header_size, 17)},
    {"nested major", put<std::uint8_t>(at::words_header + at::major, 3)},
    {"nested minor", put<std::uint8_t>(at::words_header + at::minor, 2)},
    {"nested compression zlib", put<std::uint8_t>(at::words_header + at::compression, 1)},
    {"nested compression zstd", put<std::uint8_t>(at::words_header + at::compression, 2)},
    {"nested reserved", put<std::uint8_t>(at::words_header + at::reserved, 1)},
    {"nested size one less", put<std::uint64_t>(at::words_header + at::object_size, 24 + 8 * 4096 - 1)},
    {"nested size one more", put<std::uint64_t>(at::words_header + at::object_size, 24 + 8 * 4096 + 1)},
    {"nested size without its header", put<std::uint64_t>(at::words_header + at::object_size, 8 + 8 * 4096)},
    {"nested size 0", put<std::uint64_t>(at::words_header + at::object_size, 0)},
    {"nested size 2^34", put<std::uint64_t>(at::words_header + at::object_size, std::uint64_t{1} << 34)},
    {"n 0", put<std::uint64_t>(at::word_count, 0)},
    {"n one less, consistent", be({.word_count = 4095})},
    {"n one more, consistent", be({.word_count = 4097})},
    {"n of no polynomial, consistent", be({.word_count = 0})},
    {"n 2^61", put<std::uint64_t>(at::word_count, std::uint64_t{1} << 61)},
    {"n says seeded, no seed", be({.word_count = 2048})},
    {"seeded of size 3", be({.size = 3, .word_count = 2048, .seeded = true})},
    {"full with a seed", be({.word_count = 4096, .seeded = true})},
    {"a third polynomial behind",
     [](Bytes& bytes) {
         bytes.resize(bytes.size() + 8 * 2048, 1);
         patch<std::uint64_t>(bytes, at::object_size, bytes.size());
     }},
};

constexpr std::size_t seed_at = at::words + 8 * 2048;

const std::vector<Mutation> seed_mutations{
    {"generator 0", put<std::uint8_t>(seed_at + 16, 0)},
    {"generator 3", put<std::uint8_t>(seed_at + 16, 3)},
    {"generator 255", put<std::uint8_t>(seed_at + 16, 255)},
    {"seed magic", put<std::uint8_t>(seed_at, 0)},
    {"seed minor", put<std::uint8_t>(seed_at + at::minor, 4)},
    {"seed compression", put<std::uint8_t>(seed_at + at::compression, 2)},
    {"seed reserved", put<std::uint8_t>(seed_at + at::reserved, 1)},
    {"seed size 80", put<std::uint64_t>(seed_at + at::object_size, 80)},
    {"seed size 82", put<std::uint64_t>(seed_at + at::object_size, 82)},
    {"seed one byte short",
     [](Bytes& bytes) {
         bytes.pop_back();
         patch<std::uint64_t>(bytes, at::object_size, bytes.size());
     }},
    {"seed one byte long",
     [](Bytes& bytes) {
         bytes.push_back(0);
         patch<std::uint64_t>(bytes, at::object_size, bytes.size());
     }},
    {"seed missing",
     [](Bytes& bytes) {
         bytes.resize(seed_at);
         patch<std::uint64_t>(bytes, at::object_size, bytes.size());
     }},
    {"size 3 with a seed", put<std::uint64_t>(at::size, 3)},
};

/// Applies to the uncompressed object, compresses what came out, expects a refusal.
void expect_refused(const std::vector<Mutation>& mutations, const CiphertextFields& fields,
                    const wire::ParserLimits& limits) {
    for (const std::uint8_t compression : {none, zlib, zstd}) {
        ASSERT_EQ(verdict(parse_every_way(serialized(fields.body(), compression), limits)), accepted);
        for (const auto& [name, apply] : mutations) {
            SCOPED_TRACE(testing::Message() << name << ", compression " << int{compression});
            Bytes bytes = fields.serialize();
            apply(bytes);
            if (compression != none) bytes = serialized(Bytes(bytes.begin() + 16, bytes.end()), compression);
            auto wide = limits;
            wide.max_serialized_bytes = std::max(limits.max_serialized_bytes, bytes.size());
            EXPECT_EQ(verdict(parse_every_way(bytes, wide)), invalid_ciphertext);
        }
    }
}

TEST(CiphertextBody, EveryMutationIsInvalid) { expect_refused(body_mutations, {}, small_limits()); }

TEST(CiphertextBody, EveryMutationOfASeededOneIsInvalid) {
    expect_refused(seed_mutations, {.seeded = true}, small_limits());
    auto limits = small_limits();
    limits.max_size = 3;
    limits.max_words = 3 * 2048;
    expect_refused(seed_mutations, {.seeded = true}, limits);
}

TEST(CiphertextBody, IsReadAsItIs) {
    CiphertextFields fields;
    const auto full = parse_every_way(fields.serialize(), small_limits());
    ASSERT_TRUE(full);
    EXPECT_EQ(full->parms_id, (wire::ParmsId{11, 12, 13, 14}));
    EXPECT_EQ(full->size, 2U);
    EXPECT_EQ(full->poly_modulus_degree, 1024U);
    EXPECT_EQ(full->coeff_modulus_size, 2U);
    EXPECT_EQ(full->scale, 1099511627776.0);
    EXPECT_FALSE(full->seed);
    ASSERT_EQ(full->words.size(), 4096U);
    for (std::size_t i = 0; i < 4096; ++i) ASSERT_EQ(full->words.data()[i], CiphertextFields::word(i));

    for (const std::uint8_t generator : {1, 2}) {
        const auto seeded =
            parse_every_way(CiphertextFields{.seeded = true, .generator = generator}.serialize(), small_limits());
        ASSERT_TRUE(seeded);
        EXPECT_EQ(seeded->words.size(), 2048U);
        ASSERT_TRUE(seeded->seed);
        EXPECT_EQ(seeded->seed->generator, generator);
        for (std::uint8_t i = 0; i < 64; ++i) EXPECT_EQ(seeded->seed->bytes[i], i);
    }
}

TEST(CiphertextBody, ScaleMayBeAnyNormalNumber) {
    for (const double scale : {Double::min(), 0.5, 1.0, 1e308, Double::max()}) {
        const auto result = parse_every_way(CiphertextFields{.scale = scale}.serialize(), small_limits());
        ASSERT_TRUE(result);
        EXPECT_EQ(result->scale, scale);
    }
}

TEST(CiphertextBody, ResultsMayHaveThreePolynomials) {
    const Bytes three = CiphertextFields{.size = 3}.serialize();
    auto limits = small_limits();
    limits.max_serialized_bytes = three.size();
    limits.max_words = std::size_t{1} << 20;
    EXPECT_EQ(verdict(parse_every_way(three, limits)), invalid_ciphertext);
    limits.max_size = 3;
    limits.max_words = 3 * 2048;
    EXPECT_EQ(verdict(parse_every_way(three, limits)), accepted);
    EXPECT_EQ(verdict(parse_every_way(CiphertextFields{}.serialize(), limits)), accepted);
    limits.max_words = 3 * 2048 - 1;
    EXPECT_EQ(verdict(parse_every_way(three, limits)), invalid_ciphertext);
    limits.min_size = 3;
    limits.max_words = 3 * 2048;
    EXPECT_EQ(verdict(parse_every_way(CiphertextFields{}.serialize(), limits)), invalid_ciphertext);
    // SEAL knows no ciphertext of fewer than two, whatever the caller allows.
    limits.min_size = 0;
    EXPECT_EQ(verdict(parse_every_way(CiphertextFields{.size = 1}.serialize(), limits)), invalid_ciphertext);
    EXPECT_EQ(verdict(parse_every_way(CiphertextFields{.size = 0}.serialize(), limits)), invalid_ciphertext);
}

TEST(CiphertextBody, LimitsOfTheFormatAreReached) {
    for (const auto& [degree, primes] : {std::pair{1024U, 1U}, {1024U, 64U}, {32768U, 2U}}) {
        const Bytes bytes = CiphertextFields{.poly_modulus_degree = degree, .coeff_modulus_size = primes}.serialize();
        EXPECT_EQ(bytes.size(), wire::serialized_size(2, degree, primes));
        EXPECT_EQ(verdict(wire::parse_ciphertext(
                      bytes, {.max_serialized_bytes = bytes.size(), .max_words = std::size_t{2} * degree * primes})),
                  accepted);
    }
}

}  // namespace
}  // namespace einfer::test
