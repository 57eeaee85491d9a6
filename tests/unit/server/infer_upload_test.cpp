// Real encrypted requests, from bytes to a job submission.
#include "server/infer_upload.h"

#include "base/hex.h"
#include "base/ids.h"
#include "inference/packed_inputs.h"
#include "support/chunks.h"
#include "unit/server/requests.h"

#include <gtest/gtest.h>

namespace einfer::test {
namespace {

using keys::EncryptionMode;
using protocol::Encoding;

constexpr double scale = 0x1p30;

/// Catalog and ciphertexts are made once: no test changes them.
class InferUpload : public testing::Test {
protected:
    static void SetUpTestSuite() {
        catalog = make_catalog({std::string(small_entry), large_entry()});
        const he::Context& context = *(*catalog->find("small_v1", "1.0.0"))->context;
        const keys::Session symmetric = make_session(context, EncryptionMode::Symmetric);
        const keys::Session public_key = make_session(context, EncryptionMode::PublicKey);
        for (const double value : {1.0, -2.0}) {
            seeded.push_back(symmetric.encrypt(std::vector{value, 3.0}, scale).value());
            full.push_back(public_key.encrypt(std::vector{value, 3.0}, scale).value());
        }
        const he::Context& large = *(*catalog->find("large_v1", "1.0.0"))->context;
        foreign = make_session(large, EncryptionMode::PublicKey).encrypt(std::vector{1.0}, 0x1p40).value();
        foreign_seeded = make_session(large, EncryptionMode::Symmetric).encrypt(std::vector{1.0}, 0x1p40).value();
    }
    static void TearDownTestSuite() {
        catalog.reset();
        seeded.clear();
        full.clear();
        foreign.clear();
        foreign_seeded.clear();
    }

    static RequestBody request(const std::vector<Bytes>& ciphertexts, Encoding encoding = Encoding::Hex) {
        RequestBody body;
        for (const Bytes& bytes : ciphertexts) body.inputs.push_back(input_of(bytes, encoding));
        return body;
    }
    Result<jobs::Submission> judge(const RequestBody& body) {
        server::InferUpload upload(*catalog, budget);
        upload.feed(body.text());
        return upload.finish("tenant");
    }

    Result<jobs::Submission> judge(const BinaryBody& body) {
        server::InferUpload upload(*catalog, budget, body.header.size());
        upload.feed(body.text());
        return upload.finish("tenant");
    }

    static std::unique_ptr<server::Catalog> catalog;
    static std::vector<Bytes> seeded, full;
    static Bytes foreign, foreign_seeded;  ///< of the large model
    MemoryBudget budget{1u << 30};
};

std::unique_ptr<server::Catalog> InferUpload::catalog;
std::vector<Bytes> InferUpload::seeded, InferUpload::full;
Bytes InferUpload::foreign, InferUpload::foreign_seeded;

TEST_F(InferUpload, BecomesASubmission) {
    for (const auto& ciphertexts : {seeded, full, {full[0], seeded[1]}})
        for (const Encoding encoding : {Encoding::Hex, Encoding::Base64}) {
            RequestBody body = request(ciphertexts, encoding);
            body.members = R"("batch_size":2,"api_version":"1.0",)";
            const auto submission = judge(body);
            ASSERT_TRUE(submission) << text_of(submission);
            EXPECT_TRUE(is_random_id(submission->id));
            EXPECT_EQ(submission->tenant, "tenant");
            EXPECT_EQ(submission->model_id, "small_v1");
            EXPECT_EQ(submission->model_version, "1.0.0");
            EXPECT_EQ(submission->encoding, protocol::name(encoding));
            EXPECT_EQ(submission->batch_size, 2u);
            EXPECT_EQ(submission->seal_minor, keys::seal_minor_version());
            Sha256 digest;
            std::vector<wire::Ciphertext> parsed;
            const server::ServedModel& model = **catalog->find("small_v1", "1.0.0");
            for (const Bytes& bytes : ciphertexts) {
                digest.update(bytes);
                parsed.push_back(parse(bytes, *model.context));
            }
            EXPECT_EQ(submission->request_digest, digest.hex_digest());
            EXPECT_TRUE(*submission->inputs == inference::pack_inputs(parsed, model.executable->kept_primes()));
        }
    EXPECT_EQ(budget.used(), 0u);
}

TEST_F(InferUpload, ABinaryBodyBecomesTheSameSubmission) {
    for (const auto& ciphertexts : {seeded, full, {full[0], seeded[1]}}) {
        const auto text = judge(request(ciphertexts));
        const BinaryBody body(ciphertexts);
        const auto binary = judge(body);
        ASSERT_TRUE(text && binary) << text_of(binary);
        EXPECT_EQ(binary->encoding, "binary");
        EXPECT_EQ(binary->request_digest, text->request_digest);
        EXPECT_TRUE(*binary->inputs == *text->inputs);
        EXPECT_EQ(binary->result_bytes, text->result_bytes);
        EXPECT_EQ(binary->seal_minor, text->seal_minor);
        std::mt19937_64 random(5);
        for (const std::size_t largest : {100u, 4096u, 65536u}) {
            server::InferUpload upload(*catalog, budget, body.header.size());
            feed_random(upload, body.text(), random, largest);
            EXPECT_TRUE(*upload.finish("tenant")->inputs == *text->inputs);
        }
    }
    EXPECT_EQ(budget.used(), 0u);
}

TEST_F(InferUpload, TheOptionalMembersOfV1_1) {
    const std::string key(64, 'a');
    const std::string members = R"("evaluation_key_id":")" + key + R"(","result_format":"seal","api_version":"1.1",)";
    RequestBody body = request(seeded);
    body.members = members;
    for (const auto& submission : {judge(body), judge(BinaryBody(seeded, members))}) {
        ASSERT_TRUE(submission) << text_of(submission);
        EXPECT_EQ(submission->evaluation_key_id, key);
        EXPECT_EQ(submission->result_format, "seal");
    }
    EXPECT_EQ(judge(request(seeded))->evaluation_key_id, "");
    EXPECT_EQ(judge(request(seeded))->result_format, "seal");
    body.members = R"("result_format":"compact",)";
    const std::string refused =
        "SCHEMA_VIOLATION: the model has no such result_format [pointer=/result_format] [rule=enum]";
    EXPECT_EQ(text_of(judge(body)), refused);
    EXPECT_EQ(text_of(judge(BinaryBody(seeded, body.members))), refused);
}

TEST_F(InferUpload, ABinaryBodyIsRefusedInTheSameOrder) {
    const auto verdict = [&](BinaryBody body, const std::string& more = "") {
        body.raw += more;
        return text_of(judge(body));
    };
    const std::string lengths =
        "INVALID_ENCODING: what follows the header is not as long as its binary_data_size together";
    EXPECT_EQ(verdict(BinaryBody({full[0], foreign})),
              "PAYLOAD_TOO_LARGE: a payload is longer than the model's largest ciphertext [input=1]");
    EXPECT_EQ(verdict(BinaryBody({full[0], foreign}), "x"), lengths);
    EXPECT_EQ(verdict(BinaryBody({full[0], Bytes(foreign.size() * 2)})),
              "PAYLOAD_TOO_LARGE: a payload is longer than any model's largest ciphertext [input=1]");
    EXPECT_EQ(verdict(BinaryBody({full[0], Bytes(foreign.size() * 2)}), "x"), lengths);
    EXPECT_EQ(verdict(BinaryBody({full[0]}), "x").substr(0, 17), "WRONG_INPUT_COUNT");
    EXPECT_EQ(verdict(BinaryBody(full, "", "no_model"), "x").substr(0, 13), "UNKNOWN_MODEL");
    EXPECT_EQ(verdict(BinaryBody(full, R"("result_format":"compact",)"), "x").substr(0, 16), "SCHEMA_VIOLATION");
    Bytes spoiled = full[1];
    patch(spoiled, spoiled.size() - 8, ~std::uint64_t{0});
    EXPECT_EQ(verdict(BinaryBody({full[0], spoiled}), "x"), lengths);
    EXPECT_EQ(verdict(BinaryBody({full[0], spoiled})), text_of(judge(request({full[0], spoiled}))));
    EXPECT_EQ(verdict(BinaryBody({full[0], foreign_seeded})), text_of(judge(request({full[0], foreign_seeded}))));
    EXPECT_EQ(verdict(BinaryBody({foreign}, "", "large_v1")), "OK");
}

TEST_F(InferUpload, ABinaryBodyTakesFromTheBudgetAndGivesBack) {
    const std::size_t input = full[0].size();
    const BinaryBody body(full);
    for (const std::size_t limit : {std::size_t{0}, input / 2, input + 1000}) {
        MemoryBudget tight(limit);
        {
            server::InferUpload upload(*catalog, tight, body.header.size());
            upload.feed(body.text());
            EXPECT_LE(tight.used(), limit);
            EXPECT_EQ(code_of(upload.finish("tenant")), "OVERLOADED") << limit;
        }
        EXPECT_EQ(tight.used(), 0u);
    }
    for (const std::size_t length :
         {std::size_t{20}, body.header.size(), body.header.size() + input / 2, body.text().size() - 1}) {
        server::InferUpload upload(*catalog, budget, body.header.size());
        upload.feed(body.text().substr(0, length));
        EXPECT_EQ(code_of(upload.finish("tenant")), "INVALID_ENCODING");
    }
    EXPECT_EQ(budget.used(), 0u);
}

TEST_F(InferUpload, TheReplyUsesTheFirstInputsForm) {
    RequestBody body;
    body.inputs = {input_of(seeded[0], Encoding::Base64), input_of(seeded[1], Encoding::Hex)};
    EXPECT_EQ(judge(body)->encoding, "base64");
    std::swap(body.inputs[0], body.inputs[1]);
    EXPECT_EQ(judge(body)->encoding, "hex");
}

TEST_F(InferUpload, IdsAreNeverTheSame) { EXPECT_NE(judge(request(seeded))->id, judge(request(seeded))->id); }

TEST_F(InferUpload, PiecesDoNotMatter) {
    const std::string good = request({full[0], seeded[1]}).text();
    Bytes spoiled = full[1];
    patch(spoiled, spoiled.size() - 8, ~std::uint64_t{0});
    const std::string bad = request({seeded[0], spoiled}).text();
    const auto whole = judge(request({full[0], seeded[1]}));
    std::mt19937_64 random(4);
    for (const std::size_t largest : {100u, 1000u, 16384u, 65536u, 400000u}) {
        server::InferUpload upload(*catalog, budget), other(*catalog, budget);
        feed_random(upload, good, random, largest);
        const auto submission = upload.finish("tenant");
        ASSERT_TRUE(submission) << text_of(submission);
        EXPECT_EQ(submission->request_digest, whole->request_digest);
        EXPECT_TRUE(*submission->inputs == *whole->inputs);
        feed_random(other, bad, random, largest);
        EXPECT_EQ(text_of(other.finish("tenant")), text_of(judge(request({seeded[0], spoiled}))));
    }
    for (std::size_t cut = 0; cut < 220; ++cut) {  // through the envelope and the SEAL headers of the first payload
        server::InferUpload upload(*catalog, budget);
        feed_cut(upload, bad, cut);
        ASSERT_EQ(text_of(upload.finish("tenant")), text_of(judge(request({seeded[0], spoiled})))) << cut;
    }
}

TEST_F(InferUpload, EverySealMinorIsAcceptedIfAllAgree) {
    for (std::uint8_t minor = 0; minor <= 4; ++minor) {
        std::vector<Bytes> ciphertexts{full[0], seeded[1]};
        for (Bytes& bytes : ciphertexts) set_minor(bytes, minor);
        const auto submission = judge(request(ciphertexts));
        ASSERT_TRUE(submission) << text_of(submission);
        EXPECT_EQ(submission->seal_minor, minor);
    }
}

TEST_F(InferUpload, MixedSealMinorsAreRefused) {
    const std::string mixed = "INVALID_CIPHERTEXT: the inputs were written by different SEAL versions [input=1]";
    for (const auto& ciphertexts : {full, seeded}) {
        std::vector<Bytes> changed = ciphertexts;
        set_minor(changed[1], 3);
        EXPECT_EQ(text_of(judge(request(changed))), mixed);
        changed = ciphertexts;
        changed[0][at::minor] = 3;  // outer header only
        EXPECT_EQ(code_of(judge(request(changed))), "INVALID_CIPHERTEXT");
        EXPECT_EQ(detail_of(judge(request(changed)).error(), "input"), "0");
        changed = ciphertexts;
        changed[1][at::words_header + at::minor] = 3;  // nested header only
        EXPECT_EQ(detail_of(judge(request(changed)).error(), "input"), "1");
        changed[1] = ciphertexts[1];
        set_minor(changed[1], 5);
        EXPECT_EQ(code_of(judge(request(changed))), "INVALID_CIPHERTEXT");
    }
}

TEST_F(InferUpload, AnotherModelsCiphertextIsIncompatible) {
    // Seeded, the larger model's is short enough; and one for the same degree, but other primes.
    const he::Context other = make_context(4096, {35, 36, 37});
    for (const Bytes& ciphertext :
         {foreign_seeded, make_session(other, EncryptionMode::PublicKey).encrypt(std::vector{1.0}, scale).value()}) {
        const auto submission = judge(request({full[0], ciphertext}));
        ASSERT_EQ(code_of(submission), "INCOMPATIBLE_CIPHERTEXT");
        EXPECT_EQ(detail_of(submission.error(), "field"), "parms_id");
        EXPECT_EQ(detail_of(submission.error(), "input"), "1");
    }
    Bytes rescaled = full[0];
    patch(rescaled, at::scale, 2 * scale);
    EXPECT_EQ(code_of(judge(request({rescaled, full[1]}))), "INCOMPATIBLE_CIPHERTEXT");
    EXPECT_EQ(detail_of(judge(request({rescaled, full[1]})).error(), "field"), "scale");
}

TEST_F(InferUpload, APayloadLongerThanTheModelsLargestIsTooLarge) {
    RequestBody body = request({full[0], foreign});
    EXPECT_EQ(text_of(judge(body)),
              "PAYLOAD_TOO_LARGE: a payload is longer than the model's largest ciphertext [input=1]");
    body.inputs[1].payload += std::string(body.inputs[1].payload.size(), '0');
    EXPECT_EQ(text_of(judge(body)),
              "PAYLOAD_TOO_LARGE: a payload is longer than any model's largest ciphertext [input=1]");
    body = request({foreign});
    body.model_id = "large_v1";
    EXPECT_EQ(text_of(judge(body)), "OK");
}

TEST_F(InferUpload, ABudgetThatIsUsedUpIsOverloadedAndGivesEverythingBack) {
    const std::size_t input = full[0].size();  // its residues, nearly
    for (const std::size_t limit : {std::size_t{0}, input / 2, input + 1000}) {
        MemoryBudget tight(limit);
        {
            server::InferUpload upload(*catalog, tight);
            upload.feed(request(full).text());
            EXPECT_LE(tight.used(), limit);
            EXPECT_EQ(code_of(upload.finish("tenant")), "OVERLOADED") << limit;
        }
        EXPECT_EQ(tight.used(), 0u);
    }
    MemoryBudget enough(4 * input);  // both inputs, and both packed
    server::InferUpload upload(*catalog, enough);
    upload.feed(request(full).text());
    EXPECT_GT(enough.used(), input);
    EXPECT_EQ(code_of(upload.finish("tenant")), "OK");
    EXPECT_EQ(enough.used(), 0u);
}

TEST_F(InferUpload, AnUploadThatBreaksOffLeavesNothing) {
    const std::string text = request(full).text();
    for (const std::size_t length :
         {std::size_t{0}, std::size_t{50}, text.size() / 3, text.size() * 3 / 4, text.size() - 1}) {
        {
            server::InferUpload upload(*catalog, budget);
            upload.feed(text.substr(0, length));
        }
        EXPECT_EQ(budget.used(), 0u);
        server::InferUpload upload(*catalog, budget);
        upload.feed(text.substr(0, length));
        EXPECT_EQ(code_of(upload.finish("tenant")), "MALFORMED_JSON");
    }
    EXPECT_EQ(budget.used(), 0u);
}

}  // namespace
}  // namespace einfer::test
