// The parser of evaluation keys holds no words: whatever is sent, its memory is its own and a decompressor's.
#include "unit/wire/bombs.h"
#include "unit/wire/keys_verdicts.h"
#include "unit/wire/process_memory.h"

namespace einfer::test {
namespace {

/// Counts only.
class CountingSink final : public wire::KeySink {
public:
    wire::MaybeFault begin_key(std::uint32_t) override { return std::nullopt; }
    wire::MaybeFault words(std::span<const std::uint8_t> bytes) override {
        bytes_ += bytes.size();
        return std::nullopt;
    }
    wire::MaybeFault seed(const wire::Seed&) override { return std::nullopt; }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

private:
    std::size_t bytes_ = 0;
};

Result<wire::KeysReport> count(KeyKind kind, const Bytes& bytes, const wire::KeyRules& rules, MemoryBudget* budget,
                               std::size_t chunk, std::size_t* handed_on = nullptr) {
    CountingSink sink;
    auto result = parse_keys_in_chunks(kind, bytes, rules, sink, budget, [chunk] { return chunk; });
    if (handed_on != nullptr) *handed_on = sink.bytes();
    return result;
}

TEST(EvaluationKeysMemory, NothingIsTakenForUncompressedKeys) {
    KeysOracle world;
    MemoryBudget empty(0);
    for (const KeyKind kind : {KeyKind::relinearization, KeyKind::galois})
        for (const bool seeded : {false, true}) {
            const Bytes bytes = world.make(kind, seeded);
            EXPECT_EQ(text_of(parse_keys_every_way(kind, bytes, world.rules(), &empty)), "OK");
            const PeakMemory peak;
            EXPECT_EQ(text_of(count(kind, bytes, world.rules(), &empty, 5000)), "OK");
            if (const auto growth = peak.growth()) {
                EXPECT_LT(*growth, std::size_t{1} << 20);
            }
        }
}

TEST(EvaluationKeysMemory, ADecompressorIsTakenFromTheBudget) {
    KeysOracle world;
    const Bytes own = world.make(KeyKind::galois, true);
    for (const std::uint8_t compression : {zlib, zstd}) {
        const Bytes bytes = serialized(Bytes(own.begin() + 16, own.end()), compression, SEAL_VERSION_MINOR);
        MemoryBudget empty(1000), enough(1 << 20);
        EXPECT_EQ(verdict(parse_keys_every_way(KeyKind::galois, bytes, world.rules(), &empty)), overloaded);
        EXPECT_EQ(empty.used(), 0U);
        EXPECT_EQ(text_of(parse_keys_every_way(KeyKind::galois, bytes, world.rules(), &enough)), "OK");
        EXPECT_EQ(enough.used(), 0U);
        CountingSink sink;
        wire::EvaluationKeysParser parser(KeyKind::galois, world.rules(), sink, &enough);
        parser.feed(std::span(bytes).first(bytes.size() / 2));
        EXPECT_GT(enough.used(), 0U);
        parser.feed(bytes);  // which does not belong there
        EXPECT_EQ(enough.used(), 0U) << "given back at the fault";
    }
}

/// All rows, each of k − 1 whole entries of zeros: what SEAL would inflate to gigabytes.
Bytes zero_galois_keys(KeysOracle& world, const std::vector<std::uint32_t>& elements, std::uint8_t compression) {
    KeysFields fields = KeysFields::of(world.make(KeyKind::galois, false));
    std::vector<Bytes> row = fields.rows[(world.elements()[0] - 1) / 2];
    for (Bytes& entry : row) std::fill(entry.begin() + at::words, entry.end(), std::uint8_t{0});
    fields.rows.assign(Oracle::degree, {});
    for (const std::uint32_t element : elements) fields.rows[(element - 1) / 2] = row;
    return serialized(fields.body(), compression, SEAL_VERSION_MINOR);
}

TEST(EvaluationKeysMemory, ZerosThatInflateCostNothing) {
    KeysOracle world;
    std::vector<std::uint32_t> all;
    for (std::uint32_t element = 1; element < 2 * Oracle::degree; element += 2) all.push_back(element);
    for (const std::uint8_t compression : {zlib, zstd})
        for (const auto& elements : {all, world.elements()}) {
            const Bytes bytes = zero_galois_keys(world, elements, compression);
            ASSERT_LT(bytes.size(), std::size_t{256} << 10);
            for (const std::size_t chunk : {std::size_t{1000}, bytes.size()}) {
                const PeakMemory peak;
                std::size_t handed_on = 0;
                const auto result = count(KeyKind::galois, bytes, world.rules(), nullptr, chunk, &handed_on);
                EXPECT_EQ(verdict(result), invalid_ciphertext) << text_of(result);
                EXPECT_LE(handed_on, 8 * world.polynomial_words()) << "of the first zero key, at most";
                if (const auto growth = peak.growth()) {
                    EXPECT_LT(*growth, std::size_t{2} << 20);
                }
            }
        }
}

TEST(EvaluationKeysMemory, KeysThatCompressTooWellAreNone) {
    KeysOracle world;
    KeysFields fields = KeysFields::of(world.make(KeyKind::galois, false));
    for (auto& row : fields.rows)
        for (Bytes& entry : row)
            for (std::size_t at = at::words; at < entry.size(); at += 8) {
                std::fill_n(entry.begin() + static_cast<std::ptrdiff_t>(at), 8, std::uint8_t{0});
                entry[at] = 9;
            }
    for (const std::uint8_t compression : {none, zlib, zstd}) {
        const Bytes bytes = serialized(fields.body(), compression, SEAL_VERSION_MINOR);
        std::size_t handed_on = 0;
        const auto result = count(KeyKind::galois, bytes, world.rules(), nullptr, bytes.size(), &handed_on);
        EXPECT_EQ(static_cast<bool>(result), compression == none) << text_of(result);
    }
}

TEST(EvaluationKeysMemory, BombsCostNothing) {
    KeysOracle world;
    const Bytes own = world.make(KeyKind::relinearization, false);
    const Bytes body(own.begin() + 16, own.end());
    ASSERT_LT(body.size(), 100000U);
    const struct {
        const char* name;
        Bytes bytes;
    } bombs[] = {
        {"zlib, behind keys", with_header(zlib_bomb(body), SEAL_VERSION_MINOR, zlib)},
        {"zlib, only zeros", with_header(zlib_bomb({}), SEAL_VERSION_MINOR, zlib)},
        {"zstd, honest size", with_header(zstd_bomb(body, body.size() + gibibyte), SEAL_VERSION_MINOR, zstd)},
        {"zstd, the keys' size", with_header(zstd_bomb(body, body.size()), SEAL_VERSION_MINOR, zstd)},
    };
    MemoryBudget budget(1 << 20);
    for (const auto& [name, bytes] : bombs) {
        SCOPED_TRACE(name);
        for (const std::size_t chunk : {std::size_t{1000}, bytes.size()}) {
            const PeakMemory peak;
            std::size_t handed_on = 0;
            const auto result = count(KeyKind::relinearization, bytes, world.rules(), &budget, chunk, &handed_on);
            EXPECT_FALSE(result);
            EXPECT_LE(handed_on, body.size());
            EXPECT_EQ(budget.used(), 0U);
            if (const auto growth = peak.growth()) {
                EXPECT_LT(*growth, std::size_t{4} << 20);
            }
        }
    }
}

}  // namespace
}  // namespace einfer::test
