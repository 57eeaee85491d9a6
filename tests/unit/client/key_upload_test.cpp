// Evaluation keys that a server asks for: what it says of them is compared before any is made.
#include "client/key_upload.h"

#include "client/batch.h"
#include "unit/client/small_world.h"
#include "wire/encryption_parameters.h"

#include <gtest/gtest.h>

namespace einfer::client {
namespace {

protocol::ModelView keyed_view(std::vector<int> steps) {
    protocol::ModelView model;
    model.model_id = "m";
    model.version = "1.0.0";
    model.poly_modulus_degree = 4096;
    model.coeff_modulus_bits = {30, 24, 24, 30};
    model.keys.relinearization = true;
    model.keys.galois_steps = std::move(steps);
    model.keys.relinearization_bytes = wire::seeded_relin_keys_size(4096, 4);
    model.keys.galois_bytes = wire::seeded_galois_keys_size(4096, 4, model.keys.galois_steps.size());
    return model;
}

class KeyUploadOfAClient : public testing::Test {
protected:
    std::string said(const protocol::ModelView& model) {
        const auto made = make_key_upload(session, model);
        return made ? "" : made.error().message;
    }

    const he::Context context = he::Context::create({4096, {30, 24, 24, 30}}).value();
    keys::Session session = keys::Session::create(context, keys::EncryptionMode::Symmetric).value();
};

TEST_F(KeyUploadOfAClient, HasTheKeysThatTheModelNeeds) {
    const auto made = make_key_upload(session, keyed_view({1, -1, 64}));
    ASSERT_TRUE(made);
    EXPECT_EQ(made->body.size(),
              made->header_bytes + wire::seeded_relin_keys_size(4096, 4) + wire::seeded_galois_keys_size(4096, 4, 3));
    EXPECT_NE(made->body.view().find(R"("relinearization":{"binary_data_size":)"), std::string_view::npos);
}

TEST_F(KeyUploadOfAClient, SizesThatAreNotTheKeysAreRefusedBeforeAnyIsMade) {
    protocol::ModelView model = keyed_view({1, 2});
    model.keys.galois_bytes += 8;
    EXPECT_NE(said(model).find("of a size that they do not have"), std::string::npos);
    model = keyed_view({1, 2049});  // one rotation, said twice
    EXPECT_NE(said(model).find("of a size that they do not have"), std::string::npos);
}

TEST_F(KeyUploadOfAClient, MoreThanThisMachineShouldMakeAreRefused) {
    std::vector<int> steps(2047);
    for (std::size_t i = 0; i < steps.size(); ++i) steps[i] = static_cast<int>(i) + 1;
    protocol::ModelView model = keyed_view(steps);
    model.poly_modulus_degree = 8192;
    for (const std::uint64_t claimed : {model.keys.galois_bytes, std::uint64_t{1000}}) {
        model.keys.galois_bytes = claimed;
        EXPECT_NE(said(model).find("at most 1024 are made"), std::string::npos) << said(model);
    }
}

TEST(BatchSizes, AreCheckedBeforeAnythingIsEncrypted) {
    protocol::ModelView model;
    model.model_id = "m";
    model.poly_modulus_degree = 32768;
    model.coeff_modulus_bits = {60};
    LinearPacking packing{.poly_modulus_degree = 32768,
                          .prime_bits = 60,
                          .features = 60000,
                          .outputs = 1,
                          .features_per_ciphertext = 1,
                          .outputs_per_result = 1,
                          .rows = 1,
                          .compact_bits = 40};
    model.packing = packing;
    EXPECT_EQ(check_sizes(model, 1, protocol::Encoding::Binary).error().kind, ErrorKind::InvalidArgument);
    packing.features = 1, packing.outputs = 60000;
    model.packing = packing;
    EXPECT_EQ(check_sizes(model, 1, protocol::Encoding::Binary).error().kind, ErrorKind::BadReply);
    packing.outputs = 3;
    model.packing = packing;
    EXPECT_TRUE(check_sizes(model, 1, protocol::Encoding::Binary));
}

}  // namespace
}  // namespace einfer::client
