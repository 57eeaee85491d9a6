// The use cases from end to end, without HTTP: what a client sends, what it reads back.
#include "server/inference_service.h"

#include "base/ids.h"
#include "protocol/json_reader.h"
#include "protocol/messages.h"
#include "protocol/schema.h"
#include "unit/server/requests.h"

#include <gtest/gtest.h>
#include <boost/json/value.hpp>

#include <future>
#include <thread>
#include <utility>

namespace einfer::test {
namespace {

using keys::EncryptionMode;
using protocol::Schema;
using server::InferenceService;
using server::ServiceOptions;

constexpr std::chrono::seconds patience{60};

boost::json::value checked(Schema schema, const std::string& text) {
    auto document = protocol::parse_json(text, {.max_string_bytes = 1u << 24, .max_text_bytes = 1u << 24});
    EXPECT_TRUE(document) << text.substr(0, 200);
    if (!document) return {};
    EXPECT_EQ(text_of(protocol::check_schema(schema, *document)), "OK") << text.substr(0, 200);
    return *std::move(document);
}

class InferenceServiceTest : public testing::Test {
protected:
    std::unique_ptr<InferenceService> make(const std::vector<std::string>& entries, ServiceOptions options = {}) const {
        options.data = directory.path() / "data";
        return InferenceService::create(make_catalog(entries, false), std::move(options), system_now).value();
    }
    static std::unique_ptr<InferenceService> prepared(std::unique_ptr<InferenceService> service) {
        EXPECT_TRUE(service->prepare());
        return service;
    }
    static const he::Context& context_of(const InferenceService& service, std::string_view model_id) {
        return *(*service.catalog().find(model_id, "1.0.0"))->context;
    }

    static RequestBody request(const InferenceService& service, std::string model_id, const keys::Session& session,
                               const std::vector<std::vector<double>>& columns) {
        RequestBody body;
        const double scale = (*service.catalog().find(model_id, "1.0.0"))->view.scale;
        body.model_id = std::move(model_id);
        body.members = "\"batch_size\":" + std::to_string(columns.front().size()) + ",";
        for (const auto& column : columns) body.inputs.push_back(input_of(session.encrypt(column, scale).value()));
        return body;
    }

    /// Uploads and submits; the job's id after it is on disk, or the error.
    static Result<std::string> submit(InferenceService& service, const RequestBody& body) {
        const auto memory = service.memory_of("alice");
        server::InferUpload upload = service.begin_upload(*memory);
        upload.feed(body.text());
        auto submission = upload.finish("alice");
        if (!submission) return submission.error();
        const std::string id = submission->id;
        std::promise<Result<jobs::Accepted>> done;
        const auto admitted = service.submit(*std::move(submission),
                                             [&](Result<jobs::Accepted> result) { done.set_value(std::move(result)); });
        if (!admitted) return admitted.error();
        auto stored = done.get_future();
        if (stored.wait_for(patience) != std::future_status::ready) return Error{ErrorCode::Internal, "hangs"};
        if (const auto result = stored.get(); !result) return result.error();
        return {boost::system::in_place_value, id};
    }

    /// The final job document.
    static boost::json::value wait(InferenceService& service, const std::string& id) {
        std::promise<void> woken;
        const auto handle = service.when_final(id, [&] { woken.set_value(); });
        EXPECT_EQ(woken.get_future().wait_for(patience), std::future_status::ready);
        const auto document = service.job(id, "alice");
        EXPECT_TRUE(document) << text_of(document);
        if (!document) return {};
        EXPECT_TRUE(document->final);
        return checked(Schema::Job, document->body);
    }

    static std::vector<double> decrypt(const boost::json::value& job, const keys::Session& session, std::size_t rows,
                                       std::size_t size) {
        const std::string payload(job.at("result").at("payload").get_string());
        const auto encoding = protocol::encoding_from(job.at("result").at("encoding").get_string()).value();
        protocol::PayloadDecoder decoder(encoding);
        Bytes bytes;
        decoder.feed(payload, [&](auto run) { bytes.insert(bytes.end(), run.begin(), run.end()); });
        EXPECT_TRUE(decoder.finish());
        const he::Context& context = session.context();
        const std::size_t degree = context.poly_modulus_degree(), primes = context.data_prime_count();
        const auto parsed =
            wire::parse_ciphertext(bytes, {.max_serialized_bytes = wire::serialized_size(3, degree, primes),
                                           .max_words = 3 * degree * primes,
                                           .min_size = 2,
                                           .max_size = 3});
        EXPECT_EQ(text_of(parsed), "OK");
        EXPECT_EQ(parsed->size, size);
        EXPECT_EQ(parsed->seal_minor, keys::seal_minor_version());
        EXPECT_EQ(parsed->parms_id, context.parms_id(parsed->coeff_modulus_size));
        return session.decrypt(expand(*parsed, context), rows).value();
    }

    TemporaryDirectory directory;
};

TEST_F(InferenceServiceTest, AnswersWithinItsBound) {
    const auto service = prepared(make({std::string(small_entry), quadratic_entry()}));
    const std::vector<std::vector<double>> columns{{1, -2, 3.5, 4}, {0, 4, -4, 0.25}};
    for (const auto& [model_id, c2, size] : {std::tuple("small_v1", 0.0, 2u), std::tuple("quadratic_v1", 0.125, 3u)})
        for (const EncryptionMode mode : {EncryptionMode::Symmetric, EncryptionMode::PublicKey}) {
            const keys::Session session = make_session(context_of(*service, model_id), mode);
            const auto id = submit(*service, request(*service, model_id, session, columns));
            ASSERT_TRUE(id) << text_of(id);
            const boost::json::value job = wait(*service, *id);
            ASSERT_EQ(job.at("status").get_string(), "completed");
            const auto& diagnostics = job.at("result").at("diagnostics");
            EXPECT_EQ(diagnostics.at("requested_batch_size").to_number<int>(), 4);
            EXPECT_EQ(diagnostics.at("processed_batch_size").to_number<int>(), 4);
            EXPECT_FALSE(diagnostics.at("batch_truncated").get_bool());
            std::vector<double> expected;
            for (std::size_t row = 0; row < 4; ++row) {
                const double z = 0.5 * columns[0][row] - 0.25 * columns[1][row] + 0.125;
                expected.push_back(0.5 + 0.25 * z + c2 * z * z);
            }
            const double bound = job.at("result").at("error_bound").to_number<double>();
            EXPECT_LE(bound, c2 == 0 ? 0.001 : 0.5);
            EXPECT_LE(max_abs_diff(decrypt(job, session, 4, size), expected), bound) << model_id;
        }
    EXPECT_EQ(service->load().unfinished_jobs, 0u);
}

TEST_F(InferenceServiceTest, TheDigestIsThatOfTheBytesSent) {
    const auto service = prepared(make({std::string(small_entry)}));
    const keys::Session session = make_session(context_of(*service, "small_v1"), EncryptionMode::Symmetric);
    Sha256 digest;
    RequestBody body;
    for (const protocol::Encoding encoding : {protocol::Encoding::Base64, protocol::Encoding::Hex}) {
        const Bytes bytes = session.encrypt(std::vector{1.0}, 0x1p30).value();
        digest.update(bytes);
        body.inputs.push_back(input_of(bytes, encoding));
    }
    const boost::json::value job = wait(*service, submit(*service, body).value());
    EXPECT_EQ(job.at("result").at("request_digest").get_string(), "sha256:" + digest.hex_digest());
    EXPECT_EQ(job.at("result").at("encoding").get_string(), "base64");
    EXPECT_EQ(decrypt(job, session, 1, 2).size(), 1u);
}

TEST_F(InferenceServiceTest, JobsBelongToTheirTenant) {
    const auto service = prepared(make({std::string(small_entry)}));
    const keys::Session session = make_session(context_of(*service, "small_v1"), EncryptionMode::Symmetric);
    const std::string id = submit(*service, request(*service, "small_v1", session, {{1}, {2}})).value();
    const auto foreign = service->job(id, "mallory"), unknown = service->job(std::string(32, '0'), "alice");
    EXPECT_EQ(code_of(foreign), "UNKNOWN_JOB");
    EXPECT_EQ(text_of(foreign), text_of(unknown));
    wait(*service, id);
    EXPECT_EQ(text_of(service->job(id, "mallory")), text_of(unknown));
    EXPECT_EQ(service->job(id, "alice")->body, service->job(id, "alice")->body) << "a final job never changes";
}

TEST_F(InferenceServiceTest, InputsThatCancelFailTheJobAndNothingElse) {
    const std::string entry = with(small_entry, "/parameters/weights", "[1, -1]");
    const auto service = prepared(make({entry}));
    const keys::Session session = make_session(context_of(*service, "small_v1"), EncryptionMode::PublicKey);
    RequestBody body = request(*service, "small_v1", session, {{1}, {2}});
    RequestBody cancelling = body;
    cancelling.inputs[1] = cancelling.inputs[0];  // x − x: a transparent result
    const boost::json::value failed = wait(*service, submit(*service, cancelling).value());
    EXPECT_EQ(failed.at("status").get_string(), "failed");
    EXPECT_EQ(failed.at("error").at("code").get_string(), "INVALID_CIPHERTEXT");
    EXPECT_EQ(wait(*service, submit(*service, body).value()).at("status").get_string(), "completed");
}

TEST_F(InferenceServiceTest, ReadinessHasItsReason) {
    const auto service = make({std::string(small_entry)});
    EXPECT_EQ(code_of(service->readiness()), "CRYPTO_CONTEXT_UNAVAILABLE");
    EXPECT_EQ(code_of(service->keys(1, protocol::ApiVersion::V1_0)), "CRYPTO_CONTEXT_UNAVAILABLE");
    ASSERT_TRUE(service->prepare());
    EXPECT_EQ(code_of(service->readiness()), "OK");
    const keys::Session session = make_session(context_of(*service, "small_v1"), EncryptionMode::Symmetric);
    const RequestBody body = request(*service, "small_v1", session, {{1}, {2}});
    const std::string id = submit(*service, body).value();
    wait(*service, id);
    service->begin_shutdown();
    EXPECT_EQ(code_of(service->readiness()), "SHUTTING_DOWN");
    service->stop();
    EXPECT_EQ(code_of(submit(*service, body)), "SHUTTING_DOWN");
    EXPECT_TRUE(service->job(id, "alice")) << "results can still be read";
}

/// Runs a server, and stops it with a job accepted that it has not begun.
class Restart : public InferenceServiceTest {
protected:
    std::string leave_queued_job() const {
        // The first evaluation holds the only worker until the server stops, so that the second job stays queued.
        std::promise<void> running, release;
        ServiceOptions options;
        options.store_first = true;
        options.jobs.observe = [&, first = true](jobs::Event event, const jobs::Job&) mutable {
            if (event != jobs::Event::Started || !std::exchange(first, false)) return;
            running.set_value();
            release.get_future().wait();
        };
        const auto service = prepared(make({std::string(small_entry)}, options));
        EXPECT_TRUE(submit(*service, request(*service, "small_v1", session, {{1}, {2}})));
        running.get_future().wait();
        std::string id = submit(*service, request(*service, "small_v1", session, {{2}, {4}})).value();
        EXPECT_EQ(checked(Schema::Job, service->job(id, "alice")->body).at("status").get_string(), "queued");
        EXPECT_FALSE(service->job(id, "alice")->final);
        auto stopping = std::async(std::launch::async, [&] { service->stop(); });
        while (is_taking_jobs(*service)) std::this_thread::yield();
        release.set_value();
        stopping.wait();
        return id;
    }

    static bool is_taking_jobs(InferenceService& service) {
        jobs::Submission probe;
        probe.id = random_id();
        probe.tenant = "probe";
        probe.inputs = std::make_shared<const jobs::Bytes>(1);
        return code_of(service.submit(std::move(probe), [](const Result<jobs::Accepted>&) {})) != "SHUTTING_DOWN";
    }

    const keys::Session session = make_session(make_context(4096, {36, 36, 37}), EncryptionMode::Symmetric);
};

TEST_F(Restart, AJobAcceptedBeforeItIsAnsweredAfterIt) {
    const std::string id = leave_queued_job();
    const auto service = prepared(make({std::string(small_entry)}));
    const boost::json::value job = wait(*service, id);
    ASSERT_EQ(job.at("status").get_string(), "completed");
    EXPECT_LE(std::abs(decrypt(job, session, 1, 2).front() - (0.5 + 0.25 * 0.125)),
              job.at("result").at("error_bound").to_number<double>());
}

TEST_F(Restart, AJobWhoseModelIsGoneOrHasChangedFails) {
    const std::string others[] = {
        with(small_entry, "/version", "\"1.0.1\""),
        // The same name, but another ring in which the stored inputs have the right number of bytes; one feature more;
        // another scale.
        with(large_entry(), "/model_id", "\"small_v1\""),
        with(with(with(small_entry, "/parameters/weights", "[1, 1, 1]"), "/inference/input_dimension", "3"),
             "/input_bounds", "[4, 4, 4]"),
        with(small_entry, "/encryption_parameters/scale", "536870912"),
    };
    for (const std::string& entry : others) {
        const std::string id = leave_queued_job();
        const auto service = prepared(make({entry}));
        const boost::json::value job = wait(*service, id);
        EXPECT_EQ(job.at("status").get_string(), "failed") << entry;
        EXPECT_EQ(job.at("error").at("code").get_string(), "INTERNAL") << entry;
    }
}

}  // namespace
}  // namespace einfer::test
