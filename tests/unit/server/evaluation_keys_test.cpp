// POST /keys, /keys/{id}, and inference with evaluation keys, over a socket.
#include "protocol/schema.h"
#include "unit/server/keyed_server.h"

#include "support/verdict.h"

#include <thread>

namespace einfer::test {
namespace {

using Encoding = protocol::Encoding;

std::string id_of(const Answer& answer) {
    EXPECT_TRUE(answer.status == 200 || answer.status == 201) << answer.body;
    return std::string(answer.json().at("evaluation_key_id").get_string());
}

std::string detail(const Answer& answer, std::string_view name) {
    const auto document = answer.json();
    const auto* const details = document.at("error").get_object().if_contains("details");
    const auto* const found = details != nullptr ? details->get_object().if_contains(name) : nullptr;
    return found != nullptr ? std::string(found->get_string()) : "(none)";
}

void expect_answer(KeyedClient& client, const Answer& answer, const std::vector<double>& values) {
    ASSERT_EQ(answer.status, 200) << answer.body;
    const auto job = answer.json();
    ASSERT_EQ(job.at("status").get_string(), "completed") << answer.body.substr(0, 500);
    Bytes bytes;
    protocol::PayloadDecoder decoder(Encoding::Base64);
    decoder.feed(std::string(job.at("result").at("payload").get_string()),
                 [&bytes](auto run) { bytes.insert(bytes.end(), run.begin(), run.end()); });
    const auto slots = client.decrypt(bytes);
    for (std::size_t i = 0; i + 1 < values.size(); ++i)
        EXPECT_NEAR(slots[i], values[i] * values[i] + values[i + 1] * values[i + 1], 0.001);
}

std::string failure_of(const Answer& answer) {
    EXPECT_EQ(answer.status, 200) << answer.body;
    const auto job = answer.json();
    EXPECT_EQ(job.at("status").get_string(), "failed");
    return std::string(job.at("error").at("code").get_string());
}

class EvaluationKeysHttp : public testing::Test {
protected:
    KeyedServer server;
    KeyedClient client;
    const std::vector<double> values{0.5, -0.25, 1, 0.75};
};

TEST_F(EvaluationKeysHttp, AreSentOnceAndUsed) {
    const auto body = KeysBody::binary({{"relinearization", client.relinearization()}, {"galois", client.galois()}});
    const Answer sent = server.send(body);
    ASSERT_EQ(sent.status, 201) << sent.body;
    EXPECT_EQ(text_of(protocol::check_schema(protocol::Schema::Key, sent.json())), "OK");
    const std::string id = id_of(sent);
    EXPECT_EQ(sent.fields.at("Location"), "/keys/" + id);
    const Answer again = server.send(body);
    EXPECT_EQ(again.status, 200);
    EXPECT_EQ(id_of(again), id);
    EXPECT_EQ(server.key_files().size(), 1u);
    EXPECT_EQ(server.ask("HEAD", "/keys/" + id).status, 200);
    for (int i = 0; i < 2; ++i) expect_answer(client, server.infer(client, values, KeyedServer::named(id)), values);
    EXPECT_GT(server.service->evaluation_keys().cache().bytes(), 0u);

    EXPECT_EQ(server.ask("DELETE", "/keys/" + id).status, 204);
    EXPECT_EQ(server.ask("DELETE", "/keys/" + id).code(), "UNKNOWN_KEY");
    EXPECT_EQ(server.ask("HEAD", "/keys/" + id).status, 404);
    EXPECT_TRUE(server.key_files().empty());
    EXPECT_EQ(server.service->evaluation_keys().cache().bytes(), 0u);
    const Answer refused = server.infer(client, values, KeyedServer::named(id));
    EXPECT_EQ(refused.code(), "EVALUATION_KEY_REQUIRED");
    EXPECT_EQ(detail(refused, "evaluation_key_id"), "unknown");
    EXPECT_EQ(id_of(server.send(body)), id);
    expect_answer(client, server.infer(client, values, KeyedServer::named(id)), values);
}

TEST_F(EvaluationKeysHttp, EveryFormAndOrderIsTheSameKeys) {
    const Bytes relin = client.relinearization(), galois = client.galois();
    const std::string id = id_of(server.send(KeysBody::binary({{"relinearization", relin}, {"galois", galois}})));
    for (const Encoding encoding : {Encoding::Hex, Encoding::Base64})
        for (const bool payload_first : {false, true}) {
            const std::string names = R"("model_id":"keyed_v1","version":"1.0.0")";
            const std::string first = R"("relinearization":)" + KeysBody::part(relin, encoding, payload_first);
            const std::string second = R"("galois":)" + KeysBody::part(galois, encoding, payload_first);
            for (const std::string& order : {names + ',' + first + ',' + second, names + ',' + second + ',' + first,
                                             second + ',' + names + ',' + first, first + ',' + second + ',' + names,
                                             second + ',' + first + ',' + names}) {
                const Answer sent = server.json("/keys", '{' + order + '}');
                EXPECT_EQ(sent.status, 200) << sent.body << ' ' << order.substr(0, 60);
                EXPECT_EQ(id_of(sent), id);
            }
        }
    EXPECT_EQ(server.key_files().size(), 1u);
    EXPECT_EQ(server.service->memory_in_use(), 0u);
}

TEST_F(EvaluationKeysHttp, WhatIsNotExactlyWhatTheModelNeedsIsRefused) {
    const Bytes relin = client.relinearization(), galois = client.galois();
    Bytes lower = galois;  // the key-level parms_id of another context
    lower[16] ^= 1;
    const std::string kept = id_of(server.send_all(client));
    const auto before = server.key_files();
    struct Row {
        std::string name;
        KeysBody::Parts parts;
        std::string code;
        std::string model = "keyed_v1";
    };
    const std::vector<Row> rows{
        {"nothing", {}, "SCHEMA_VIOLATION"},
        {"no galois", {{"relinearization", relin}}, "SCHEMA_VIOLATION"},
        {"galois not needed", {{"relinearization", relin}, {"galois", galois}}, "SCHEMA_VIOLATION", "squares_only"},
        {"needs none", {{"relinearization", relin}}, "SCHEMA_VIOLATION", "needless"},
        {"unknown model", {{"relinearization", relin}, {"galois", galois}}, "UNKNOWN_MODEL", "nobody"},
        {"missing rotation",
         {{"relinearization", relin}, {"galois", client.galois({keyed_step})}},
         "INCOMPATIBLE_CIPHERTEXT"},
        {"unrequired rotation",
         {{"relinearization", relin}, {"galois", client.galois({keyed_step, -2, 3})}},
         "INVALID_CIPHERTEXT"},
        {"relin as galois", {{"relinearization", relin}, {"galois", relin}}, "INVALID_CIPHERTEXT"},
        {"galois as relin", {{"relinearization", galois}, {"galois", galois}}, "INVALID_CIPHERTEXT"},
        {"secret key", {{"relinearization", client.secret_key()}, {"galois", galois}}, "INVALID_CIPHERTEXT"},
        {"secret key last", {{"relinearization", relin}, {"galois", client.secret_key()}}, "INVALID_CIPHERTEXT"},
        {"other parameters", {{"relinearization", relin}, {"galois", lower}}, "INCOMPATIBLE_CIPHERTEXT"},
        {"cut off",
         {{"relinearization", relin}, {"galois", Bytes(galois.begin(), galois.end() - 1)}},
         "INVALID_CIPHERTEXT"},
    };
    for (const Row& row : rows) {
        EXPECT_EQ(server.send(KeysBody::binary(row.parts, row.model)).code(), row.code) << row.name;
        EXPECT_EQ(server.key_files(), before) << row.name;
        // The other form and the other order.
        std::string text = R"({"model_id":")" + row.model + R"(","version":"1.0.0")";
        for (auto part = row.parts.rbegin(); part != row.parts.rend(); ++part)
            text += ",\"" + part->first + "\":" + KeysBody::part(part->second, Encoding::Base64);
        EXPECT_EQ(server.json("/keys", text + '}').code(), row.code) << row.name;
        EXPECT_EQ(server.key_files(), before) << row.name;
    }
    EXPECT_EQ(server.service->evaluation_keys().store().usage().arriving, 0u);
    EXPECT_EQ(server.service->memory_in_use(), 0u);
    expect_answer(client, server.infer(client, values, KeyedServer::named(kept)), values);
}

TEST_F(EvaluationKeysHttp, BadEnvelopesAreRefused) {
    const Bytes relin = client.relinearization(), galois = client.galois();
    const auto refuse = [&](const std::string& text) { return server.json("/keys", text).code(); };
    const std::string names = R"({"model_id":"keyed_v1","version":"1.0.0",)";
    const std::string good = names + R"("relinearization":)" + KeysBody::part(relin, Encoding::Hex) + R"(,"galois":)" +
                             KeysBody::part(galois, Encoding::Hex) + '}';
    EXPECT_EQ(refuse(good.substr(0, good.size() - 1)), "MALFORMED_JSON");
    EXPECT_EQ(refuse(good + "x"), "MALFORMED_JSON");
    EXPECT_EQ(refuse(good.substr(0, good.size() - 1) + R"(,"more":1})"), "SCHEMA_VIOLATION");
    EXPECT_EQ(refuse(R"({"api_version":"2.0",)" + good.substr(1)), "UNSUPPORTED_API_VERSION");
    for (const char* const bad : {R"({"encoding":"hex","payload":""})", R"({"encoding":"hex","payload":"0"})",
                                  R"({"encoding":"hex","payload":"zz"})", R"({"encoding":"HEX","payload":"00"})",
                                  R"({"payload":"00","encoding":"latin"})"}) {
        EXPECT_EQ(refuse(names + R"("relinearization":)" + bad + R"(,"galois":)" +
                         KeysBody::part(galois, Encoding::Hex) + '}'),
                  "INVALID_ENCODING")
            << bad;
    }
    auto body = KeysBody::binary({{"relinearization", relin}, {"galois", galois}});
    body.text += '\0';
    EXPECT_EQ(server.send(body).code(), "INVALID_ENCODING");
    body.text.resize(body.text.size() - 2);
    EXPECT_EQ(server.send(body).code(), "INVALID_ENCODING");
    body.header_bytes = body.text.size() + 1;
    EXPECT_EQ(server.send(body).code(), "INVALID_ENCODING");
    EXPECT_EQ(server.ask("POST", "/keys", "{}", {{"Content-Type", "text/plain"}}).code(), "UNSUPPORTED_MEDIA_TYPE");
    const std::size_t limit = server.service->catalog().limits().max_keys_body_bytes;
    EXPECT_EQ(server.json("/keys", std::string(limit + 1, ' ')).code(), "PAYLOAD_TOO_LARGE");
    EXPECT_EQ(server.ask("GET", "/keys/" + std::string(64, '0')).fields.at("Allow"), "HEAD, DELETE");
    EXPECT_EQ(server.ask("DELETE", "/keys").fields.at("Allow"), "GET, HEAD, POST");
    EXPECT_TRUE(server.key_files().empty());
}

TEST_F(EvaluationKeysHttp, TenantsSeeTheirOwnOnly) {
    const std::string id = id_of(server.send_all(client, {{"X-Tenant-ID", "alice"}}));
    for (const std::string& target : {"/keys/" + id, "/keys/" + std::string(64, '0'), "/keys/" + std::string(63, '0'),
                                      std::string("/keys/..%2Fx"), "/keys/" + std::string(8000, 'a')})
        for (const char* const method : {"HEAD", "DELETE"}) {
            const Answer answer = server.ask(method, target, "", {{"X-Tenant-ID", "bob"}});
            EXPECT_EQ(answer.status, 404);
            if (answer.body.empty()) continue;
            EXPECT_EQ(answer.body, server.ask("DELETE", "/keys/" + std::string(64, '1')).body);
        }
    const std::map<std::string, std::string> bob{{"X-Tenant-ID", "bob"}, {"Prefer", "wait=60"}},
        alice{{"X-Tenant-ID", "alice"}, {"Prefer", "wait=60"}};
    EXPECT_EQ(detail(server.infer(client, values, KeyedServer::named(id), bob), "evaluation_key_id"), "unknown");
    expect_answer(client, server.infer(client, values, KeyedServer::named(id), alice), values);
}

TEST_F(EvaluationKeysHttp, TheModelSaysWhatItNeeds) {
    const Answer refused = server.infer(client, values, "");
    EXPECT_EQ(refused.status, 409);
    EXPECT_EQ(refused.code(), "EVALUATION_KEY_REQUIRED");
    EXPECT_EQ(detail(refused, "relinearization"), "needed");
    EXPECT_EQ(detail(refused, "galois_steps"), "1,-2");
    const std::string squares =
        id_of(server.send(KeysBody::binary({{"relinearization", client.relinearization()}}, "squares_only")));
    const Answer incomplete = server.infer(client, values, KeyedServer::named(squares));
    EXPECT_EQ(incomplete.code(), "EVALUATION_KEY_REQUIRED");
    EXPECT_EQ(detail(incomplete, "evaluation_key_id"), "incomplete");
    EXPECT_NE(detail(incomplete, "missing_galois_elements"), "(none)");
    EXPECT_EQ(server.service->load().unfinished_jobs, 0u);

    const Answer keys = server.ask("GET", "/keys?api_version=1.1");
    EXPECT_EQ(text_of(protocol::check_schema(protocol::Schema::Keys11, keys.json())), "OK");
    const auto document = keys.json();
    const auto& needs = document.at("models").at(0).at("evaluation_keys");
    EXPECT_EQ(needs.at("galois_elements").get_array().size(), 2u);
    EXPECT_EQ(needs.at("byte_counts").at("relinearization").to_number<std::size_t>(),
              client.relinearization(false).size());
    EXPECT_EQ(needs.at("seeded_byte_counts").at("relinearization").to_number<std::size_t>(),
              client.relinearization().size());
    EXPECT_EQ(needs.at("seeded_byte_counts").at("galois").to_number<std::size_t>(), client.galois().size());
}

TEST_F(EvaluationKeysHttp, ExpiredKeysAreGone) {
    const std::string id = id_of(server.send_all(client));
    server.skipped = 24 * 3600'000 + 60'000;
    EXPECT_EQ(server.ask("HEAD", "/keys/" + id).status, 410);
    EXPECT_EQ(server.infer(client, values, KeyedServer::named(id)).code(), "KEY_EXPIRED");
    server.service->evaluation_keys().look_after();
    EXPECT_TRUE(server.key_files().empty());
    EXPECT_EQ(server.infer(client, values, KeyedServer::named(id)).code(), "KEY_EXPIRED");
    EXPECT_EQ(server.ask("DELETE", "/keys/" + id).status, 204);
    EXPECT_EQ(server.ask("HEAD", "/keys/" + id).status, 404);
}

TEST_F(EvaluationKeysHttp, DamagedKeysAreForgotten) {
    const std::string id = id_of(server.send_all(client));
    {
        std::fstream stream(server.directory.path() / "data" / "keys" / *server.key_files().begin(),
                            std::ios::in | std::ios::out | std::ios::binary);
        stream.seekp(1000);
        stream.put('!');
    }
    EXPECT_EQ(failure_of(server.infer(client, values, KeyedServer::named(id))), "UNKNOWN_KEY");
    EXPECT_EQ(server.ask("HEAD", "/keys/" + id).status, 404);
    EXPECT_TRUE(server.key_files().empty());
}

TEST_F(EvaluationKeysHttp, KeysThatCannotBeReadNowStay) {
    const std::string id = id_of(server.send_all(client));
    const auto file = server.directory.path() / "data" / "keys" / *server.key_files().begin();
    std::filesystem::rename(file, file.string() + ".aside");
    std::filesystem::create_symlink("/proc/self/mem", file);  // it can be opened, and to read from it is EIO
    EXPECT_EQ(failure_of(server.infer(client, values, KeyedServer::named(id))), "OVERLOADED");
    EXPECT_EQ(server.ask("HEAD", "/keys/" + id).status, 200);
    std::filesystem::rename(file.string() + ".aside", file);
    expect_answer(client, server.infer(client, values, KeyedServer::named(id)), values);
}

TEST_F(EvaluationKeysHttp, DeletedWhileJobsRunEndsThemEitherWay) {
    const auto body = KeysBody::binary({{"relinearization", client.relinearization()}, {"galois", client.galois()}});
    for (int round = 0; round < 3; ++round) {
        const std::string id = id_of(server.send(body));
        std::vector<std::string> jobs;
        for (int i = 0; i < 8; ++i)
            jobs.push_back(server.infer(client, values, KeyedServer::named(id), {}).fields.at("Location"));
        EXPECT_EQ(server.ask("DELETE", "/keys/" + id).status, 204);
        for (const std::string& job : jobs) {
            const Answer answer = server.ask("GET", job, "", {{"Prefer", "wait=60"}});
            if (answer.json().at("status").get_string() == "completed")
                expect_answer(client, answer, values);
            else
                EXPECT_EQ(failure_of(answer), "UNKNOWN_KEY");
        }
    }
}

TEST_F(EvaluationKeysHttp, ARepetitionIsAnsweredWithoutItsKeys) {
    const std::string id = id_of(server.send_all(client));
    std::string body = R"({"model_id":"keyed_v1","version":"1.0.0",)" + KeyedServer::named(id) +
                       R"("inputs":[{"encoding":"base64","payload":")";
    protocol::append_encoded(body, Encoding::Base64, client.encrypt(values));
    body += "\"}]}";
    const std::map<std::string, std::string> fields{{"Idempotency-Key", "one"}, {"Prefer", "wait=60"}};
    const Answer first = server.json("/infer", body, fields);
    expect_answer(client, first, values);
    EXPECT_EQ(server.ask("DELETE", "/keys/" + id).status, 204);
    EXPECT_EQ(server.json("/infer", body, fields).body, first.body);
    EXPECT_EQ(server.json("/infer", body, {{"Idempotency-Key", "two"}}).code(), "EVALUATION_KEY_REQUIRED");
}

TEST(EvaluationKeysHttpLimits, QuotasAndRoom) {
    KeyedClient client;
    tenants::TenantOptions access;
    access.limits.max_evaluation_keys = 1;
    server::ServiceOptions options;
    options.keys.max_bytes = 3u << 20;
    const KeyedServer server(options, access);
    EXPECT_EQ(server.send_all(client).status, 201);
    const Answer refused =
        server.send(KeysBody::binary({{"relinearization", client.relinearization()}}, "squares_only"));
    EXPECT_EQ(refused.status, 429);
    EXPECT_TRUE(refused.fields.contains("Retry-After"));
    KeyedClient other;
    std::vector<int> statuses;
    for (const char* const tenant : {"b", "c", "d", "e", "f"})
        statuses.push_back(server.send_all(other, {{"X-Tenant-ID", tenant}}).status);
    EXPECT_EQ(statuses.back(), 503);
    EXPECT_LE(server.service->evaluation_keys().store().usage().bytes, 3u << 20);
    EXPECT_EQ(server.service->evaluation_keys().store().usage().arriving, 0u);
}

}  // namespace
}  // namespace einfer::test
