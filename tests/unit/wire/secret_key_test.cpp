// A secret key sent by mistake: refused, its owner warned, and nothing of it kept.
#include "unit/wire/compressed.h"
#include "unit/wire/oracle.h"
#include "unit/wire/process_memory.h"
#include "unit/wire/verdicts.h"
#include "wire/evaluation_keys.h"

#include <fcntl.h>
#include <string.h>  // explicit_bzero
#include <unistd.h>

#include <cstdio>

namespace einfer::test {
namespace {

template <class T>
bool warns(const Result<T>& result) {
    return !result && result.error().message.find("never send it") != std::string::npos &&
           result.error().message.find("new keys") != std::string::npos;
}

TEST(SecretKey, IsRefusedWithAWarning) {
    Oracle oracle;
    auto wide = oracle.limits();
    wide.max_serialized_bytes *= 2;
    for (const auto& limits : {oracle.limits(), wide}) {
        for (const auto mode :
             {seal::compr_mode_type::none, seal::compr_mode_type::zlib, seal::compr_mode_type::zstd}) {
            const auto result = parse_every_way(saved(oracle.keys().secret_key(), mode), limits);
            EXPECT_EQ(verdict(result), invalid_ciphertext);
            EXPECT_TRUE(warns(result));
        }
    }
}

TEST(SecretKey, OfOtherParametersToo) {
    Oracle large({40, 30, 30, 40}, 8192), small({40, 40}, 1024);
    const auto limits = small.limits();
    for (const Bytes& bytes : {saved(large.keys().secret_key()), saved(small.keys().secret_key())}) {
        // Longer than the limit, and still the warning rather than the length.
        const auto result = parse_every_way(bytes, limits);
        EXPECT_EQ(verdict(result), invalid_ciphertext);
        EXPECT_TRUE(warns(result));
    }
}

TEST(SecretKey, WhenCutOff) {
    Oracle oracle;
    Bytes bytes = saved(oracle.keys().secret_key());
    for (const std::size_t length : {80, 90, 112, 113, 200}) {
        bytes.resize(length);
        EXPECT_TRUE(warns(parse_every_way(bytes, oracle.limits())));
    }
}

TEST(SecretKey, PlaintextsLookTheSame) {
    const Oracle oracle;
    EXPECT_TRUE(warns(parse_every_way(saved(oracle.plain()), oracle.limits())));
}

/// Is handed nothing of a secret key.
class NoKeys final : public wire::KeySink {
public:
    wire::MaybeFault begin_key(std::uint32_t) override { return fail(); }
    wire::MaybeFault words(std::span<const std::uint8_t>) override { return fail(); }
    wire::MaybeFault seed(const wire::Seed&) override { return fail(); }

private:
    static wire::MaybeFault fail() {
        ADD_FAILURE() << "the sink was handed something";
        return std::nullopt;
    }
};

// Sanitizers keep freed memory on purpose.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)

/// A word of a key, never stored as such but where a test puts it.
std::uint64_t secret_word(std::uint64_t index) { return (index + 0x51EA1) * 0x9E3779B97F4A7C15; }

/// How often a word of the key is found in the writable memory of this process, stacks left out.
std::size_t copies_in_memory(std::uint64_t index) {
    const int memory = open("/proc/self/mem", O_RDONLY | O_CLOEXEC);
    std::ifstream maps("/proc/self/maps");
    static std::array<std::uint8_t, 1 << 16> window;
    std::size_t copies = 0;
    for (std::string line; std::getline(maps, line);) {
        unsigned long from = 0, to = 0;
        char access[5] = {};
        if (std::sscanf(line.c_str(), "%lx-%lx %4s", &from, &to, access) != 3 || access[1] != 'w') continue;
        if (line.find("[stack]") != std::string::npos) continue;
        for (auto at = from; at < to; at += window.size()) {
            const auto got = pread(memory, window.data(), window.size(), static_cast<off_t>(at));
            for (ssize_t i = 0; i + 8 <= got; ++i) {
                std::uint64_t word = 0;
                std::memcpy(&word, window.data() + i, sizeof word);
                const auto* const here = reinterpret_cast<const std::uint8_t*>(at) + i;
                const bool in_window = here >= window.data() && here < window.data() + window.size();
                if (word == secret_word(index) && !in_window) ++copies;
            }
            explicit_bzero(window.data(), window.size());
        }
    }
    close(memory);
    return copies;
}

/// A SecretKey's bytes with words of `secret_word`, as one allocation, so that wiping it leaves no other copy.
void put_secret_key(Bytes& bytes, std::uint64_t words) {
    for (int i = 0; i < 4; ++i) append<std::uint64_t>(bytes, 5);
    append(bytes, words);
    append(bytes, 1.0);
    append_header(bytes, 1, 0, 24 + 8 * words);
    append(bytes, words);
    for (std::uint64_t i = 0; i < words; ++i) append(bytes, secret_word(i));
}

TEST(SecretKey, LeavesNothingInMemory) {
    ASSERT_EQ(access("/proc/self/mem", R_OK), 0) << "the test reads its own memory";
    constexpr std::uint64_t words = 1024 * 4;
    constexpr std::size_t size = 72 + 8 * words;
    for (const std::uint8_t compression : {none, zlib, zstd}) {
        SCOPED_TRACE(int{compression});
        // Stored blocks, so that no compressor of the test sees the key.
        Bytes bytes;
        bytes.reserve(size + 100);
        const std::size_t around = compression == none ? 0 : compression == zlib ? 2 + 5 + 4 : 9 + 3;
        append_header(bytes, 1, compression, 16 + size + around);
        if (compression == zlib) {
            for (const std::uint8_t byte : {0x78, 0x01, 0x01}) append(bytes, byte);
            append(bytes, static_cast<std::uint16_t>(size));
            append(bytes, static_cast<std::uint16_t>(~size));
        } else if (compression == zstd) {
            append(bytes, std::uint32_t{0xFD2FB528});
            append(bytes, std::uint8_t{0xA0});
            append(bytes, static_cast<std::uint32_t>(size));
            StoredFrame::append_block_header(bytes, true, 0, size);
        }
        put_secret_key(bytes, words);
        if (compression == zlib) append<std::uint32_t>(bytes, 0);
        ASSERT_EQ(bytes.size(), 16 + size + around);

        wire::ParserLimits limits{.max_serialized_bytes = 100000, .max_words = 2 * words};
        wire::CiphertextParser parser(limits);
        const std::uint64_t primes[] = {1, 1, 1};
        NoKeys sink;
        wire::EvaluationKeysParser keys_parser(wire::KeyKind::relinearization,
                                               {.poly_modulus_degree = 1024, .primes = primes}, sink);
        for (std::size_t from = 0; from < bytes.size(); from += 500) {
            const auto piece = std::span(bytes).subspan(from, std::min<std::size_t>(500, bytes.size() - from));
            parser.feed(piece);
            keys_parser.feed(piece);
        }
        EXPECT_GE(copies_in_memory(2), 1U) << "the scan finds the caller's copy";
        explicit_bzero(bytes.data(), bytes.size());
        for (const std::uint64_t index : {0, 1, 2, 10, 100, 1000}) EXPECT_EQ(copies_in_memory(index), 0U) << index;
        EXPECT_TRUE(warns(parser.finish()));
        EXPECT_TRUE(warns(keys_parser.finish()));
    }
}

#endif

TEST(SecretKey, WhatOnlyBeginsLikeOneGivesNoWarning) {
    // The nested header of a secret key, wrong in its size and in its major version.
    for (const auto& [size, major] : {std::pair{17, 4}, std::pair{16, 3}}) {
        Bytes bytes = CiphertextFields{}.serialize();
        patch<std::uint16_t>(bytes, 16 + 48, 0xA15E);
        bytes[16 + 50] = static_cast<std::uint8_t>(size);
        bytes[16 + 51] = static_cast<std::uint8_t>(major);
        const auto result = parse_every_way(bytes, small_limits());
        EXPECT_EQ(verdict(result), invalid_ciphertext);
        EXPECT_FALSE(warns(result));
    }
}

}  // namespace
}  // namespace einfer::test
