// The public interface, from rows to predictions, against a server in this process.
#include "einfer/client.h"
#include "evaluating_server.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>

namespace {

using namespace std::chrono_literals;
using einfer::ErrorKind;
using einfer::client_test::Behaviour;
using einfer::client_test::EvaluatingServer;
using Rows = std::vector<std::vector<double>>;

const Rows rows{{0.5, 0.25, -1}, {1, 1, 1}, {0, 0, 0}, {-1, 0.75, 0.5}, {0.125, -2, 1}, {0.3, 0.2, 0.1}};

/// The error that a call throws; fails the test when it throws none.
einfer::Error error_of(const std::function<void()>& call) {
    try {
        call();
    } catch (const einfer::Error& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
        return error;
    }
    ADD_FAILURE() << "nothing was thrown";
    return {ErrorKind::InvalidArgument, "none"};
}

einfer::Error inference_error(const Behaviour& behaviour) {
    const EvaluatingServer server(behaviour);
    einfer::Client client({.server = server.url()});
    return error_of([&] { static_cast<void>(client.infer(server.model_id(), "", rows)); });
}

void expect_right(const EvaluatingServer& server, const einfer::Predictions& predictions) {
    ASSERT_EQ(predictions.values.size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
        EXPECT_NEAR(predictions.values[i], server.predict(rows[i]),
                    predictions.error_bound + predictions.resolution / 2);
        const double units = predictions.values[i] / predictions.resolution;
        EXPECT_NEAR(units, std::round(units), 1e-6) << "not rounded";
    }
}

TEST(Client, PredictsInEveryForm) {
    const EvaluatingServer server;
    for (const auto encoding : {einfer::Encoding::Hex, einfer::Encoding::Base64})
        for (const auto encryption : {einfer::Encryption::Symmetric, einfer::Encryption::PublicKey}) {
            einfer::Client client(
                {.server = server.url(), .tenant = "t-1", .encoding = encoding, .encryption = encryption});
            std::vector<std::string> progress;
            const auto predictions =
                client.infer("small_linear", "1.0.0", rows, [&](std::size_t done, std::size_t total) {
                    progress.push_back(std::to_string(done) + "/" + std::to_string(total));
                });
            expect_right(server, predictions);
            EXPECT_EQ(predictions.error_bound, 1e-3);
            EXPECT_EQ(predictions.resolution, 1e-3);
            EXPECT_EQ(predictions.batches, 2u);
            EXPECT_EQ(progress, (std::vector<std::string>{"1/2", "2/2"}));
            EXPECT_GT(predictions.timings.keys, 0);
            EXPECT_GT(predictions.timings.encrypt, 0);
            EXPECT_GT(predictions.timings.round_trip, 0);
            EXPECT_GT(predictions.timings.decrypt, 0);
            const auto seen = server.seen().back();
            EXPECT_GT(predictions.bytes_sent, 2 * seen.body.size());
            EXPECT_GT(predictions.bytes_received, 2 * 2 * 4096 * 2 * 8u);
            EXPECT_NE(seen.head.find("x-tenant-id: t-1"), std::string::npos);
        }
}

TEST(Client, PredictsWithResultsOfThreePolynomials) {
    const EvaluatingServer server({.quadratic = true});
    expect_right(server, einfer::Client({.server = server.url()}).infer("small_square", "", rows));
}

TEST(Client, TakesRowsInOnePieceAndSmallerBatches) {
    const EvaluatingServer server;
    std::vector<double> flat;
    for (const auto& row : rows) flat.insert(flat.end(), row.begin(), row.end());
    einfer::Client client({.server = server.url(), .batch_size = 1});
    const auto predictions = client.infer("small_linear", "", flat, 3);
    expect_right(server, predictions);
    EXPECT_EQ(predictions.batches, rows.size());
    EXPECT_EQ(server.count("GET"), 2);  // of both versions
    // The keys are there, and so is the list.
    EXPECT_LT(client.infer("small_linear", "", flat, 3).timings.keys, predictions.timings.keys);
    EXPECT_EQ(server.count("GET"), 2);  // of both versions
    EXPECT_EQ(error_of([&] { static_cast<void>(client.infer("small_linear", "", flat, 4)); }).kind(),
              ErrorKind::InvalidArgument);
    EXPECT_EQ(error_of([&] { static_cast<void>(client.infer("small_linear", "", flat, 0)); }).kind(),
              ErrorKind::InvalidArgument);
}

TEST(Client, EncryptsOnAnyNumberOfThreads) {
    const EvaluatingServer server;
    for (const std::size_t threads : {0, 1, 2, 1000000}) {
        einfer::Client client({.server = server.url(), .threads = threads});
        expect_right(server, client.infer("small_linear", "", rows));
        einfer::Client moved = std::move(client);
        expect_right(server, moved.infer("small_linear", "", rows));
    }
}

TEST(Client, PollsWhenTheServerDoesNotWait) {
    const EvaluatingServer server({.accept_only = true, .polls_until_final = 3});
    einfer::Client client({.server = server.url(), .tenant = "t-1"});
    expect_right(server, client.infer("small_linear", "", rows));
    EXPECT_EQ(server.count("GET"), 2 + 3 + 1 + 1);
    EXPECT_NE(server.seen().back().head.find("x-tenant-id: t-1"), std::string::npos);
    EXPECT_EQ(client.job("0123456789abcdef0123456789abcdef").state, einfer::JobState::Completed);
}

TEST(Client, GivesUpAJobThatDoesNotEnd) {
    const EvaluatingServer server({.accept_only = true, .polls_until_final = 1'000'000});
    einfer::Client client({.server = server.url(), .job_timeout = 1s});
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(error_of([&] { static_cast<void>(client.infer("small_linear", "", rows)); }).kind(), ErrorKind::Timeout);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
    EXPECT_LT(server.count("GET"), 20);  // it backs off
}

TEST(Client, TriesAgainWhenTheServerIsFull) {
    const EvaluatingServer server({.overloaded = 2});
    expect_right(server, einfer::Client({.server = server.url()}).infer("small_linear", "", rows));
    EXPECT_EQ(server.count("POST"), 4);
}

TEST(Client, ReportsFailedJobs) {
    for (const bool accept_only : {false, true}) {
        const auto error = inference_error({.accept_only = accept_only, .fail_job = true});
        EXPECT_EQ(error.kind(), ErrorKind::JobFailed);
        EXPECT_EQ(error.code(), "INTERNAL");
    }
}

TEST(Client, ReportsRefusals) {
    const auto error = inference_error({.overloaded = 1000});
    EXPECT_EQ(error.kind(), ErrorKind::Refused);
    EXPECT_EQ(error.code(), "OVERLOADED");
    EXPECT_EQ(error.http_status(), 503);
    EXPECT_EQ(error.request_id().size(), 32u);
}

TEST(Client, RefusesRepliesThatFailACheck) {
    EXPECT_EQ(inference_error({.wrong_digest = true}).kind(), ErrorKind::BadReply);
    EXPECT_EQ(inference_error({.error_bound = "1.5"}).kind(), ErrorKind::BadReply);
    EXPECT_EQ(inference_error({.offset = 100}).kind(), ErrorKind::BadReply);
    EXPECT_EQ(inference_error({.accept_only = true, .wrong_digest = true}).kind(), ErrorKind::BadReply);
}

TEST(Client, ShowsNoMoreDigitsThanEncryptionLeaves) {
    const EvaluatingServer server({.error_bound = "1e-15"});
    const auto predictions = einfer::Client({.server = server.url()}).infer("small_linear", "", rows);
    EXPECT_EQ(predictions.error_bound, 1e-15);
    EXPECT_EQ(predictions.resolution, 1e-4);  // 8 sqrt(4096) / 2^24 is 3.1e-5
}

TEST(Client, LetsTheServerSeeNothingOfWhatItDecrypted) {
    // The first batch decrypts to nonsense; the second goes out all the same, and only then comes the error.
    const EvaluatingServer server({.offset = 100, .offset_batch = 1});
    einfer::Client client({.server = server.url()});
    int batches = 0;
    const auto error = error_of([&] {
        static_cast<void>(client.infer("small_linear", "", rows, [&](std::size_t, std::size_t) { ++batches; }));
    });
    EXPECT_EQ(error.kind(), ErrorKind::BadReply);
    EXPECT_EQ(server.count("POST"), 2);
    EXPECT_EQ(batches, 2);
}

TEST(Client, SendsNothingForWrongArguments) {
    const EvaluatingServer server;
    einfer::Client client({.server = server.url()});
    const double nan = std::numeric_limits<double>::quiet_NaN();
    for (const Rows& wrong :
         {Rows{}, Rows{{1, 2}}, Rows{{1, 2, 3}, {1, 2, 3, 4}}, Rows{{1, 2, 3}, {1, 2, nan}}, Rows{{1e30, 0, 0}}})
        EXPECT_EQ(error_of([&] { static_cast<void>(client.infer("small_linear", "", wrong)); }).kind(),
                  ErrorKind::InvalidArgument);
    const auto second = error_of([&] { static_cast<void>(client.infer("small_linear", "", Rows{{1, 2, 3}, {1}})); });
    EXPECT_EQ(second.row(), 1u);
    EXPECT_EQ(std::string(second.what()).find("row 1 "), 0u);
    const auto unknown = error_of([&] { static_cast<void>(client.infer("small_linear", "2.0.0", rows)); });
    EXPECT_EQ(unknown.kind(), ErrorKind::InvalidArgument);
    EXPECT_NE(std::string(unknown.what()).find("it has: small_linear@1.0.0"), std::string::npos) << unknown.what();
    EXPECT_EQ(error_of([&] { static_cast<void>(client.job("../models")); }).kind(), ErrorKind::InvalidArgument);
    EXPECT_EQ(server.count("POST"), 0);
}

TEST(Client, ChecksItsOptions) {
    for (const einfer::ClientOptions& options : {
             einfer::ClientOptions{.server = "ftp://127.0.0.1"},
             einfer::ClientOptions{.api_key = "a b"},
             einfer::ClientOptions{.api_key = "a\r\nX-Tenant-ID: y"},
             einfer::ClientOptions{.api_key = std::string("a\0b", 3)},
             einfer::ClientOptions{.api_key = "\xc3\xa4"},
             einfer::ClientOptions{.api_key = std::string(1025, 'a')},
             einfer::ClientOptions{.server = "http://einfer.example.org", .api_key = "sesame"},
             einfer::ClientOptions{.server = "http://10.0.0.1", .api_key = "sesame"},
             einfer::ClientOptions{.ca_file = "/dev/null"},
             einfer::ClientOptions{.server = "https://127.0.0.1", .ca_file = "/dev/null"},
             einfer::ClientOptions{.server = "https://127.0.0.1", .ca_file = "/no/such/file"},
             einfer::ClientOptions{.server = "https://127.0.0.1", .client_certificate = "/no/such/file"},
             einfer::ClientOptions{.server = "https://127.0.0.1", .client_key = "/no/such/file"},
             einfer::ClientOptions{
                 .server = "https://127.0.0.1", .client_certificate = "/dev/null", .client_key = "/dev/null"},
             einfer::ClientOptions{.tenant = "a b"},
             einfer::ClientOptions{.tenant = "a\r\nX: y"},
             einfer::ClientOptions{.call_timeout = 0ms},
             einfer::ClientOptions{.job_timeout = -1ms},
         }) {
        const auto error = error_of([&] { einfer::Client client(options); });
        EXPECT_EQ(error.kind(), ErrorKind::InvalidArgument);
        EXPECT_EQ(std::string(error.what()).find("sesame"), std::string::npos);
    }
    const einfer::Client over_tls({.server = "https://einfer.example.org", .api_key = "sesame"});
    const einfer::Client forever(
        {.call_timeout = std::chrono::milliseconds::max(), .job_timeout = std::chrono::milliseconds::max()});
}

TEST(Client, SaysThatItCannotConnect) {
    einfer::Client client({.server = einfer::client_test::url_without_server()});
    EXPECT_EQ(error_of([&] { static_cast<void>(client.models()); }).kind(), ErrorKind::Connection);
}

TEST(Client, ListsModels) {
    const EvaluatingServer server;
    const auto models = einfer::Client({.server = server.url()}).models();
    ASSERT_EQ(models.size(), 1u);
    EXPECT_EQ(models[0].id, "small_linear");
    EXPECT_EQ(models[0].max_batch_size, 4u);
}

TEST(Client, TellsWhichModelItWouldTake) {
    const EvaluatingServer server;
    einfer::Client client({.server = server.url()});
    EXPECT_EQ(client.model("small_linear").id, "small_linear");
    EXPECT_EQ(client.model("small_linear", client.model("small_linear").version).max_batch_size, 4u);
    for (const auto& [id, version] : {std::pair("large", ""), std::pair("small_linear", "9.9.9")}) {
        const auto error = error_of([&, &wanted = id, &of = version] { static_cast<void>(client.model(wanted, of)); });
        EXPECT_EQ(error.kind(), ErrorKind::InvalidArgument);
        EXPECT_NE(std::string(error.what()).find("it has: small_linear@"), std::string::npos) << error.what();
    }
    expect_right(server, client.infer("small_linear", "", rows));
}

TEST(Client, ReportsUnknownJobsAsRefused) {
    const EvaluatingServer server;
    const auto error =
        error_of([&] { static_cast<void>(einfer::Client({.server = server.url()}).job(std::string(32, 'f'))); });
    EXPECT_EQ(error.kind(), ErrorKind::Refused);
    EXPECT_EQ(error.code(), "UNKNOWN_JOB");
    EXPECT_EQ(error.http_status(), 404);
}

TEST(Client, LetsExceptionsOfProgressPass) {
    const EvaluatingServer server;
    einfer::Client client({.server = server.url()});
    EXPECT_THROW(static_cast<void>(client.infer("small_linear", "", rows,
                                                [](std::size_t, std::size_t) { throw std::out_of_range("stop"); })),
                 std::out_of_range);
    expect_right(server, client.infer("small_linear", "", rows));  // and is usable afterwards
}

TEST(Client, Moves) {
    const EvaluatingServer server;
    auto first = std::make_unique<einfer::Client>(einfer::ClientOptions{.server = server.url()});
    expect_right(server, first->infer("small_linear", "", rows));
    einfer::Client second(std::move(*first));
    first.reset();
    expect_right(server, second.infer("small_linear", "", rows));
}

TEST(Client, KnowsItsVersion) { EXPECT_STREQ(einfer::library_version(), EINFER_VERSION); }

}  // namespace
