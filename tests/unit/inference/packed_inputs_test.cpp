// What an accepted job keeps on disk: small, exact, and refused as soon as anything is wrong with its form.
#include "inference/packed_inputs.h"

#include "support/encryption.h"

#include <gtest/gtest.h>

#include <cstring>

namespace einfer::test {
namespace {

using keys::EncryptionMode;

constexpr double scale = 0x1p20;

class PackedInputs : public testing::Test {
protected:
    /// Alternately seeded and full.
    void SetUp() override {
        for (int i = 0; i < 3; ++i) {
            const keys::Session& session = i % 2 == 0 ? symmetric : public_key;
            inputs.push_back(parse(session.encrypt(std::vector<double>{1.0 * i, -0.5}, scale).value(), context));
        }
    }
    [[nodiscard]] std::string verdict(const std::vector<std::uint8_t>& bytes, std::size_t primes) const {
        const auto unpacked = inference::unpack_inputs(bytes, context, primes, scale);
        if (!unpacked) {
            EXPECT_EQ(unpacked.error().code, ErrorCode::Internal);
            EXPECT_EQ(unpacked.error().message, "the stored inputs do not fit the model");
        }
        return code_of(unpacked);
    }

    const he::Context context = make_context(4096, {36, 30, 20, 23});
    const keys::Session symmetric = make_session(context, EncryptionMode::Symmetric);
    const keys::Session public_key = make_session(context, EncryptionMode::PublicKey);
    std::vector<wire::Ciphertext> inputs;
};

TEST_F(PackedInputs, RoundTripAtEveryLevel) {
    const std::size_t degree = context.poly_modulus_degree(), all = context.data_prime_count();
    for (std::size_t primes = 1; primes <= all; ++primes) {
        const auto bytes = inference::pack_inputs(inputs, primes);
        EXPECT_EQ(bytes.size(), inference::packed_size(inputs, primes));
        const auto unpacked = inference::unpack_inputs(bytes, context, primes, scale);
        ASSERT_TRUE(unpacked) << text_of(unpacked);
        ASSERT_EQ(unpacked->views.size(), inputs.size());
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            const he::Ciphertext whole = expand(inputs[i], context);
            const he::CiphertextView& view = unpacked->views[i];
            for (std::size_t polynomial = 0; polynomial < 2; ++polynomial)  // the kept primes of each
                EXPECT_TRUE(std::equal(view.polynomial(polynomial), view.polynomial(polynomial) + primes * degree,
                                       whole.words.data() + polynomial * all * degree))
                    << i << " at " << primes;
            EXPECT_EQ(view.prime_count, primes);
            EXPECT_EQ(view.size, 2u);
            EXPECT_EQ(view.scale, scale);
        }
    }
}

TEST_F(PackedInputs, SeedsAndDroppedPrimesSaveTheirBytes) {
    const std::size_t degree = context.poly_modulus_degree();
    const std::span<const wire::Ciphertext> seeded(&inputs[0], 1), full(&inputs[1], 1);
    for (std::size_t primes = 1; primes <= 3; ++primes) {
        EXPECT_EQ(inference::packed_size(full, primes), 56 + 8 + 2 * 8 * primes * degree);
        EXPECT_EQ(inference::packed_size(seeded, primes), 56 + 8 + 8 * primes * degree + 64);
    }
    EXPECT_EQ(inference::packed_size({}, 1), 56u);
}

TEST_F(PackedInputs, TruncationIsRefusedAtEveryLength) {
    auto bytes = inference::pack_inputs(std::span(inputs).first(2), 1);
    const std::vector<std::uint8_t> whole = bytes;
    while (!bytes.empty()) {
        bytes.resize(bytes.size() - (bytes.size() > 200 && bytes.size() < whole.size() - 200 ? 97 : 1));
        ASSERT_EQ(verdict(bytes, 1), "INTERNAL") << bytes.size();
    }
    bytes = whole;
    bytes.push_back(0);
    EXPECT_EQ(verdict(bytes, 1), "INTERNAL") << "a byte too many";
    EXPECT_EQ(verdict(whole, 1), "OK");
}

TEST_F(PackedInputs, OtherParametersAreRefused) {
    const auto bytes = inference::pack_inputs(inputs, 2);
    EXPECT_EQ(verdict(bytes, 1), "INTERNAL");
    EXPECT_EQ(verdict(bytes, 3), "INTERNAL");
    EXPECT_EQ(code_of(inference::unpack_inputs(bytes, context, 2, 2 * scale)), "INTERNAL");
    const he::Context larger = make_context(8192, {36, 30, 20, 23});
    EXPECT_EQ(code_of(inference::unpack_inputs(bytes, larger, 2, scale)), "INTERNAL");
    EXPECT_EQ(code_of(inference::unpack_inputs(bytes, larger, 1, scale)), "INTERNAL") << "as many bytes, another ring";
    const he::Context other = make_context(4096, {36, 29, 20, 24});
    EXPECT_EQ(code_of(inference::unpack_inputs(bytes, other, 2, scale)), "INTERNAL") << "the same ring, other primes";
}

TEST_F(PackedInputs, CorruptHeadsAreRefusedWithoutTakingMemory) {
    const auto good = inference::pack_inputs(inputs, 1);
    const auto patched = [&](std::size_t at, std::uint32_t value) {
        auto bytes = good;
        std::memcpy(bytes.data() + at, &value, sizeof value);
        return bytes;
    };
    for (const std::uint32_t version : {0u, 2u, 0xffffffffu}) EXPECT_EQ(verdict(patched(0, version), 1), "INTERNAL");
    for (const std::uint32_t count : {0u, 2u, 4u, 0x7fffffffu, 0xffffffffu})
        EXPECT_EQ(verdict(patched(4, count), 1), "INTERNAL") << count;

    // The first input is seeded: generator 0 claims a full one, an unknown generator cannot be expanded.
    for (const int generator : {0, 3, 255}) {
        auto bytes = good;
        bytes[56] = static_cast<std::uint8_t>(generator);
        EXPECT_EQ(verdict(bytes, 1), "INTERNAL") << generator;
    }
    auto bytes = good;
    bytes[57] = 1;  // one of the seven zero bytes
    EXPECT_EQ(verdict(bytes, 1), "INTERNAL");
}

}  // namespace
}  // namespace einfer::test
