// The body of a request is the same, however many threads encrypt it.
#include "client/request_body.h"

#include "base/sha256.h"
#include "protocol/infer_request.h"
#include "small_world.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

namespace einfer::client {
namespace {

using client_test::small_model;
using keys::EncryptionMode;
using protocol::Encoding;

constexpr std::size_t features = 9;
constexpr std::size_t thread_counts[] = {1, 2, 3, 4, 9, 32};

protocol::ModelDescription wide_model() {
    auto model = small_model();
    model.input_dimension = features;
    model.weights.assign(features, 0.5);
    return model;
}

/// Row r has 10 f + r at feature f.
std::vector<std::vector<double>> numbered_rows(std::size_t count) {
    std::vector<std::vector<double>> rows(count, std::vector<double>(features));
    for (std::size_t r = 0; r < count; ++r)
        for (std::size_t f = 0; f < features; ++f) rows[r][f] = static_cast<double>(10 * f + r);
    return rows;
}

/// What a server reads.
struct Inputs final : protocol::PayloadSink {
    std::vector<std::vector<std::uint8_t>> bytes;
    void begin_input() override { bytes.emplace_back(); }
    void input_bytes(std::span<const std::uint8_t> run) override {
        bytes.back().insert(bytes.back().end(), run.begin(), run.end());
    }
    void end_input() override {}
};

class RequestBodyTest : public testing::TestWithParam<std::tuple<EncryptionMode, Encoding>> {
protected:
    [[nodiscard]] Outcome<EncryptedBatch> encrypt(const std::vector<std::vector<double>>& rows, WorkerPool& workers) {
        const std::vector<Row> views(rows.begin(), rows.end());
        return encrypt_batch(session, model, views, encoding, workers);
    }

    const EncryptionMode mode = std::get<0>(GetParam());
    const Encoding encoding = std::get<1>(GetParam());
    const protocol::ModelDescription model = wide_model();
    const he::Context context = he::Context::create(client_test::parameters(model)).value();
    const keys::Session session = keys::Session::create(context, mode).value();
};

/// The text around the payloads.
std::string frame_of(std::string_view body) {
    std::string frame;
    for (std::size_t at = 0; at < body.size();) {
        constexpr std::string_view key = R"("payload":")";
        const std::size_t found = body.find(key, at);
        const std::size_t begin = found == std::string_view::npos ? body.size() : found + key.size();
        frame += body.substr(at, begin - at);
        at = std::min(body.find('"', begin), body.size());
    }
    return frame;
}

TEST_P(RequestBodyTest, IsTheSameForAnyNumberOfThreads) {
    std::optional<std::string> frame;
    std::optional<std::size_t> size;
    for (const std::size_t threads : thread_counts) {
        WorkerPool workers(threads);
        workers.run(64, [](std::size_t, std::size_t) {});  // of a model with more features: all its threads are there
        for (const std::size_t count : {1, 3}) {
            const auto rows = numbered_rows(count);
            const auto batch = encrypt(rows, workers);
            ASSERT_TRUE(batch);

            Inputs inputs;
            protocol::InferRequestParser parser(session.encrypted_size(), inputs);
            parser.feed(batch->body.view());
            const auto parsed = parser.finish();
            ASSERT_TRUE(parsed) << parsed.error().message;
            EXPECT_EQ(parsed->model_id, model.model_id);
            EXPECT_EQ(parsed->version, model.version);
            EXPECT_EQ(parsed->batch_size, count);
            EXPECT_EQ(parsed->encoding, encoding);
            for (const auto& payload : parsed->payloads) EXPECT_FALSE(payload.fault);
            ASSERT_EQ(inputs.bytes.size(), features);

            Sha256 digest;
            for (std::size_t f = 0; f < features; ++f) {
                digest.update(inputs.bytes[f]);
                EXPECT_EQ(inputs.bytes[f].size(), session.encrypted_size());
                const auto values = session.decrypt(client_test::load_input(context, inputs.bytes[f]), count);
                ASSERT_TRUE(values);
                for (std::size_t r = 0; r < count; ++r) EXPECT_NEAR(values->at(r), rows[r][f], 0.01) << f;
            }
            EXPECT_EQ(batch->digest, digest.hex_digest());

            if (count != 1) continue;
            const std::string_view text = batch->body.view();
            EXPECT_EQ(size.value_or(text.size()), text.size());
            EXPECT_EQ(frame.value_or(frame_of(text)), frame_of(text));
            size = text.size();
            frame = frame_of(text);
        }
    }
    const std::string input = R"({"encoding":")" + std::string(protocol::name(encoding)) + R"(","payload":""})";
    std::string expected = R"({"model_id":"small_linear","version":"1.0.0","batch_size":1,"inputs":[)" + input;
    for (std::size_t f = 1; f < features; ++f) expected += ',' + input;
    EXPECT_EQ(frame, expected + "]}");
}

TEST_P(RequestBodyTest, AFeatureThatCannotBeEncryptedIsTheFailure) {
    for (const std::size_t threads : thread_counts) {
        WorkerPool workers(threads);
        for (const std::size_t bad : {0, 4, 8}) {
            auto rows = numbered_rows(2);
            rows[1][bad] = std::nan("");
            const auto batch = encrypt(rows, workers);
            ASSERT_FALSE(batch);
            EXPECT_EQ(batch.error().kind, ErrorKind::Crypto);
            EXPECT_TRUE(encrypt(numbered_rows(2), workers));  // and the workers go on
        }
    }
}

TEST_P(RequestBodyTest, WhenAllFailItIsOneFailure) {
    for (const std::size_t threads : thread_counts) {
        WorkerPool workers(threads);
        const auto batch = encrypt({std::vector<double>(features, 1e300)}, workers);
        ASSERT_FALSE(batch);
        EXPECT_EQ(batch.error().kind, ErrorKind::Crypto);
    }
}

TEST(RequestBody, OneThatIsTooLargeIsNotBegun) {
    auto model = small_model();
    model.input_dimension = 1 << 20;
    const keys::Session session =
        keys::Session::create(he::Context::create(client_test::parameters(model)).value(), EncryptionMode::Symmetric)
            .value();
    const std::vector<double> row(model.input_dimension, 1);
    const std::vector<Row> rows{row};
    WorkerPool workers(2);
    const auto batch = encrypt_batch(session, model, rows, Encoding::Hex, workers);
    ASSERT_FALSE(batch);
    EXPECT_EQ(batch.error().kind, ErrorKind::InvalidArgument);
}

INSTANTIATE_TEST_SUITE_P(All, RequestBodyTest,
                         testing::Combine(testing::Values(EncryptionMode::Symmetric, EncryptionMode::PublicKey),
                                          testing::Values(Encoding::Hex, Encoding::Base64)));

}  // namespace
}  // namespace einfer::client
