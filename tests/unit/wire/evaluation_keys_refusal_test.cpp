// Real keys, wrong in one place: each is refused for its own reason, compressed or not, however it is cut.
#include "unit/wire/keys_verdicts.h"

#include <functional>
#include <limits>

namespace einfer::test {
namespace {

constexpr std::size_t entry = keys_at::first_row + 8;  ///< the first entry of RelinKeys

/// Tests share keys: making them takes longer than parsing them.
KeysOracle& world() {
    static KeysOracle made;
    return made;
}

const Bytes& honest(KeyKind kind, bool seeded) {
    static const Bytes made[] = {world().make(KeyKind::relinearization, false),
                                 world().make(KeyKind::relinearization, true), world().make(KeyKind::galois, false),
                                 world().make(KeyKind::galois, true)};
    return made[(kind == KeyKind::galois ? 2 : 0) + (seeded ? 1 : 0)];
}

struct Mutation {
    const char* name;
    std::function<void(Bytes&)> apply;  ///< on the uncompressed object, outer header included
    std::string field;
    std::string_view code = invalid_ciphertext;
};

template <class T>
std::function<void(Bytes&)> put(std::size_t offset, T value) {
    return [offset, value](Bytes& bytes) { patch(bytes, offset, value); };
}

/// Changes the parts and puts them together again, sizes right.
std::function<void(Bytes&)> with(const std::function<void(KeysFields&)>& change) {
    return [change](Bytes& bytes) {
        KeysFields fields = KeysFields::of(bytes);
        change(fields);
        bytes = fields.serialize();
    };
}

void expect_refused(KeyKind kind, bool seeded, const std::vector<Mutation>& mutations) {
    for (const auto& [name, apply, field, code] : mutations)
        for (const std::uint8_t compression : {none, zlib, zstd}) {
            SCOPED_TRACE(testing::Message() << name << ", compression " << int{compression});
            Bytes bytes = honest(kind, seeded);
            apply(bytes);
            if (compression != none)
                bytes = serialized(Bytes(bytes.begin() + 16, bytes.end()), compression, SEAL_VERSION_MINOR);
            const auto result = parse_keys_every_way(kind, bytes, world().rules());
            ASSERT_EQ(verdict(result), code) << text_of(result);
            // A zstd frame says how much it holds, before what it holds.
            const std::string seen = detail_of(result.error(), "field");
            if (compression != zstd || seen != "compression") {
                EXPECT_EQ(seen, field) << text_of(result);
            }
        }
}

std::array<std::uint64_t, 4> data_parms_id() { return world().rules().data_parms_ids.front(); }

using Double = std::numeric_limits<double>;

TEST(EvaluationKeys, EveryMutationOfFullRelinKeysIsRefused) {
    const std::size_t primes = 3, words = entry + at::words, row = 8 * 1024;
    const std::vector<std::uint64_t> moduli(world().rules().primes.begin(), world().rules().primes.end());
    const auto zero_row = [=](std::size_t index) {
        return [=](Bytes& bytes) {
            const auto from = bytes.begin() + static_cast<std::ptrdiff_t>(words + index * row);
            std::fill_n(from, row, std::uint8_t{0});
        };
    };
    std::vector<Mutation> mutations{
        {"foreign parms_id", put<std::uint64_t>(keys_at::parms_id, 5), "parms_id", incompatible_ciphertext},
        {"zero parms_id", put(keys_at::parms_id, std::array<std::uint64_t, 4>{}), "parms_id", incompatible_ciphertext},
        {"data level", put(keys_at::parms_id, data_parms_id()), "parms_id", incompatible_ciphertext},
        {"no rows", put<std::uint64_t>(keys_at::rows, 0), "rows"},
        {"two rows", put<std::uint64_t>(keys_at::rows, 2), "rows"},
        {"2^30 rows", put<std::uint64_t>(keys_at::rows, 1 << 30), "rows"},
        {"2^63 rows", put<std::uint64_t>(keys_at::rows, std::uint64_t{1} << 63), "rows"},
        {"no entries", put<std::uint64_t>(keys_at::first_row, 0), "digits"},
        {"k - 2 entries", put<std::uint64_t>(keys_at::first_row, 1), "digits"},
        {"k entries", put<std::uint64_t>(keys_at::first_row, 3), "digits"},
        {"2^30 entries", put<std::uint64_t>(keys_at::first_row, 1 << 30), "digits"},
        {"2^61 entries", put<std::uint64_t>(keys_at::first_row, std::uint64_t{1} << 50), "digits"},
        {"empty RelinKeys", with([](KeysFields& keys) { keys.rows[0].clear(); }), "size"},
        {"one entry less", with([](KeysFields& keys) { keys.rows[0].pop_back(); }), "digits"},
        {"one entry more", with([](KeysFields& keys) { keys.rows[0].push_back(keys.rows[0][0]); }), "digits"},
        {"no rows, whole", with([](KeysFields& keys) { keys.rows.clear(); }), "size"},
        {"a second key", with([](KeysFields& keys) { keys.rows.push_back(keys.rows[0]); }), "rows"},
        {"entry magic", put<std::uint8_t>(entry, 0), "header"},
        {"entry header size", put<std::uint8_t>(entry + at::header_size, 17), "header"},
        {"entry major", put<std::uint8_t>(entry + at::major, 3), "header"},
        {"entry minor", put<std::uint8_t>(entry + at::minor, (SEAL_VERSION_MINOR + 1) % 5), "header"},
        {"entry compressed", put<std::uint8_t>(entry + at::compression, 2), "header"},
        {"entry reserved", put<std::uint8_t>(entry + at::reserved, 1), "header"},
        {"entry size + 1", put<std::uint64_t>(entry + at::object_size, 113 + 8 * 6144 + 1), "header"},
        {"entry size 2^34", put<std::uint64_t>(entry + at::object_size, std::uint64_t{1} << 34), "header"},
        {"entry of foreign parameters", put<std::uint64_t>(entry + at::parms_id, 5), "parms_id",
         incompatible_ciphertext},
        {"entry at data level", put(entry + at::parms_id, data_parms_id()), "parms_id", incompatible_ciphertext},
        {"entry ntt 0", put<std::uint8_t>(entry + at::is_ntt_form, 0), "is_ntt_form"},
        {"entry ntt 0x7f", put<std::uint8_t>(entry + at::is_ntt_form, 0x7f), "is_ntt_form"},
        {"entry size 0", put<std::uint64_t>(entry + at::size, 0), "size"},
        {"entry size 1", put<std::uint64_t>(entry + at::size, 1), "size"},
        {"entry size 3", put<std::uint64_t>(entry + at::size, 3), "size"},
        {"entry size 2^63", put<std::uint64_t>(entry + at::size, std::uint64_t{1} << 63), "size"},
        {"entry N 2048", put<std::uint64_t>(entry + at::poly_modulus_degree, 2048), "poly_modulus_degree"},
        {"entry N 2^62", put<std::uint64_t>(entry + at::poly_modulus_degree, std::uint64_t{1} << 62),
         "poly_modulus_degree"},
        {"entry L k - 1", put<std::uint64_t>(entry + at::coeff_modulus_size, 2), "coeff_modulus_size"},
        {"entry L 2^61", put<std::uint64_t>(entry + at::coeff_modulus_size, std::uint64_t{1} << 61),
         "coeff_modulus_size"},
        {"entry scale 2", put(entry + at::scale, 2.0), "scale"},
        {"entry scale 0", put(entry + at::scale, 0.0), "scale"},
        {"entry scale -1", put(entry + at::scale, -1.0), "scale"},
        {"entry scale NaN", put(entry + at::scale, Double::quiet_NaN()), "scale"},
        {"entry scale inf", put(entry + at::scale, Double::infinity()), "scale"},
        {"entry scale next to 1", put(entry + at::scale, 1.0 + Double::epsilon()), "scale"},
        {"entry correction factor", put<std::uint64_t>(entry + at::correction_factor, 2), "correction_factor"},
        {"words magic", put<std::uint8_t>(entry + at::words_header, 0), "words"},
        {"words minor", put<std::uint8_t>(entry + at::words_header + at::minor, (SEAL_VERSION_MINOR + 1) % 5), "words"},
        {"words compressed", put<std::uint8_t>(entry + at::words_header + at::compression, 1), "words"},
        {"words size", put<std::uint64_t>(entry + at::words_header + at::object_size, 24), "words"},
        {"n 0", put<std::uint64_t>(entry + at::word_count, 0), "words"},
        {"n - 1", put<std::uint64_t>(entry + at::word_count, 6143), "words"},
        {"n + 1", put<std::uint64_t>(entry + at::word_count, 6145), "words"},
        {"n 2^61", put<std::uint64_t>(entry + at::word_count, std::uint64_t{1} << 61), "words"},
        {"n says seeded", put<std::uint64_t>(entry + at::word_count, 3072), "words"},
        {"cut in the metadata", [](Bytes& bytes) { bytes.resize(entry + 50); }, "size"},
        {"cut in the prefix", [](Bytes& bytes) { bytes.resize(40); }, "size"},
    };
    for (std::size_t polynomial = 0; polynomial < 2; ++polynomial)
        for (std::size_t prime = 0; prime < primes; ++prime) {
            const std::size_t index = polynomial * primes + prime;
            mutations.push_back({"zero row", zero_row(index), "words"});
            mutations.push_back({"a word is its prime", put(words + index * row + 8, moduli[prime]), "words"});
            mutations.push_back({"a huge word", put(words + index * row, ~std::uint64_t{0}), "words"});
        }
    expect_refused(KeyKind::relinearization, false, mutations);
    for (const std::size_t index : {std::size_t{0}, std::size_t{5}}) {
        Bytes bytes = honest(KeyKind::relinearization, false);
        patch(bytes, words + index * row, moduli[index % primes] - 1);
        EXPECT_EQ(text_of(parse_keys_every_way(KeyKind::relinearization, bytes, world().rules())), "OK");
    }
}

TEST(EvaluationKeys, LengthsAreExact) {
    for (const KeyKind kind : {KeyKind::relinearization, KeyKind::galois})
        for (const bool seeded : {false, true})
            for (const std::uint8_t compression : {none, zlib, zstd})
                for (const int change : {-81, -4, -1, 0, 1, 81}) {
                    for (const bool inside : {true, false}) {
                        SCOPED_TRACE(testing::Message() << int{compression} << ' ' << change << ' ' << inside);
                        const Bytes& own = honest(kind, seeded);
                        Bytes body(own.begin() + 16, own.end());
                        const auto resize = [change](Bytes& bytes) {
                            bytes.resize(static_cast<std::size_t>(static_cast<std::ptrdiff_t>(bytes.size()) + change));
                        };
                        if (inside) resize(body);
                        Bytes bytes = serialized(body, compression, SEAL_VERSION_MINOR);
                        if (!inside) resize(bytes);
                        const auto result = parse_keys_every_way(kind, bytes, world().rules());
                        EXPECT_EQ(verdict(result), change == 0 ? accepted : invalid_ciphertext) << text_of(result);
                    }
                }
}

TEST(EvaluationKeys, EveryMutationOfASeedIsRefused) {
    const std::size_t seed = entry + at::words + 8 * 3072;
    expect_refused(KeyKind::relinearization, true,
                   {
                       {"generator 0", put<std::uint8_t>(seed + 16, 0), "seed"},
                       {"generator 3", put<std::uint8_t>(seed + 16, 3), "seed"},
                       {"generator 255", put<std::uint8_t>(seed + 16, 255), "seed"},
                       {"seed magic", put<std::uint8_t>(seed, 0), "seed"},
                       {"seed minor", put<std::uint8_t>(seed + at::minor, (SEAL_VERSION_MINOR + 1) % 5), "seed"},
                       {"seed compression", put<std::uint8_t>(seed + at::compression, 1), "seed"},
                       {"seed size", put<std::uint64_t>(seed + at::object_size, 80), "seed"},
                       {"size 3 with a seed", put<std::uint64_t>(entry + at::size, 3), "size"},
                       {"without its seeds", with([](KeysFields& keys) {
                            for (Bytes& each : keys.rows[0]) each.resize(each.size() - 81);
                        }),
                        "seed"},
                       {"second entry at data level", put(entry + 113 + 81 + 8 * 3072 + at::parms_id, data_parms_id()),
                        "parms_id", incompatible_ciphertext},
                   });
}

TEST(EvaluationKeys, AnEntryOfADataLevelIsOfAnotherLevelWhateverItsSize) {
    seal::Ciphertext ciphertext = world().oracle.encrypt();
    ciphertext.scale() = 1.0;
    const Bytes lower = saved(ciphertext);
    for (const std::size_t index : {0, 1})
        expect_refused(KeyKind::relinearization, false,
                       {{"whole", with([&](KeysFields& keys) { keys.rows[0][index] = lower; }), "parms_id",
                         incompatible_ciphertext}});
}

TEST(EvaluationKeys, EveryMutationOfGaloisKeysIsRefused) {
    const std::size_t wanted = (world().elements()[1] - 1) / 2;
    const auto full_row = [](KeysFields& keys) { return keys.rows[(world().elements()[0] - 1) / 2]; };
    for (const bool seeded : {false, true})
        expect_refused(
            KeyKind::galois, seeded,
            {
                {"as many rows as RelinKeys", put<std::uint64_t>(keys_at::rows, 1), "rows"},
                {"2^30 rows", put<std::uint64_t>(keys_at::rows, 1 << 30), "rows"},
                {"2048 rows", put<std::uint64_t>(keys_at::rows, 2048), "rows"},
                {"no rows", with([](KeysFields& keys) { keys.rows.clear(); }), "size"},
                {"no keys", with([](KeysFields& keys) { keys.rows.assign(1024, {}); }), "rows"},
                {"first row 2^30 entries", put<std::uint64_t>(keys_at::first_row, 1 << 30), "rows"},
                {"not wanted, before", with([&](KeysFields& keys) { keys.rows[0] = full_row(keys); }), "rows"},
                {"not wanted, between", with([&](KeysFields& keys) { keys.rows[wanted - 1] = full_row(keys); }),
                 "rows"},
                {"conjugation", with([&](KeysFields& keys) { keys.rows[1023] = full_row(keys); }), "rows"},
                {"two keys in a row", with([&](KeysFields& keys) {
                     const auto more = full_row(keys);
                     keys.rows[wanted].insert(keys.rows[wanted].end(), more.begin(), more.end());
                 }),
                 "digits"},
                {"k - 2 entries", with([&](KeysFields& keys) { keys.rows[wanted].pop_back(); }), "digits"},
                {"last key missing", with([&](KeysFields& keys) { keys.rows[wanted].clear(); }), "rows",
                 incompatible_ciphertext},
                {"first key missing",
                 with([&](KeysFields& keys) { keys.rows[(world().elements()[0] - 1) / 2].clear(); }), "rows",
                 incompatible_ciphertext},
                {"one row less", with([&](KeysFields& keys) { keys.rows.pop_back(); }), "rows"},
                {"a key at data level",
                 with([&](KeysFields& keys) { patch(keys.rows[wanted][1], at::parms_id, data_parms_id()); }),
                 "parms_id", incompatible_ciphertext},
                {"a zero key", with([&](KeysFields& keys) {
                     Bytes& bytes = keys.rows[wanted][1];
                     std::fill_n(bytes.begin() + at::words, 8 * 3072, std::uint8_t{0});
                 }),
                 "words"},
            });
}

TEST(EvaluationKeys, FaultsNameTheRotation) {
    const auto element_of = [](const std::function<void(KeysFields&)>& change) {
        Bytes bytes = honest(KeyKind::galois, true);
        with(change)(bytes);
        const auto result = parse_keys_every_way(KeyKind::galois, bytes, world().rules());
        return result ? "OK" : detail_of(result.error(), "galois_element");
    };
    for (const std::uint32_t element : world().elements()) {
        const std::size_t row = (element - 1) / 2;
        const std::string name = std::to_string(element);
        EXPECT_EQ(element_of([&](KeysFields& keys) { keys.rows[row].clear(); }), name);
        EXPECT_EQ(element_of([&](KeysFields& keys) { keys.rows[row][1][at::words - 1] = 1; }), name);
        EXPECT_EQ(element_of([&](KeysFields& keys) { keys.rows[row][1].back() ^= 1; }), "OK") << "another seed";
        EXPECT_EQ(element_of([&](KeysFields& keys) { keys.rows[row].pop_back(); }), name);
        EXPECT_EQ(element_of([&](KeysFields& keys) { std::swap(keys.rows[row], keys.rows[10]); }),
                  element == world().elements()[0] ? name : "21");
    }
    EXPECT_EQ(element_of([&](KeysFields& keys) { keys.parms_id[0] ^= 1; }), "");
}

TEST(EvaluationKeys, OfTheOtherKindAreRefused) {
    for (const bool seeded : {false, true}) {
        const auto relin =
            parse_keys_every_way(KeyKind::galois, honest(KeyKind::relinearization, seeded), world().rules());
        EXPECT_EQ(verdict(relin), invalid_ciphertext) << text_of(relin);
        EXPECT_EQ(detail_of(relin.error(), "field"), "rows");
        const Bytes& galois = honest(KeyKind::galois, seeded);
        auto result = parse_keys_every_way(KeyKind::relinearization, galois, world().rules());
        EXPECT_EQ(verdict(result), invalid_ciphertext) << text_of(result);
        result = parse_keys_every_way(KeyKind::relinearization, Bytes(galois.begin(), galois.begin() + 90000),
                                      world().rules());
        EXPECT_EQ(verdict(result), invalid_ciphertext) << text_of(result);
        EXPECT_EQ(detail_of(result.error(), "field"), "rows");
    }
}

TEST(EvaluationKeys, OtherObjectsAreRefused) {
    seal::PublicKey public_key;
    world().oracle.keys().create_public_key(public_key);
    const auto& parms = world().oracle.context().key_context_data()->parms();
    for (const auto mode : {seal::compr_mode_type::none, seal::compr_mode_type::zlib, seal::compr_mode_type::zstd})
        for (const Bytes& bytes : {saved(world().oracle.encrypt(), mode), saved(public_key, mode), saved(parms, mode)})
            for (const KeyKind kind : {KeyKind::relinearization, KeyKind::galois}) {
                const auto result = parse_keys_every_way(kind, bytes, world().rules());
                EXPECT_TRUE(verdict(result) == invalid_ciphertext || verdict(result) == incompatible_ciphertext);
            }
}

TEST(EvaluationKeys, OuterHeadersAreReadAsThoseOfCiphertexts) {
    const Bytes& own = honest(KeyKind::relinearization, true);
    const std::vector<std::pair<std::function<void(Bytes&)>, std::string>> changes{
        {put<std::uint16_t>(at::magic, 0x5EA1), "header"},
        {put<std::uint8_t>(at::header_size, 17), "header"},
        {put<std::uint8_t>(at::major, 3), "version"},
        {put<std::uint8_t>(at::minor, 5), "version"},
        {put<std::uint8_t>(at::compression, 3), "compression"},
        {put<std::uint8_t>(at::compression, 255), "compression"},
        {put<std::uint16_t>(at::reserved, 1), "header"},
        {put<std::uint64_t>(at::object_size, 0), "header"},
        {put<std::uint64_t>(at::object_size, 16), "header"},
        {put<std::uint64_t>(at::object_size, own.size() - 1), "header"},
        {put<std::uint64_t>(at::object_size, own.size() + 1), "header"},
        {put<std::uint64_t>(at::object_size, std::uint64_t{1} << 34), "header"},
        {put<std::uint64_t>(at::object_size, std::uint64_t{1} << 63), "header"},
        {put<std::uint8_t>(at::compression, zlib), "compression"},
        {put<std::uint8_t>(at::compression, zstd), "compression"},
        {put<std::uint8_t>(at::minor, (SEAL_VERSION_MINOR + 1) % 5), "header"},
    };
    for (const auto& [apply, field] : changes) {
        Bytes bytes = own;
        apply(bytes);
        const auto result = parse_keys_every_way(KeyKind::relinearization, bytes, world().rules());
        EXPECT_EQ(verdict(result), invalid_ciphertext);
        EXPECT_EQ(detail_of(result.error(), "field"), field) << text_of(result);
    }
    for (std::size_t length = 0; length < 17; ++length) {
        const auto result = parse_keys_every_way(KeyKind::relinearization,
                                                 Bytes(own.begin(), own.begin() + static_cast<std::ptrdiff_t>(length)),
                                                 world().rules());
        EXPECT_EQ(verdict(result), invalid_ciphertext);
    }
}

TEST(EvaluationKeys, LongerThanAnyAreTooLarge) {
    for (const KeyKind kind : {KeyKind::relinearization, KeyKind::galois}) {
        const std::size_t limit = wire::max_keys_size(kind, world().rules());
        Bytes stream{0x78, 0x01};  // and then stored blocks of nothing
        while (stream.size() < limit - 16)
            for (const int byte : {0x00, 0x00, 0x00, 0xff, 0xff}) append(stream, static_cast<std::uint8_t>(byte));
        stream.resize(limit - 16);
        EXPECT_EQ(verdict(parse_keys_every_way(kind, with_header(stream, 1, zlib), world().rules())),
                  invalid_ciphertext);
        stream.resize(limit - 15);
        EXPECT_EQ(verdict(parse_keys_every_way(kind, with_header(stream, 1, zlib), world().rules())),
                  payload_too_large);
        Bytes bytes = honest(kind, false);
        bytes.resize(limit + 1);
        EXPECT_EQ(verdict(parse_keys_every_way(kind, bytes, world().rules())), invalid_ciphertext)
            << "the earlier fault";
    }
}

bool warns(const Result<wire::KeysReport>& result) {
    return verdict(result) == invalid_ciphertext && result.error().message.find("never send it") != std::string::npos &&
           result.error().message.find("new keys") != std::string::npos;
}

TEST(EvaluationKeys, ASecretKeyIsRefusedWithAWarning) {
    Oracle large({40, 30, 30, 40}, 8192);
    for (const auto mode : {seal::compr_mode_type::none, seal::compr_mode_type::zlib, seal::compr_mode_type::zstd})
        for (const KeyKind kind : {KeyKind::relinearization, KeyKind::galois}) {
            EXPECT_TRUE(
                warns(parse_keys_every_way(kind, saved(world().oracle.keys().secret_key(), mode), world().rules())));
            // Larger than any keys: a frame that says so is not even inflated.
            EXPECT_EQ(warns(parse_keys_every_way(kind, saved(large.keys().secret_key(), mode), world().rules())),
                      mode != seal::compr_mode_type::zstd);
            EXPECT_TRUE(warns(parse_keys_every_way(kind, saved(world().oracle.plain(), mode), world().rules())));
        }
    for (const std::size_t length : {80, 81, 200}) {
        Bytes bytes = saved(world().oracle.keys().secret_key());
        bytes.resize(length);
        EXPECT_TRUE(warns(parse_keys_every_way(KeyKind::relinearization, bytes, world().rules())));
    }
    // As an entry.
    Bytes bytes = honest(KeyKind::relinearization, false);
    with([](KeysFields& keys) { keys.rows[0][1] = saved(world().oracle.keys().secret_key()); })(bytes);
    EXPECT_TRUE(warns(parse_keys_every_way(KeyKind::relinearization, bytes, world().rules())));
}

TEST(EvaluationKeys, AKeptParserSaysTheSameAgain) {
    KeptKeys kept(world().polynomial_words());
    wire::EvaluationKeysParser parser(KeyKind::relinearization, world().rules(), kept);
    parser.feed(honest(KeyKind::relinearization, true));
    EXPECT_EQ(verdict(parser.finish()), accepted);
    EXPECT_EQ(verdict(parser.finish()), invalid_ciphertext);
    parser.feed(honest(KeyKind::relinearization, true));
    EXPECT_EQ(kept.keys.size(), 1U);
}

/// Refuses after some calls.
class FullSink final : public wire::KeySink {
public:
    explicit FullSink(int room) : room_(room) {}
    wire::MaybeFault begin_key(std::uint32_t) override { return step(); }
    wire::MaybeFault words(std::span<const std::uint8_t>) override { return step(); }
    wire::MaybeFault seed(const wire::Seed&) override { return step(); }
    int calls = 0;

private:
    wire::MaybeFault step() {
        if (++calls > room_) return wire::Fault{ErrorCode::Overloaded, "the disk is full"};
        return std::nullopt;
    }
    int room_;
};

TEST(EvaluationKeys, TheSinksFaultIsTheVerdict) {
    for (int room = 0; room < 5; ++room) {
        FullSink sink(room);
        const auto result = parse_keys_in_chunks(KeyKind::relinearization, honest(KeyKind::relinearization, true),
                                                 world().rules(), sink, nullptr, [] { return std::size_t{1} << 20; });
        EXPECT_EQ(verdict(result), overloaded);
        EXPECT_EQ(result.error().message, "the disk is full");
        EXPECT_EQ(sink.calls, room + 1) << "and it is left alone";
    }
}

}  // namespace
}  // namespace einfer::test
