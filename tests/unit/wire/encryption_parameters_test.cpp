// Parameters, their names, and the sizes of the keys that belong to them: all as SEAL has them.
#include "unit/wire/oracle.h"

#include "wire/encryption_parameters.h"

#include <gtest/gtest.h>

namespace einfer::test {
namespace {

TEST(EncryptionParameters, AreTheBytesThatSealWrites) {
    for (const std::vector<int>& bits : {std::vector<int>{40}, {40, 40}, {50, 30, 30, 60}}) {
        const Oracle oracle(bits, 2048);
        const auto& parms = oracle.context().key_context_data()->parms();
        std::vector<std::uint64_t> primes;
        for (const auto& modulus : parms.coeff_modulus()) primes.push_back(modulus.value());
        const Bytes own = wire::write_encryption_parameters(SEAL_VERSION_MINOR, 2048, primes);
        EXPECT_EQ(own, saved(parms));

        seal::EncryptionParameters loaded;
        loaded.load(reinterpret_cast<const seal::seal_byte*>(own.data()), own.size());
        EXPECT_EQ(loaded, parms);

        for (std::uint8_t minor = 0; minor <= wire::max_seal_minor; ++minor) {
            Bytes bytes = wire::write_encryption_parameters(minor, 2048, primes);
            EXPECT_EQ(bytes[at::minor], minor);
            bytes[at::minor] = SEAL_VERSION_MINOR;
            for (std::size_t i = 0; i <= primes.size(); ++i) {
                const std::size_t nested = 16 + 17 + 24 * i + at::minor;
                EXPECT_EQ(bytes[nested], minor);
                bytes[nested] = SEAL_VERSION_MINOR;
            }
            EXPECT_EQ(bytes, own);
        }
    }
}

TEST(ParmsId, HexIsInTheOrderOfSealsBytes) {
    EXPECT_EQ(wire::parms_id_hex({0x0123456789abcdef, 0, ~std::uint64_t{0}, 1}),
              "efcdab89674523010000000000000000ffffffffffffffff0100000000000000");
    const Oracle oracle;
    const Bytes bytes = saved(oracle.encrypt());
    std::string hex;
    for (std::size_t i = at::parms_id; i < at::parms_id + 32; ++i) {
        constexpr char digits[] = "0123456789abcdef";
        hex += {digits[bytes[i] >> 4], digits[bytes[i] & 15]};
    }
    EXPECT_EQ(wire::parms_id_hex(oracle.rules().parms_id), hex);
}

TEST(EvaluationKeys, HaveTheSizesThatSealWrites) {
    for (const std::vector<int>& bits : {std::vector<int>{36, 37}, {36, 36, 37}}) {
        Oracle oracle(bits, 4096);
        seal::RelinKeys relin_keys;
        oracle.keys().create_relin_keys(relin_keys);
        EXPECT_EQ(wire::relin_keys_size(4096, bits.size()), saved(relin_keys).size());
        for (const std::vector<int>& steps : {std::vector<int>{1}, {1, 2, 4}, {-1, 7, 100, 0}}) {
            seal::GaloisKeys galois_keys;
            oracle.keys().create_galois_keys(steps, galois_keys);
            EXPECT_EQ(wire::galois_keys_size(4096, bits.size(), steps.size()), saved(galois_keys).size());
        }
    }
}

}  // namespace
}  // namespace einfer::test
