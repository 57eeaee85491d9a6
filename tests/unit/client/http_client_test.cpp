// The HTTP client against servers that are slow, gone, endless or wrong.
#include "client/http_client.h"
#include "client/server_api.h"
#include "fake_server.h"

#include <gtest/gtest.h>

#include <chrono>

namespace einfer::client {
namespace {

using namespace std::chrono_literals;
using client_test::FakeConnection;
using client_test::FakeServer;
using client_test::SeenRequest;

HttpClient client_for(const FakeServer& server, std::chrono::milliseconds timeout = 10s) {
    return {ServerUrl::parse(server.url()).value(), 5s, timeout};
}

HttpRequest get(std::string target = "/models", std::size_t max_reply_bytes = 1000) {
    HttpRequest request;
    request.target = std::move(target);
    request.max_reply_bytes = max_reply_bytes;
    return request;
}

/// What a call ends with when the server sends exactly these bytes and closes.
Outcome<HttpReply> after(const std::string& bytes, std::chrono::milliseconds timeout = 10s) {
    const FakeServer server([&](const SeenRequest&, const FakeConnection& connection) {
        connection.send(bytes);
        return false;
    });
    return client_for(server, timeout).call(get());
}

TEST(HttpClient, SendsWhatTheContractWants) {
    const FakeServer server([](const SeenRequest&, const FakeConnection& connection) {
        return connection.reply(200, "{}", "X-Request-ID: abc\r\nRetry-After: 7\r\n");
    });
    HttpClient http(ServerUrl::parse(server.url() + "/base/").value(), 5s, 5s);
    HttpRequest request = get("/infer");
    request.method = Method::Post;
    request.body = "{\"a\":1}";
    request.tenant = "clinic-7";
    request.request_id = "r1";
    request.api_key = "sesame";
    request.idempotency_key = "i1";
    request.wait = 30s;
    const auto reply = http.call(request);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body, "{}");
    EXPECT_EQ(reply->request_id, "abc");
    EXPECT_EQ(reply->retry_after, 7s);

    const SeenRequest seen = server.seen().at(0);
    EXPECT_EQ(seen.method, "POST");
    EXPECT_EQ(seen.target, "/base/infer");
    EXPECT_EQ(seen.body, "{\"a\":1}");
    for (const char* field : {"host: 127.0.0.1:", "content-type: application/json\r\n", "content-length: 7\r\n",
                              "x-tenant-id: clinic-7\r\n", "x-request-id: r1\r\n", "prefer: wait=30\r\n",
                              "authorization: bearer sesame\r\n", "idempotency-key: i1\r\n"})
        EXPECT_NE(seen.head.find(std::string("\r\n") + field), std::string::npos) << field << " in " << seen.head;
    EXPECT_EQ(http.bytes_sent(), seen.head.size() + 2 + seen.body.size());
    EXPECT_GT(http.bytes_received(), 60u);
}

TEST(HttpClient, KeepsItsConnection) {
    const FakeServer server(
        [](const SeenRequest&, const FakeConnection& connection) { return connection.reply(200, "{}"); });
    HttpClient http = client_for(server);
    for (int i = 0; i < 3; ++i) ASSERT_TRUE(http.call(get()));
    EXPECT_EQ(server.connections(), 1);
}

TEST(HttpClient, ReplacesAConnectionThatWasClosedWhileIdle) {
    const FakeServer server([](const SeenRequest&, const FakeConnection& connection) {
        connection.reply(200, "{}");
        return false;
    });
    HttpClient http = client_for(server);
    for (int i = 0; i < 3; ++i) {
        ASSERT_TRUE(http.call(get()));
        std::this_thread::sleep_for(20ms);
    }
    EXPECT_EQ(server.connections(), 3);
    EXPECT_EQ(server.seen().size(), 3u);
}

TEST(HttpClient, DoesNotRepeatOnAFreshConnection) {
    const auto reply = after("");
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::Connection);
}

TEST(HttpClient, SaysThatNobodyListens) {
    HttpClient http(ServerUrl::parse(client_test::url_without_server()).value(), 5s, 5s);
    const auto reply = http.call(get());
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::Connection);
    EXPECT_NE(reply.error().message.find("Connection refused"), std::string::npos) << reply.error().message;
}

TEST(HttpClient, BoundsItsPatience) {
    for (const char* begin : {"", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123",
                              "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n"}) {
        const FakeServer server([&](const SeenRequest&, const FakeConnection& connection) {
            connection.send(begin);
            static_cast<void>(connection.receive());  // until the client goes
            return false;
        });
        const auto start = std::chrono::steady_clock::now();
        const auto reply = client_for(server, 200ms).call(get());
        ASSERT_FALSE(reply) << begin;
        EXPECT_EQ(reply.error().kind, ErrorKind::Timeout);
        EXPECT_LT(std::chrono::steady_clock::now() - start, 5s);
    }
}

TEST(HttpClient, BoundsItsPatienceWithDribblingServers) {
    const FakeServer server([](const SeenRequest&, const FakeConnection& connection) {
        connection.send("HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n");
        while (connection.send("x")) std::this_thread::sleep_for(10ms);
        return false;
    });
    const auto reply = client_for(server, 300ms).call(get());
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::Timeout);
}

TEST(HttpClient, RefusesLongReplies) {
    const std::string head = "HTTP/1.1 200 OK\r\n";
    EXPECT_TRUE(after(head + "Content-Length: 1000\r\n\r\n" + std::string(1000, 'x')));
    for (const std::string& bytes : {
             head + "Content-Length: 1001\r\n\r\n" + std::string(1001, 'x'),
             head + "Content-Length: 99999999999999\r\n\r\n",
             head + "\r\n" + std::string(1001, 'x'),  // until the connection closes
             head + "Transfer-Encoding: chunked\r\n\r\n400\r\n" + std::string(1024, 'x') + "\r\n0\r\n\r\n",
             head + "X: " + std::string(100'000, 'x') + "\r\n\r\n",
             head + "Transfer-Encoding: chunked\r\n\r\n1;" + std::string(1'000'000, 'x'),
             "HTTP/1.1 500 X\r\nContent-Length: 65537\r\n\r\n" + std::string(65537, 'x'),
         }) {
        const auto reply = after(bytes);
        ASSERT_FALSE(reply) << bytes.substr(0, 60);
        EXPECT_EQ(reply.error().kind, ErrorKind::BadReply) << reply.error().message;
    }
    // An error's body is judged by its own limit.
    EXPECT_TRUE(after("HTTP/1.1 500 X\r\nContent-Length: 60000\r\n\r\n" + std::string(60000, 'x')));
}

TEST(HttpClient, RefusesEndlessReplies) {
    for (const char* piece : {"100\r\n", "1\r\nx\r\n"}) {
        const FakeServer server([&](const SeenRequest&, const FakeConnection& connection) {
            connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
            std::string run;
            if (std::string_view(piece) == "100\r\n")
                run = piece + std::string(256, 'x') + "\r\n";
            else
                for (int i = 0; i < 100; ++i) run += piece;
            while (connection.send(run)) {
            }
            return false;
        });
        const auto reply = client_for(server).call(get());
        ASSERT_FALSE(reply);
        EXPECT_EQ(reply.error().kind, ErrorKind::BadReply) << reply.error().message;
    }
    const FakeServer trailers([](const SeenRequest&, const FakeConnection& connection) {
        connection.send("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n");
        while (connection.send("X-Trailer: 0123456789012345678901234567890123456789\r\n")) {
        }
        return false;
    });
    ASSERT_FALSE(client_for(trailers).call(get()));
    const FakeServer interim([](const SeenRequest&, const FakeConnection& connection) {
        while (connection.send("HTTP/1.1 103 Early Hints\r\n\r\n")) {
        }
        return false;
    });
    const auto reply = client_for(interim).call(get());
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::BadReply) << reply.error().message;
}

TEST(HttpClient, SkipsInterimReplies) {
    const auto reply = after("HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}");
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->status, 200);
    EXPECT_EQ(reply->body, "{}");
}

TEST(HttpClient, RefusesWhatIsNotHttp) {
    for (const char* bytes :
         {"SSH-2.0-x\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
          "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "\r\n\r\n\r\n\r\n",
          "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n"}) {
        const auto reply = after(bytes);
        ASSERT_FALSE(reply) << bytes;
        EXPECT_EQ(reply.error().kind, ErrorKind::BadReply) << bytes << reply.error().message;
    }
    const auto broken = after("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n123");
    ASSERT_FALSE(broken);
    EXPECT_EQ(broken.error().kind, ErrorKind::Connection);
}

TEST(HttpClient, HearsARefusalWhileItIsStillSending) {
    const FakeServer server(
        [](const SeenRequest&, const FakeConnection& connection) {
            connection.reply(413, R"({"error":{"code":"PAYLOAD_TOO_LARGE","message":"too large"}})");
            std::this_thread::sleep_for(50ms);
            return false;
        },
        true);
    const std::string body(50'000'000, ' ');
    HttpRequest request = get("/infer");
    request.method = Method::Post;
    request.body = body;
    const auto reply = client_for(server).call(request);
    ASSERT_TRUE(reply) << reply.error().message;
    EXPECT_EQ(reply->status, 413);
}

TEST(HttpClient, IgnoresFieldsThatMakeNoSense) {
    const auto reply = after(
        "HTTP/1.1 503 X\r\nContent-Length: 0\r\nRetry-After: Tue, 01 Jan 2030 00:00:00 GMT\r\n"
        "X-Request-ID: two words\r\n\r\n");
    ASSERT_TRUE(reply);
    EXPECT_FALSE(reply->retry_after);
    EXPECT_EQ(reply->request_id, "");
    EXPECT_FALSE(after("HTTP/1.1 503 X\r\nContent-Length: 0\r\nRetry-After: 99999999999999\r\n\r\n")->retry_after);
}

TEST(Refusal, ShowsWhatTheServerSaid) {
    HttpReply reply{.status = 409,
                    .body = R"({"error":{"code":"INCOMPATIBLE_CIPHERTEXT","message":"other\nscale"}})",
                    .request_id = "r7",
                    .retry_after = {}};
    const Failure known = refusal_from(reply);
    EXPECT_EQ(known.kind, ErrorKind::Refused);
    EXPECT_EQ(known.code, "INCOMPATIBLE_CIPHERTEXT");
    EXPECT_EQ(known.message, "other?scale");
    EXPECT_EQ(known.http_status, 409);
    EXPECT_EQ(known.request_id, "r7");

    reply.body = R"({"error":{"code":"A_LATER_CODE","message":"m","more":[]},"more":1})";
    EXPECT_EQ(refusal_from(reply).code, "A_LATER_CODE");
    for (const char* body :
         {"", "<html>Bad Gateway</html>", "[]", "{\"error\":7}", "{\"error\":{\"code\":1,\"message\":[]}}"}) {
        reply.body = body;
        EXPECT_EQ(refusal_from(reply).code, "");
        EXPECT_NE(refusal_from(reply).message.find("409"), std::string::npos);
    }
}

TEST(ServerApi, TriesAgainWhenItIsToldTo) {
    int calls = 0;
    const FakeServer server([&](const SeenRequest&, const FakeConnection& connection) {
        if (++calls < 3)
            return connection.reply(503, R"({"error":{"code":"OVERLOADED","message":"full"}})", "Retry-After: 0\r\n");
        return connection.reply(200, "{}");
    });
    ServerApi api(client_for(server), "", 10s);
    EXPECT_TRUE(api.models());
    EXPECT_EQ(calls, 3);
}

TEST(ServerApi, GivesUpInTheEnd) {
    int calls = 0;
    std::string fields = "Retry-After: 0\r\n";
    const FakeServer server([&](const SeenRequest&, const FakeConnection& connection) {
        ++calls;
        return connection.reply(503, R"({"error":{"code":"OVERLOADED","message":"full"}})", fields);
    });
    ServerApi api(client_for(server), "", 10s);
    const auto refused = api.submit("{}", 1000, std::chrono::steady_clock::now() + 30s);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "OVERLOADED");
    EXPECT_FALSE(refused.error().request_id.empty());  // its own, since the server gave none
    EXPECT_EQ(calls, 6);

    for (const char* other : {"", "Retry-After: 61\r\n", "Retry-After: 1000000\r\n", "Retry-After: x\r\n"}) {
        calls = 0;
        fields = other;
        EXPECT_FALSE(api.models());
        EXPECT_EQ(calls, 1) << other;
    }
    // Waiting as long as it wants would pass the deadline.
    calls = 0;
    fields = "Retry-After: 5\r\n";
    EXPECT_FALSE(api.submit("{}", 1000, std::chrono::steady_clock::now() + 2s));
    EXPECT_EQ(calls, 1);
}

TEST(ServerApi, DoesNotFollowRedirects) {
    const FakeServer other(
        [](const SeenRequest&, const FakeConnection& connection) { return connection.reply(200, "{}"); });
    const FakeServer server([&](const SeenRequest&, const FakeConnection& connection) {
        return connection.reply(307, "", "Location: " + other.url() + "/models\r\n");
    });
    const auto reply = ServerApi(client_for(server), "", 10s).models();
    ASSERT_FALSE(reply);
    EXPECT_EQ(reply.error().kind, ErrorKind::Refused);
    EXPECT_EQ(other.connections(), 0);
}

TEST(ServerApi, WaitsThroughARestartOfTheServer) {
    int calls = 0;
    const FakeServer server([&](const SeenRequest&, const FakeConnection& connection) {
        if (++calls < 3) return false;
        return connection.reply(200, "{}");
    });
    ServerApi api(client_for(server), "t", 10s);
    EXPECT_TRUE(api.wait_for_job("0123456789abcdef0123456789abcdef", 1000, std::chrono::steady_clock::now() + 30s));
    EXPECT_EQ(calls, 3);
    EXPECT_NE(server.seen().back().head.find("prefer: wait=5\r\n"), std::string::npos) << server.seen().back().head;
    calls = 1;
    EXPECT_TRUE(api.submit("{}", 1000, std::chrono::steady_clock::now() + 30s));
    EXPECT_EQ(calls, 3);
    calls = 2;
    EXPECT_TRUE(api.models());
    calls = -1000;
    EXPECT_FALSE(api.models());
    EXPECT_EQ(calls, -1000 + 4);  // on the kept connection, and three new ones
}

TEST(ServerApi, SaysAtOnceThatNobodyListens) {
    ServerApi api(HttpClient(ServerUrl::parse(client_test::url_without_server()).value(), 5s, 5s), "", 10s);
    const auto start = std::chrono::steady_clock::now();
    EXPECT_EQ(api.models().error().kind, ErrorKind::Connection);
    EXPECT_LT(std::chrono::steady_clock::now() - start, 200ms);
}

/// The value of a field of a request, as FakeServer notes it.
std::string field_of(const SeenRequest& request, const std::string& name) {
    const std::size_t at = request.head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return "";
    const std::size_t begin = at + 2 + name.size() + 2;
    return request.head.substr(begin, request.head.find('\r', begin) - begin);
}

TEST(ServerApi, RepeatsASubmissionUnderTheSameKey) {
    // Reads the POST and is gone; says that it is full, and that the tenant was too quick; takes a while; answers.
    int calls = 0;
    const FakeServer server([&](const SeenRequest&, const FakeConnection& connection) {
        switch (++calls) {
            case 1: return false;
            case 2:
                return connection.reply(503, R"({"error":{"code":"OVERLOADED","message":"full"}})",
                                        "Retry-After: 0\r\n");
            case 3:
                return connection.reply(429, R"({"error":{"code":"RATE_LIMITED","message":"slow"}})",
                                        "Retry-After: 1\r\n");
            case 4: connection.send("HTTP/1.1 202 Accepted\r\nContent-Le"); return false;
            default: return connection.reply(202, "{}");
        }
    });
    ServerApi api(client_for(server), "", 10s, "sesame");
    const std::string body = "{\"a\":" + std::string(100'000, '1') + "}";
    ASSERT_TRUE(api.submit(body, 1000, std::chrono::steady_clock::now() + 30s));
    const auto seen = server.seen();
    ASSERT_EQ(seen.size(), 5u);
    const std::string key = field_of(seen.front(), "idempotency-key");
    EXPECT_EQ(key.size(), 32u);
    for (const SeenRequest& request : seen) {
        EXPECT_EQ(request.method, "POST");
        EXPECT_EQ(field_of(request, "idempotency-key"), key);
        EXPECT_EQ(field_of(request, "authorization"), "bearer sesame");
        EXPECT_EQ(request.body, body);
    }
    // Another submission is another job, whatever it holds; a GET has no key.
    ASSERT_TRUE(api.submit(body, 1000, std::chrono::steady_clock::now() + 30s));
    EXPECT_NE(field_of(server.seen().back(), "idempotency-key"), key);
    ASSERT_TRUE(api.models());
    EXPECT_EQ(field_of(server.seen().back(), "idempotency-key"), "");
    EXPECT_EQ(field_of(server.seen().back(), "authorization"), "bearer sesame");
}

TEST(ServerApi, RepeatsASubmissionWhoseKeptConnectionEnded) {
    const FakeServer server([&](const SeenRequest& request, const FakeConnection& connection) {
        if (request.method == "GET") return connection.reply(200, "{}");
        return request.connection > 1 && connection.reply(202, "{}");
    });
    ServerApi api(client_for(server), "", 10s);
    ASSERT_TRUE(api.models());
    ASSERT_TRUE(api.submit("{}", 1000, std::chrono::steady_clock::now() + 30s));
    const auto seen = server.seen();
    ASSERT_EQ(seen.size(), 3u);
    EXPECT_NE(field_of(seen[1], "idempotency-key"), "");
    EXPECT_EQ(field_of(seen[1], "idempotency-key"), field_of(seen[2], "idempotency-key"));
}

TEST(ServerApi, TakesAForgottenJobForFinal) {
    for (const int status : {404, 410, 401, 403, 409, 500}) {
        int calls = 0;
        const FakeServer server([&](const SeenRequest&, const FakeConnection& connection) {
            ++calls;
            return connection.reply(status, R"({"error":{"code":"X","message":"gone"}})");
        });
        ServerApi api(client_for(server), "", 10s);
        const auto deadline = std::chrono::steady_clock::now() + 30s;
        EXPECT_EQ(api.wait_for_job("0123456789abcdef0123456789abcdef", 1000, deadline).error().http_status, status);
        EXPECT_EQ(api.submit("{}", 1000, deadline).error().http_status, status);
        EXPECT_EQ(calls, 2);
    }
}

TEST(ServerApi, SaysHowLongItWasAskedToWait) {
    const FakeServer server([&](const SeenRequest&, const FakeConnection& connection) {
        return connection.reply(429, R"({"error":{"code":"RATE_LIMITED","message":"too many rows"}})",
                                "Retry-After: 1800\r\n");
    });
    ServerApi api(client_for(server), "", 10s);
    const auto refused = api.submit("{}", 1000, std::chrono::steady_clock::now() + 30s);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, "RATE_LIMITED");
    EXPECT_EQ(refused.error().message, "too many rows (it asks to wait 1800 s)");
    EXPECT_EQ(server.seen().size(), 1u);
}

}  // namespace
}  // namespace einfer::client
