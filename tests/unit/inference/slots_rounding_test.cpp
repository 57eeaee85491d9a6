#include "inference/slots_rounding.h"

#include "he/encoder.h"
#include "he/seal_context.h"
#include "support/encryption.h"

#include <gtest/gtest.h>

namespace einfer::test {
namespace {

TEST(SlotsRounding, IsWhatTheEncoderLeaves) {
    const he::Context context = make_context(4096, {36, 36, 37});
    seal::CKKSEncoder encoder(context.seal().context);
    const inference::EncodingError error(4096);
    std::mt19937_64 random(1);
    std::vector<std::vector<double>> vectors{random_values(2048, 1, random), std::vector<double>(2048, 0.3)};
    vectors.emplace_back(2048)[0] = 0.7;  // few entries: its rounding is no chance
    for (std::size_t i = 0; i < 2048; i += 64) vectors.back()[i] = 0.01;
    for (const std::vector<double>& slots : vectors)
        for (const double scale : {0x1p10, 0x1p16, 0x1p22}) {
            seal::Plaintext plain;
            encoder.encode(slots, scale, plain);
            std::vector<std::complex<double>> decoded;
            encoder.decode(plain, decoded);
            const auto squares = error.squares(slots, scale);
            for (std::size_t i = 0; i < slots.size(); ++i)
                ASSERT_NEAR(std::sqrt(squares[i]), std::abs(decoded[i] - slots[i]), 1e-3 / scale) << scale;
        }
}

}  // namespace
}  // namespace einfer::test
