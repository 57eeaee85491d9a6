// Keys from SEAL's bytes through the parser and a key file: bit for bit what SEAL itself loads, and fit to compute
// with.
#include "he/evaluation_keys.h"

#include "he/native_evaluator.h"
#include "he/seal_context.h"
#include "kernels/galois.h"
#include "support/encryption.h"
#include "wire/evaluation_keys.h"

#include <gtest/gtest.h>

#include <seal/util/rlwe.h>

#include <cstring>
#include <sstream>

namespace einfer::test {
namespace {

using Bytes = std::vector<std::uint8_t>;

template <class T>
Bytes saved(const T& object) {
    std::stringstream stream;
    object.save(stream, seal::compr_mode_type::none);
    const std::string text = stream.str();
    return {text.begin(), text.end()};
}

template <class T>
T loaded(const he::Context& context, const Bytes& bytes) {
    T object;
    object.load(context.seal().context, reinterpret_cast<const seal::seal_byte*>(bytes.data()), bytes.size());
    return object;
}

struct World {
    World(std::size_t degree, const std::vector<int>& bits, std::vector<int> rotations)
        : context(make_context(degree, bits)), steps(std::move(rotations)), generator(context.seal().context) {
        for (const int step : steps) elements.push_back(kernels::galois_element(degree, step));
        std::sort(elements.begin(), elements.end());
        for (std::size_t primes = 1; primes <= context.data_prime_count(); ++primes)
            data_parms_ids.push_back(context.parms_id(primes));
    }

    [[nodiscard]] wire::KeyFileHeader header() const {
        return {.poly_modulus_degree = context.poly_modulus_degree(),
                .primes = context.primes().size(),
                .key_parms_id = context.key_parms_id(),
                .relinearization = true,
                .galois_elements = elements};
    }

    /// Both kinds into one file.
    [[nodiscard]] Bytes file(const Bytes& relin, const Bytes& galois) const {
        Bytes made;
        wire::KeyFileWriter writer(header(), [&made](std::span<const std::uint8_t> bytes) -> wire::MaybeFault {
            made.insert(made.end(), bytes.begin(), bytes.end());
            return std::nullopt;
        });
        EXPECT_FALSE(writer.begin());
        const wire::KeyRules rules{.poly_modulus_degree = context.poly_modulus_degree(),
                                   .primes = context.primes(),
                                   .key_parms_id = context.key_parms_id(),
                                   .data_parms_ids = data_parms_ids,
                                   .galois_elements = elements};
        for (const auto& [kind, bytes] :
             {std::pair{wire::KeyKind::relinearization, &relin}, std::pair{wire::KeyKind::galois, &galois}}) {
            wire::EvaluationKeysParser parser(kind, rules, writer);
            for (std::size_t from = 0; from < bytes->size(); from += 60000)
                parser.feed(std::span(*bytes).subspan(from, std::min<std::size_t>(60000, bytes->size() - from)));
            EXPECT_EQ(text_of(parser.finish()), "OK");
        }
        EXPECT_TRUE(writer.is_complete());
        return made;
    }

    const he::Context context;
    const std::vector<int> steps;
    std::vector<std::uint32_t> elements;
    std::vector<wire::ParmsId> data_parms_ids;
    seal::KeyGenerator generator;
};

Result<he::EvaluationKeys> load(const he::Context& context, const Bytes& file) {
    std::size_t at = 0;
    auto reader = wire::KeyFileReader::open(file.size(), [&](std::span<std::uint8_t> to) {
        if (to.size() > file.size() - at) return false;
        std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(at), to.size(), to.begin());
        at += to.size();
        return true;
    });
    if (!reader) return reader.error();
    return he::load_evaluation_keys(context, *reader);
}

TEST(EvaluationKeys, AreSealsBitForBit) {
    for (const auto& [degree, bits] : std::vector<std::pair<std::size_t, std::vector<int>>>{
             {2048, {27, 27}}, {4096, {36, 36, 37}}, {8192, {60, 40, 40, 60}}, {8192, {20, 30, 60, 38}}})
        for (const bool seeded : {false, true}) {
            World world(degree, bits, {1, -3, 100});
            seal::RelinKeys relin_keys;
            seal::GaloisKeys galois_keys;
            world.generator.create_relin_keys(relin_keys);
            world.generator.create_galois_keys(world.steps, galois_keys);
            const Bytes relin = seeded ? saved(world.generator.create_relin_keys()) : saved(relin_keys);
            const Bytes galois = seeded ? saved(world.generator.create_galois_keys(world.steps)) : saved(galois_keys);
            const Bytes file = world.file(relin, galois);
            const auto keys = load(world.context, file);
            ASSERT_TRUE(keys) << text_of(keys);

            relin_keys = loaded<seal::RelinKeys>(world.context, relin);
            galois_keys = loaded<seal::GaloisKeys>(world.context, galois);
            ASSERT_TRUE(keys->relinearization);
            EXPECT_TRUE(keys->relinearization->words == he::from_seal(world.context, relin_keys.key(2)).words);
            ASSERT_EQ(keys->galois.size(), world.elements.size());
            for (const auto& [element, key] : keys->galois)
                EXPECT_TRUE(key.words == he::from_seal(world.context, galois_keys.key(element)).words) << element;
            EXPECT_EQ(keys->bytes(), he::evaluation_keys_bytes(world.header()));
            EXPECT_EQ(keys->bytes(), 4 * 16 * (bits.size() - 1) * bits.size() * degree);
        }
}

TEST(EvaluationKeys, RotateAndRelinearize) {
    World world(8192, {60, 40, 40, 60}, {1, -2});
    const auto keys = load(world.context, world.file(saved(world.generator.create_relin_keys()),
                                                     saved(world.generator.create_galois_keys(world.steps))));
    ASSERT_TRUE(keys) << text_of(keys);
    const auto evaluator = he::NativeEvaluator::create(world.context).value();
    const seal::CKKSEncoder encoder(world.context.seal().context);
    const seal::Encryptor encryptor(world.context.seal().context, world.generator.secret_key());
    seal::Decryptor decryptor(world.context.seal().context, world.generator.secret_key());
    std::mt19937_64 random(3);
    const auto values = random_values(world.context.slot_count(), 1, random);
    seal::Plaintext plain;
    encoder.encode(values, world.context.parms_id(3), 0x1p40, plain);
    seal::Ciphertext encrypted;
    encryptor.encrypt_symmetric(plain, encrypted);
    const he::Ciphertext input = he::from_seal(world.context, encrypted);
    const auto decrypt = [&](const Result<he::Ciphertext>& result) {
        EXPECT_TRUE(result) << text_of(result);
        std::vector<double> decoded;
        if (!result) return decoded;
        decryptor.decrypt(he::to_seal(world.context, *result), plain);
        encoder.decode(plain, decoded);
        return decoded;
    };
    const std::size_t slots = values.size();
    for (const int step : world.steps) {
        std::vector<double> expected(slots);
        for (std::size_t i = 0; i < slots; ++i)
            expected[i] = values[(i + slots + static_cast<std::size_t>(step)) % slots];
        EXPECT_LE(max_abs_diff(decrypt(evaluator->rotate(input, step, keys->galois)), expected), 1e-4) << step;
    }
    const auto squared = evaluator->square(input);
    ASSERT_TRUE(squared);
    std::vector<double> expected = values;
    for (double& value : expected) value *= value;
    EXPECT_LE(max_abs_diff(decrypt(evaluator->relinearize(*squared, *keys->relinearization)), expected), 1e-4);
}

TEST(EvaluationKeys, FilesThatDoNotFitAreInternalErrors) {
    World world(2048, {27, 27}, {1}), other(2048, {26, 28}, {1});
    const Bytes relin = saved(world.generator.create_relin_keys());
    seal::GaloisKeys galois_keys;
    world.generator.create_galois_keys(world.steps, galois_keys);
    const Bytes file = world.file(relin, saved(galois_keys));
    ASSERT_TRUE(load(world.context, file));
    EXPECT_EQ(text_of(load(other.context, file)), "INTERNAL: the stored evaluation keys are for other parameters");
    const std::size_t polynomial = 8 * 2 * 2048, header = 64, relin_digit = polynomial + 65;
    for (const std::size_t at :
         {header, header + polynomial - 8, header + relin_digit + 8, header + relin_digit + polynomial + 1}) {
        Bytes bytes = file;
        const std::uint64_t word =
            at == header + polynomial - 8 ? world.context.primes()[1] : world.context.primes()[0];
        std::memcpy(bytes.data() + at, &word, sizeof word);
        EXPECT_EQ(text_of(load(world.context, bytes)), "INTERNAL: the stored evaluation keys are damaged") << at;
    }
    for (const std::size_t length : {std::size_t{0}, std::size_t{50}, file.size() / 2, file.size() - 1})
        EXPECT_EQ(code_of(load(world.context, Bytes(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length)))),
                  "INTERNAL");
    // The file ends earlier than it was said to.
    std::size_t left = file.size() / 2, at = 0;
    auto reader = wire::KeyFileReader::open(file.size(), [&](std::span<std::uint8_t> to) {
        if (to.size() > left) return false;
        std::copy_n(file.begin() + static_cast<std::ptrdiff_t>(at), to.size(), to.begin());
        at += to.size();
        left -= to.size();
        return true;
    });
    ASSERT_TRUE(reader);
    EXPECT_EQ(code_of(he::load_evaluation_keys(world.context, *reader)), "INTERNAL");
}

TEST(EvaluationKeys, SeedsExpandAsSealDoesForBothGenerators) {
    const he::Context context = make_context(4096, {36, 36, 37});
    for (const std::uint8_t generator : {1, 2})
        for (std::uint8_t first = 0; first < 20; ++first) {
            wire::Seed seed{generator, {}};
            seed.bytes[0] = first;
            std::vector<std::uint64_t> ours(3 * 4096), seals(3 * 4096);
            ASSERT_EQ(text_of(context.expand_key_seed(seed, ours)), "OK");
            seal::prng_seed_type bytes;
            std::memcpy(bytes.data(), seed.bytes.data(), sizeof bytes);
            const seal::UniformRandomGeneratorInfo info(static_cast<seal::prng_type>(generator), bytes);
            seal::util::sample_poly_uniform(info.make_prng(), context.seal().context.key_context_data()->parms(),
                                            seals.data());
            EXPECT_EQ(ours, seals);
        }
    std::vector<std::uint64_t> words(3 * 4096);
    EXPECT_EQ(code_of(context.expand_key_seed({3, {}}, words)), "INVALID_CIPHERTEXT");
    EXPECT_EQ(code_of(context.expand_key_seed({1, {}}, std::span(words).first(2 * 4096))), "INTERNAL");
}

}  // namespace
}  // namespace einfer::test
