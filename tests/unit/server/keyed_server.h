// A whole server, in this process, of models that need evaluation keys, and a client over a socket.
#pragma once

#include "server/http/server.h"
#include "support/files.h"
#include "unit/server/keyed_model.h"

#include <gtest/gtest.h>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <boost/json/parse.hpp>

#include <atomic>
#include <map>
#include <set>

namespace einfer::test {

struct Answer {
    int status = 0;
    std::map<std::string, std::string> fields;
    std::string body;
    [[nodiscard]] boost::json::value json() const { return boost::json::parse(body); }
    [[nodiscard]] std::string code() const {
        return status < 400 ? "OK" : std::string(json().at("error").at("code").get_string());
    }
};

/// A body in either form.
struct KeysBody {
    std::string text;
    std::size_t header_bytes = 0;

    using Parts = std::vector<std::pair<std::string, Bytes>>;
    static KeysBody binary(const Parts& parts, const std::string& model = "keyed_v1") {
        KeysBody body;
        body.text = R"({"model_id":")" + model + R"(","version":"1.0.0")";
        for (const auto& [name, bytes] : parts)
            body.text += ",\"" + name + R"(":{"binary_data_size":)" + std::to_string(bytes.size()) + '}';
        body.text += '}';
        body.header_bytes = body.text.size();
        for (const auto& [name, bytes] : parts) body.text.append(bytes.begin(), bytes.end());
        return body;
    }
    static std::string part(const Bytes& bytes, protocol::Encoding encoding, bool payload_first = false) {
        std::string payload = R"("payload":")", named = R"("encoding":")" + std::string(protocol::name(encoding)) + '"';
        protocol::append_encoded(payload, encoding, bytes);
        payload += '"';
        return payload_first ? '{' + payload + ',' + named + '}' : '{' + named + ',' + payload + '}';
    }
};

class KeyedServer {
public:
    explicit KeyedServer(server::ServiceOptions options = {}, tenants::TenantOptions access = {}) {
        std::vector<server::DescribedExecutable> models;
        models.push_back(keyed_model());
        models.push_back(keyed_model("squares_only", {}, true));
        models.push_back(keyed_model("needless", {}, false));
        options.data = directory.path() / "data";
        service = server::InferenceService::create(server::Catalog::of(std::move(models)), std::move(options), [this] {
                      return system_now() + skipped;
                  }).value();
        EXPECT_TRUE(service->prepare());
        tenants = tenants::Tenants::create(std::move(access)).value();
        audit = server::AuditLog::open({}).value();
        server::http::HttpOptions http;
        http.port = 0;
        http_server = std::make_unique<server::http::HttpServer>(*service, *tenants, *audit, http);
        const std::string url = http_server->start().value();
        port_ = static_cast<std::uint16_t>(std::stoi(url.substr(url.rfind(':') + 1)));
    }
    ~KeyedServer() {
        http_server->stop();
        service->stop();
    }

    [[nodiscard]] Answer ask(std::string_view method, const std::string& target, std::string body = {},
                             std::map<std::string, std::string> fields = {}) const {
        namespace beast = boost::beast;
        boost::asio::io_context io;
        boost::asio::ip::tcp::socket socket(io);
        socket.connect({boost::asio::ip::make_address("127.0.0.1"), port_});
        beast::http::request<beast::http::string_body> request(
            beast::http::string_to_verb({method.data(), method.size()}), target, 11);
        request.set(beast::http::field::host, "einfer.test");
        for (const auto& [name, value] : fields) request.set(name, value);
        if (method == "POST") {
            request.body() = std::move(body);
            request.prepare_payload();
        }
        beast::error_code ec;
        beast::http::write(socket, request, ec);  // a refusal may come before all is written
        beast::flat_buffer buffer;
        beast::http::response_parser<beast::http::string_body> parser;
        parser.body_limit(boost::none);
        if (method == "HEAD") parser.skip(true);
        beast::http::read(socket, buffer, parser);
        Answer answer{.status = static_cast<int>(parser.get().result_int()), .fields = {}, .body = parser.get().body()};
        for (const auto& field : parser.get())
            answer.fields.emplace(std::string(field.name_string()), std::string(field.value()));
        return answer;
    }
    [[nodiscard]] Answer json(const std::string& target, const std::string& body,
                              std::map<std::string, std::string> fields = {}) const {
        fields.emplace("Content-Type", "application/json");
        return ask("POST", target, body, std::move(fields));
    }
    [[nodiscard]] Answer send(const KeysBody& body, std::map<std::string, std::string> fields = {}) const {
        fields.emplace("Content-Type", "application/octet-stream");
        fields.emplace("Inference-Header-Content-Length", std::to_string(body.header_bytes));
        return ask("POST", "/keys", body.text, std::move(fields));
    }
    [[nodiscard]] Answer send_all(KeyedClient& client, std::map<std::string, std::string> fields = {}) const {
        return send(KeysBody::binary({{"relinearization", client.relinearization()}, {"galois", client.galois()}}),
                    std::move(fields));
    }

    /// Infers on the values in the first slots; `members` as {"evaluation_key_id":"…",}.
    [[nodiscard]] Answer infer(KeyedClient& client, const std::vector<double>& values, const std::string& members,
                               std::map<std::string, std::string> fields = {{"Prefer", "wait=60"}},
                               const std::string& model = "keyed_v1") const {
        std::string body = R"({"model_id":")" + model + R"(","version":"1.0.0",)" + members +
                           R"("inputs":[{"encoding":"base64","payload":")";
        protocol::append_encoded(body, protocol::Encoding::Base64, client.encrypt(values));
        return json("/infer", body + "\"}]}", std::move(fields));
    }
    static std::string named(const std::string& id) { return R"("evaluation_key_id":")" + id + "\","; }

    [[nodiscard]] std::set<std::string> key_files() const {
        std::set<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(directory.path() / "data" / "keys")) {
            const std::string name = entry.path().filename().string();
            if (name.ends_with(".keys") || name.ends_with(".part")) names.insert(name);
        }
        return names;
    }

    TemporaryDirectory directory;
    std::atomic<UnixMillis> skipped{0};  ///< by which the server's clock is ahead
    std::unique_ptr<server::InferenceService> service;
    std::unique_ptr<tenants::Tenants> tenants;
    std::unique_ptr<server::AuditLog> audit;
    std::unique_ptr<server::http::HttpServer> http_server;

private:
    std::uint16_t port_ = 0;
};

}  // namespace einfer::test
