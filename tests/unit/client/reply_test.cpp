// Replies that no right server sends, and the few that one does.
#include "client/reply.h"
#include "small_world.h"
#include "wire/bytes.h"
#include "wire/ciphertext_layout.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <functional>
#include <limits>
#include <random>

namespace einfer::client {
namespace {

using client_test::job_id;
using client_test::small_model;

constexpr const char* digest = "9422301fcbfc372260fda96c09dd80a71e336cd81b1a838ff5db3a8bdb9b0505";

/// Made once: keys take time.
struct World {
    protocol::ModelDescription model = small_model();
    he::Context context = he::Context::create(client_test::parameters(model)).value();
    keys::Session session = keys::Session::create(context, keys::EncryptionMode::Symmetric).value();
    he::SealEvaluator evaluator{context};
    std::vector<std::uint8_t> fresh = session.encrypt(std::vector<double>{1, 2}, model.encryption.scale).value();
    he::Ciphertext result =
        client_test::evaluate(evaluator, model, std::vector(3, client_test::load_input(context, fresh)));
    std::vector<std::uint8_t> bytes = client_test::result_bytes(context, result);

    static const World& get() {
        static const World world;
        return world;
    }
};

class ReplyTest : public testing::Test {
protected:
    const World& world = World::get();
    const Expectation expected{
        .context = world.context,
        .model_id = world.model.model_id,
        .version = world.model.version,
        .batch_size = 2,
        .request_digest = digest,
        .encoding = protocol::Encoding::Hex,
        .shape = {.max_size = 2},
    };
    protocol::JobMessage job = client_test::completed_job(world.model, 2, digest, protocol::Encoding::Hex);

    [[nodiscard]] Outcome<JobReply> read(std::span<const std::uint8_t> bytes) const {
        return read_job(protocol::job_body(job, bytes), job_id, &expected);
    }
    [[nodiscard]] Outcome<JobReply> read() const { return read(world.bytes); }

    /// That it was refused, and for the right reason.
    static void expect_refused(const Outcome<JobReply>& reply, std::string_view reason) {
        ASSERT_FALSE(reply) << "taken, but: " << reason;
        EXPECT_EQ(reply.error().kind, ErrorKind::BadReply);
        EXPECT_NE(reply.error().message.find(reason), std::string::npos) << reply.error().message;
    }

    /// The right bytes with one change. Offsets are those of the body, behind the outer header.
    template <class T>
    [[nodiscard]] std::vector<std::uint8_t> with(std::size_t offset, T value) const {
        std::vector<std::uint8_t> bytes = world.bytes;
        wire::store(bytes.data() + wire::seal_header_size + offset, value);
        return bytes;
    }
};

TEST_F(ReplyTest, TakesARightResult) {
    const auto reply = read();
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->status.state, JobState::Completed);
    EXPECT_EQ(reply->status.id, job_id);
    ASSERT_TRUE(reply->result);
    EXPECT_EQ(reply->result->error_bound, 1e-3);
    EXPECT_EQ(reply->result->ciphertext.prime_count, 2u);
    EXPECT_EQ(reply->result->ciphertext.words, world.result.words);
}

TEST_F(ReplyTest, TakesMembersOfLaterVersionsInTheResultOnly) {
    const std::string body = protocol::job_body(job, world.bytes);
    std::string inside = body, outside = body;
    inside.insert(inside.find("\"diagnostics\""), "\"later\":[1,{\"payload\":\"zz\"}],");
    outside.insert(1, "\"later\":1,");
    EXPECT_TRUE(read_job(inside, job_id, &expected));
    expect_refused(read_job(outside, job_id, &expected), "a member that is unknown: \"later\"");
}

TEST_F(ReplyTest, TakesBase64WhenThatWasAsked) {
    Expectation base64{expected};
    base64.encoding = protocol::Encoding::Base64;
    job.result->encoding = protocol::Encoding::Base64;
    const std::string body = protocol::job_body(job, world.bytes);
    EXPECT_LE(body.size(), max_job_bytes(base64));
    EXPECT_TRUE(read_job(body, job_id, &base64));
    ASSERT_FALSE(read_job(body, job_id, &expected));  // hex was asked
    job.result->encoding = protocol::Encoding::Hex;   // a lie
    ASSERT_FALSE(read_job(protocol::job_body(job, world.bytes), job_id, &base64));
}

TEST_F(ReplyTest, RefusesAnotherRequestsAnswer) {
    job.result->request_digest[10] ^= 1;
    expect_refused(read(), "digest");
}

TEST_F(ReplyTest, RefusesAnotherModelOrVersion) {
    job.result->model_id = "other";
    expect_refused(read(), "other 1.0.0");
    job.result->model_id = world.model.model_id;
    job.result->version = "1.0.1";
    expect_refused(read(), "1.0.1");
}

TEST_F(ReplyTest, RefusesAnotherJob) {
    const std::string body = protocol::job_body(job, world.bytes);
    expect_refused(read_job(body, "ffffffffffffffffffffffffffffffff", &expected), "another job");
    EXPECT_TRUE(read_job(body, "", &expected));
}

TEST_F(ReplyTest, RefusesOtherBatches) {
    const auto right = *job.result;
    for (const auto& change : std::vector<std::function<void(protocol::ResultMessage&)>>{
             [](auto& result) { result.batch_truncated = true; },
             [](auto& result) { result.processed_batch_size = 1; },
             [](auto& result) { result.requested_batch_size = 1; },
             [](auto& result) { result.requested_batch_size = result.processed_batch_size = 2147483647; },
         }) {
        job.result = right;
        change(*job.result);
        expect_refused(read(), "2 were sent");
    }
}

TEST_F(ReplyTest, RefusesErrorBoundsThatBoundNothing) {
    const std::string body = protocol::job_body(job, world.bytes);
    const std::string_view right = "\"error_bound\":1E-3";
    ASSERT_NE(body.find(right), std::string::npos);
    for (const char* bound :
         {"0", "-1e-3", "1.0000001", "2", "1e400", "-1e400", "\"1\"", "null", "NaN", "9999999999999999999999"}) {
        std::string changed = body;
        changed.replace(changed.find(right), right.size(), "\"error_bound\":" + std::string(bound));
        ASSERT_FALSE(read_job(changed, job_id, &expected)) << bound;
    }
    std::string one = body;
    one.replace(one.find(right), right.size(), "\"error_bound\":1");
    EXPECT_TRUE(read_job(one, job_id, &expected));
}

TEST_F(ReplyTest, RefusesFreshEncryptions) {
    job.result->requested_batch_size = 2;
    expect_refused(read(world.fresh), "seeded");
}

TEST_F(ReplyTest, RefusesOtherSealVersions) {
    for (const std::uint8_t minor : {std::uint8_t{0}, std::uint8_t{2}, std::uint8_t{3}, std::uint8_t{4}}) {
        if (minor == keys::seal_minor_version()) continue;
        expect_refused(read(client_test::result_bytes(world.context, world.result, minor)), "another SEAL version");
    }
    expect_refused(read(client_test::result_bytes(world.context, world.result, 5)), "no valid ciphertext");
}

TEST_F(ReplyTest, RefusesCompressedResults) {
    std::vector<std::uint8_t> bytes = world.bytes;
    for (const std::uint8_t compression : {1, 2, 3}) {
        bytes[5] = compression;
        ASSERT_FALSE(read(bytes)) << int{compression};
    }
}

TEST_F(ReplyTest, RefusesOtherNumbersOfPolynomials) {
    const auto product = world.evaluator.multiply(world.result, world.result).value();
    ASSERT_EQ(product.size, 3u);
    const auto bytes = client_test::result_bytes(world.context, product);
    expect_refused(read(bytes), "no valid ciphertext");  // the model is linear

    Expectation quadratic{expected};
    quadratic.shape.max_size = 3;
    EXPECT_TRUE(read_job(protocol::job_body(job, bytes), job_id, &quadratic));
    EXPECT_TRUE(read_job(protocol::job_body(job, world.bytes), job_id, &quadratic));

    he::Ciphertext four = product;
    four.size = 4;
    four.words.insert(four.words.end(), product.words.begin(), product.words.begin() + 2 * 4096);
    const std::string body = protocol::job_body(job, client_test::result_bytes(world.context, four));
    expect_refused(read_job(body, job_id, &quadratic), "no valid ciphertext");
    for (const std::uint64_t size : {0ull, 1ull, 3ull, 16ull, ~0ull})
        ASSERT_FALSE(read(with(wire::layout::size, size))) << size;
}

TEST_F(ReplyTest, RefusesForeignParameters) {
    expect_refused(read(with(wire::layout::parms_id, world.context.parms_id(2)[0] ^ 1)), "other encryption parameters");
    expect_refused(read(with(wire::layout::parms_id + 24, std::uint64_t{0})), "other encryption parameters");
    // The key level is none of the levels of an answer; another data level does not have this many primes.
    for (const std::size_t level : {1, 3, 4}) {
        std::vector<std::uint8_t> bytes = world.bytes;
        wire::store(bytes.data() + wire::seal_header_size + wire::layout::parms_id, world.context.parms_id(level));
        ASSERT_FALSE(read(bytes)) << level;
    }
    ASSERT_FALSE(read(with(wire::layout::poly_modulus_degree, std::uint64_t{8192})));
    ASSERT_FALSE(read(with(wire::layout::coeff_modulus_size, std::uint64_t{3})));
}

TEST_F(ReplyTest, RefusesImpossibleScales) {
    const double infinity = std::numeric_limits<double>::infinity();
    for (const double scale : {std::nan(""), infinity, -infinity, 0.0, -1.0, 5e-324, 0x1p54, 0x1p500, 1e308})
        ASSERT_FALSE(read(with(wire::layout::scale, scale))) << scale;
    EXPECT_TRUE(read(with(wire::layout::scale, 0x1p50)));  // not fixed: an evaluation chooses it
}

TEST_F(ReplyTest, RefusesTransparentCiphertexts) {
    he::Ciphertext transparent = world.result;
    std::fill(transparent.words.begin() + 2 * 4096, transparent.words.end(), 0);
    expect_refused(read(client_test::result_bytes(world.context, transparent)), "does not fit");
    transparent = world.result;  // modulo one prime only
    std::fill(transparent.words.begin() + 2 * 4096, transparent.words.begin() + 3 * 4096, 0);
    expect_refused(read(client_test::result_bytes(world.context, transparent)), "does not fit");
}

TEST_F(ReplyTest, RefusesCoefficientsAboveTheirPrime) {
    he::Ciphertext changed = world.result;
    changed.words[4096 + 7] = world.context.primes()[1];
    expect_refused(read(client_test::result_bytes(world.context, changed)), "does not fit");
    changed.words[4096 + 7] = ~0ull;
    expect_refused(read(client_test::result_bytes(world.context, changed)), "does not fit");
}

TEST_F(ReplyTest, RefusesBytesTooManyOrTooFew) {
    std::vector<std::uint8_t> bytes = world.bytes;
    bytes.push_back(0);
    ASSERT_FALSE(read(bytes));
    ASSERT_FALSE(read(std::span(world.bytes).first(world.bytes.size() - 1)));
    ASSERT_FALSE(read(std::span(world.bytes).first(16)));
    ASSERT_FALSE(read(std::span(world.bytes).first(1)));
    bytes.assign(5'000'000, 0x5e);
    ASSERT_FALSE(read(bytes));
    ASSERT_FALSE(read({}));
}

TEST_F(ReplyTest, RefusesTextThatIsNotTheEncoding) {
    const std::string right = protocol::job_body(job, world.bytes);
    const std::size_t at = right.find("\"payload\":\"") + 11;
    for (const char* change : {"g", "0", " ", "\\u0000", "\\n", "=", "\xc3\xa4"}) {
        std::string body = right;
        body.insert(at, change);
        ASSERT_FALSE(read_job(body, job_id, &expected)) << change;
    }
    for (const char* value : {"null", "7", "[]", "{}", "[\"5e\"]", "{\"payload\":\"5e\"}", "true", "\"\""}) {
        std::string body = right.substr(0, at - 1) + value + "}}";
        expect_refused(read_job(body, job_id, &expected), "contract");
    }
}

TEST_F(ReplyTest, RefusesDocumentsThatAreNoJob) {
    std::string deep = "{\"job_id\":";
    deep.append(100'000, '[');
    std::string wide = "{\"job_id\":[";
    for (int i = 0; i < 100'000; ++i) wide += "0,";
    std::string longish = "{\"job_id\":\"" + std::string(1'000'000, 'a') + "\"}";
    std::string many = "{\"result\":{";
    for (int i = 0; i < 20'000; ++i) many.append("\"").append(std::to_string(i)).append("\":\"a\",");
    for (const std::string& body : {
             std::string(),
             std::string("{}"),
             std::string("[]"),
             std::string("null"),
             std::string("\"completed\""),
             std::string("{\"job_id\":1}"),
             std::string("<html>"),
             std::string(1000, '\0'),
             deep,
             deep + "]",
             wide + "0]}",
             longish,
             many,
             protocol::job_body(job, world.bytes) + "x",
             protocol::job_body(job, world.bytes) + "{}",
             std::string(R"({"result":{"payload":"5e"},"result":{"payload":"5e"}})"),
             std::string(R"([{"result":{"payload":"5e"}}])"),
             std::string(R"({"result":[{"payload":"5e"}]})"),
             std::string(R"({"result":{"payload":"5e","payload":"5e"}})"),
         }) {
        const auto reply = read_job(body, job_id, &expected);
        ASSERT_FALSE(reply) << body.substr(0, 80);
        EXPECT_EQ(reply.error().kind, ErrorKind::BadReply);
        EXPECT_LT(reply.error().message.size(), 1000u);
        ASSERT_FALSE(read_submission(body, expected)) << body.substr(0, 80);
    }
}

TEST_F(ReplyTest, SurvivesRandomChanges) {
    const std::string right = protocol::job_body(job, world.bytes);
    std::minstd_rand random(20260302);
    for (int round = 0; round < 500; ++round) {
        std::string body = right;
        const std::size_t interesting = body.find("\"payload\":\"") + 300;  // the envelope and the metadata
        for (auto changes = random() % 4 + 1; changes > 0; --changes) {
            const std::size_t at = random() % interesting;
            switch (random() % 3) {
                case 0: body[at] = static_cast<char>(random()); break;
                case 1: body.erase(at, random() % 8); break;
                default: body.insert(at, body.substr(random() % interesting, random() % 16)); break;
            }
        }
        const auto reply = read_job(body, job_id, &expected);
        if (!reply) {
            EXPECT_EQ(reply.error().kind, ErrorKind::BadReply);
        } else if (reply->result) {  // the change was in what says nothing
            EXPECT_EQ(reply->result->ciphertext.words.size(), world.result.words.size());
        }
    }
}

TEST_F(ReplyTest, ReadsJobsThatAreNotCompleted) {
    protocol::JobMessage queued;
    queued.job_id = job_id;
    queued.status = "queued";
    queued.created_at = "2026-03-02T09:15:04.120Z";
    EXPECT_EQ(read_job(protocol::job_body(queued, {}), job_id, &expected)->status.state, JobState::Queued);
    queued.status = "failed";
    queued.error = Error{ErrorCode::Internal, "a\nfault\x1b[0m"};
    const auto failed = read_job(protocol::job_body(queued, {}), job_id, &expected);
    ASSERT_TRUE(failed);
    EXPECT_EQ(failed->status.state, JobState::Failed);
    EXPECT_EQ(failed->status.error_code, "INTERNAL");
    EXPECT_EQ(failed->status.error_message, "a?fault?[0m");
}

TEST_F(ReplyTest, PassesOverResultsThatNobodyAskedFor) {
    const auto reply = read_job(protocol::job_body(job, world.bytes), job_id, nullptr);
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status.state, JobState::Completed);
    EXPECT_FALSE(reply->result);
    EXPECT_LE(protocol::job_body(job, world.bytes).size(), max_job_bytes());
}

TEST_F(ReplyTest, ReadsSubmissions) {
    const auto accepted = read_submission(protocol::accepted_body(job_id), expected);
    ASSERT_TRUE(accepted);
    EXPECT_EQ(accepted->status.id, job_id);
    EXPECT_EQ(accepted->status.state, JobState::Queued);
    EXPECT_TRUE(read_submission(protocol::job_body(job, world.bytes), expected)->result);
    ASSERT_FALSE(read_submission(protocol::accepted_body("../models"), expected));
    ASSERT_FALSE(read_submission(R"({"status":"accepted"})", expected));
    ASSERT_FALSE(read_submission(
        R"({"status":"accepted","job_id":"0123456789abcdef0123456789abcdef","result":{"payload":"5e"}})", expected));
}

/// Replies in the binary form.
class BinaryReply : public ReplyTest {
protected:
    [[nodiscard]] Outcome<JobReply> read_binary(std::string_view payload, std::optional<std::size_t> compact = {},
                                                std::ptrdiff_t longer = 0) {
        Expectation binary = expected;
        binary.encoding = protocol::Encoding::Binary;
        binary.shape.compact_bytes = compact;
        job.result->encoding = protocol::Encoding::Binary;
        const std::string header = protocol::binary_job_header(job, payload.size());
        whole_ = header + std::string(payload);
        const std::size_t header_bytes = header.size() + static_cast<std::size_t>(longer);
        return read_job(ReplyBody(whole_, header_bytes), job_id, &binary);
    }
    [[nodiscard]] std::string_view seal() const {
        return {reinterpret_cast<const char*>(world.bytes.data()), world.bytes.size()};
    }

private:
    std::string whole_;
};

TEST_F(BinaryReply, IsTakenAndCheckedAsTheOthers) {
    const auto reply = read_binary(seal());
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->result->ciphertext.words, world.result.words);
    expect_refused(read_binary(seal().substr(0, seal().size() - 1)), "no valid ciphertext");
    expect_refused(read_binary(std::string(seal()) + "x"), "no valid ciphertext");
    expect_refused(read_binary(""), "as the contract has it");
    expect_refused(read_binary(seal(), {}, 1), "not JSON");
    expect_refused(read_binary("", {}, 1), "shorter than its own");
}

TEST_F(BinaryReply, OfACompactAnswerHasTheSizeThatWasAskedFor) {
    const auto reply = read_binary("12345", 5);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(std::string(reply->result->bytes.begin(), reply->result->bytes.end()), "12345");
    EXPECT_EQ(reply->result->error_bound, job.result->error_bound);
    expect_refused(read_binary("1234", 5), "no compact answer for so many rows");
    expect_refused(read_binary("123456", 5), "no compact answer for so many rows");
    expect_refused(read_binary(std::string(1 << 20, '1'), 5), "no compact answer for so many rows");
}

TEST_F(BinaryReply, ToATextRequestIsRefusedAndTheReverse) {
    job.result->encoding = protocol::Encoding::Binary;
    const std::string header = protocol::binary_job_header(job, world.bytes.size());
    const std::string whole = header + std::string(seal());
    expect_refused(read_job(ReplyBody(whole, header.size()), job_id, &expected), "another encoding");
    Expectation binary = expected;
    binary.encoding = protocol::Encoding::Binary;
    job.result->encoding = protocol::Encoding::Hex;
    expect_refused(read_job(protocol::job_body(job, world.bytes), job_id, &binary), "another encoding");
}

}  // namespace
}  // namespace einfer::client
