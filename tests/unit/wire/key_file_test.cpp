// Key files: what the parsers hand on comes back; damaged files are noticed before memory is taken for their keys.
#include "wire/key_file.h"
#include "unit/wire/keys_verdicts.h"

namespace einfer::test {
namespace {

wire::KeyFileHeader header_of(const KeysOracle& world, bool relinearization) {
    const wire::KeyRules rules = world.rules();
    return {.poly_modulus_degree = rules.poly_modulus_degree,
            .primes = rules.primes.size(),
            .key_parms_id = rules.key_parms_id,
            .relinearization = relinearization,
            .galois_elements = world.elements()};
}

/// Through parsers in chunks into a file in memory.
Bytes write_file(KeysOracle& world, const std::vector<std::pair<KeyKind, Bytes>>& objects, std::size_t chunk,
                 bool relinearization = true) {
    Bytes file;
    wire::KeyFileWriter writer(header_of(world, relinearization),
                               [&file](std::span<const std::uint8_t> bytes) -> wire::MaybeFault {
                                   file.insert(file.end(), bytes.begin(), bytes.end());
                                   return std::nullopt;
                               });
    EXPECT_FALSE(writer.begin());
    for (const auto& [kind, bytes] : objects) {
        EXPECT_FALSE(writer.is_complete());
        EXPECT_EQ(text_of(parse_keys_in_chunks(kind, bytes, world.rules(), writer, nullptr, [&] { return chunk; })),
                  "OK");
    }
    EXPECT_TRUE(writer.is_complete());
    return file;
}

wire::KeyFileReader::Source source_of(const Bytes& file) {
    return [&file, at = std::size_t{0}](std::span<std::uint8_t> to) mutable {
        if (to.size() > file.size() - at) return false;
        std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(at), to.size(), to.begin());
        at += to.size();
        return true;
    };
}

Result<wire::KeyFileReader> open(const Bytes& file) { return wire::KeyFileReader::open(file.size(), source_of(file)); }

/// "OK", or the first error of reading all.
std::string read_all(const Bytes& file, std::vector<KeptKeys::Digit>* digits = nullptr) {
    auto reader = open(file);
    if (!reader) return text_of(reader);
    const std::size_t words = reader->header().poly_modulus_degree * reader->header().primes;
    std::vector<std::uint64_t> first(words), second(words);
    for (std::size_t i = 0; i < reader->keys() * reader->digits(); ++i) {
        const auto seed = reader->read_digit(first, second);
        if (!seed) return text_of(seed);
        if (digits == nullptr) continue;
        auto& digit = digits->emplace_back();
        const auto add = [&](const std::vector<std::uint64_t>& polynomial) {
            const auto* const bytes = reinterpret_cast<const std::uint8_t*>(polynomial.data());
            digit.words.insert(digit.words.end(), bytes, bytes + 8 * words);
        };
        add(first);
        if (!*seed) add(second);
        digit.seed = *seed;
    }
    EXPECT_EQ(code_of(reader->read_digit(first, second)), "INTERNAL") << "there is no more";
    return "OK";
}

TEST(KeyFile, WhatIsWrittenComesBack) {
    KeysOracle world;
    for (const bool seeded : {false, true}) {
        const std::vector<std::pair<KeyKind, Bytes>> objects{
            {KeyKind::relinearization, world.make(KeyKind::relinearization, seeded)},
            {KeyKind::galois, world.make(KeyKind::galois, !seeded)}};
        const Bytes file = write_file(world, objects, std::size_t{1} << 20);
        EXPECT_EQ(file, write_file(world, objects, 1)) << "however the keys came";
        EXPECT_EQ(file, write_file(world, objects, 1013));
        EXPECT_EQ(open(file)->header(), header_of(world, true));

        std::vector<KeptKeys::Digit> expected, digits;
        for (const auto& [kind, bytes] : objects) {
            KeptKeys kept(world.polynomial_words());
            ASSERT_TRUE(parse_keys_every_way(kind, bytes, world.rules(), kept));
            for (const auto& key : kept.keys) expected.insert(expected.end(), key.digits.begin(), key.digits.end());
        }
        EXPECT_EQ(read_all(file, &digits), "OK");
        EXPECT_TRUE(digits == expected);
    }
}

TEST(KeyFile, SizesAreTheBounds) {
    KeysOracle world;
    const auto header = header_of(world, true);
    const auto file = [&](bool seeded) {
        return write_file(world,
                          {{KeyKind::relinearization, world.make(KeyKind::relinearization, seeded)},
                           {KeyKind::galois, world.make(KeyKind::galois, seeded)}},
                          5000);
    };
    EXPECT_EQ(file(true).size(), wire::min_key_file_size(header));
    EXPECT_EQ(file(false).size(), wire::max_key_file_size(header));
}

TEST(KeyFile, MayHaveKeysOfOneKindOnly) {
    KeysOracle world;
    EXPECT_EQ(read_all(write_file(world, {{KeyKind::galois, world.make(KeyKind::galois, true)}}, 700, false)), "OK");
    KeysOracle none({30, 30, 40}, {});
    EXPECT_EQ(read_all(write_file(none, {{KeyKind::relinearization, none.make(KeyKind::relinearization, true)}}, 700)),
              "OK");
}

TEST(KeyFile, KeysInTheWrongOrderAreNotWritten) {
    KeysOracle world;
    wire::KeyFileWriter writer(header_of(world, true),
                               [](std::span<const std::uint8_t>) -> wire::MaybeFault { return std::nullopt; });
    ASSERT_FALSE(writer.begin());
    EXPECT_EQ(code_of(parse_keys_in_chunks(KeyKind::galois, world.make(KeyKind::galois, true), world.rules(), writer,
                                           nullptr, [] { return std::size_t{5000}; })),
              "INTERNAL");
    const Bytes relin = world.make(KeyKind::relinearization, true);
    const auto parse = [&] {
        return code_of(parse_keys_in_chunks(KeyKind::relinearization, relin, world.rules(), writer, nullptr,
                                            [] { return std::size_t{5000}; }));
    };
    EXPECT_EQ(parse(), "OK");
    EXPECT_EQ(parse(), "INTERNAL") << "twice";
    EXPECT_FALSE(writer.is_complete());
}

TEST(KeyFile, AFaultOfTheDiskIsTheVerdict) {
    KeysOracle world;
    const Bytes relin = world.make(KeyKind::relinearization, true);
    for (int room = 0; room < 12; ++room) {
        int calls = 0;
        wire::KeyFileWriter writer(header_of(world, true), [&](std::span<const std::uint8_t>) -> wire::MaybeFault {
            if (++calls > room) return wire::Fault{ErrorCode::Overloaded, "no room"};
            return std::nullopt;
        });
        if (writer.begin()) continue;
        const auto result = parse_keys_in_chunks(KeyKind::relinearization, relin, world.rules(), writer, nullptr,
                                                 [] { return std::size_t{1} << 20; });
        EXPECT_EQ(code_of(result), room >= 7 ? "OK" : "OVERLOADED");
    }
}

TEST(KeyFile, DamagedFilesAreInternalErrors) {
    KeysOracle world;
    const Bytes file = write_file(world,
                                  {{KeyKind::relinearization, world.make(KeyKind::relinearization, true)},
                                   {KeyKind::galois, world.make(KeyKind::galois, false)}},
                                  5000);
    ASSERT_EQ(read_all(file), "OK");
    const auto expect_damaged = [&](const Bytes& bytes, const std::string& what) {
        EXPECT_EQ(read_all(bytes), "INTERNAL: the stored evaluation keys are damaged") << what;
    };
    for (std::size_t length = 0; length < 70; ++length)
        expect_damaged(Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length)), "cut");
    for (const std::size_t less : {std::size_t{1}, std::size_t{64}, file.size() / 2})
        expect_damaged(Bytes(file.begin(), file.end() - static_cast<std::ptrdiff_t>(less)), "cut");
    Bytes longer = file;
    longer.push_back(0);
    expect_damaged(longer, "longer");
    // By one digit that nobody knows of.
    longer.resize(file.size() + 8 * world.polynomial_words() - 64);
    expect_damaged(longer, "longer");

    constexpr std::size_t magic = 0, version = 8, relinearization = 12, degree = 16, primes = 20, count = 56,
                          elements = 60;
    for (const auto& [offset, values] : std::vector<std::pair<std::size_t, std::vector<std::uint32_t>>>{
             {magic, {0}},
             {version, {0, 2}},
             {relinearization, {0, 2, 256, ~0u}},
             {degree, {0, 1, 1000, 2048, 1 << 30, ~0u}},
             {primes, {0, 1, 2, 4, 65, 1 << 30, ~0u}},
             {count, {0, 1, 3, 1024, 1025, 1 << 30, ~0u}},
             {elements, {0, 2, 4, world.elements()[1], 2049, ~0u}},
             {elements + 4, {0, 1, world.elements()[0], 2048, 2049}}})
        for (const std::uint32_t value : values) {
            Bytes bytes = file;
            patch(bytes, offset, value);
            expect_damaged(bytes, std::to_string(offset) + ": " + std::to_string(value));
        }
    const std::size_t polynomial = 8 * world.polynomial_words(), first_tag = 68 + polynomial;
    for (const std::uint8_t tag : {0, 3, 255}) {
        Bytes bytes = file;
        ASSERT_EQ(bytes[first_tag], 1);
        bytes[first_tag] = tag;
        expect_damaged(bytes, "tag");
    }
    Bytes bytes = file;
    const std::size_t full_tag = 68 + 3 * polynomial + 2 * 65;
    ASSERT_EQ(bytes[full_tag], 0);
    bytes[full_tag] = 1;
    expect_damaged(bytes, "a full digit said to be seeded");
}

TEST(KeyFile, RandomDamageNeverReadsBeyondTheFile) {
    KeysOracle world({40, 40}, {1});
    const Bytes file = write_file(world,
                                  {{KeyKind::relinearization, world.make(KeyKind::relinearization, true)},
                                   {KeyKind::galois, world.make(KeyKind::galois, true)}},
                                  5000);
    std::mt19937_64 random(5);
    for (int round = 0; round < 3000; ++round) {
        Bytes bytes = file;
        for (auto left = 1 + random() % 3; left > 0; --left)
            bytes[random() % 2 == 0 ? random() % 68 : random() % bytes.size()] = static_cast<std::uint8_t>(random());
        if (random() % 4 == 0) bytes.resize(random() % (bytes.size() + 100));
        const std::string result = read_all(bytes);
        EXPECT_TRUE(result == "OK" || result.starts_with("INTERNAL: ")) << result;
    }
}

}  // namespace
}  // namespace einfer::test
