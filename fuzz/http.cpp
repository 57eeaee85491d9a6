// Requests through the real connection handler, over loopback, to a service with a small model.
//
// An input is what one client sends, however many requests that is: U+0001 stands for a ciphertext in hex, U+0003 for
// its bytes, U+0002 for the id of the newest job. It is sent in pieces, then the sending side is closed.
//
// Oracle: the connection ends. Each reply is well-formed HTTP with a status of the contract, never 500, and
// X-Request-ID; each body is JSON, or a JSON header and bytes, that its schema accepts; an error's code fits its
// status. Afterwards a good request on a new connection is answered: whatever was sent hurts only its sender.
#include "base/hex.h"
#include "base/ids.h"
#include "common/input.h"
#include "common/require.h"
#include "keys/session.h"
#include "protocol/json_reader.h"
#include "protocol/schema.h"
#include "server/audit_log.h"
#include "server/http/server.h"
#include "server/inference_service.h"
#include "server/log.h"
#include "support/files.h"
#include "tenants/tenants.h"

#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/object.hpp>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <string>

namespace einfer::fuzz {
namespace {

namespace beast = boost::beast;
using protocol::Schema;

/// The smallest parameters that are secure, so that bodies are small.
constexpr std::string_view entry = R"({
  "model_id": "small", "version": "1.0.0", "description": "For fuzzing.", "he_scheme": "CKKS",
  "encryption_parameters": {"poly_modulus_degree": 2048, "scale": 65536, "coeff_modulus_bits": [27, 27],
                            "max_multiplicative_depth": 0},
  "inference": {"input_dimension": 1, "output_dimension": 1, "activation": "polynomial_sigmoid_v1"},
  "parameters": {"weights": [0.5], "bias": 0.125},
  "activation_parameters": {"kind": "polynomial", "coefficients": [0.5, 0.25, 0]},
  "constraints": {"max_batch_size": 8}, "input_bounds": [1], "tolerance": 0.5
})";

class Connection {
public:
    explicit Connection(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        address.sin_port = htons(port);
        const timeval never{60, 0};
        const int on = 1;
        ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &never, sizeof never);
        ::setsockopt(socket_, SOL_SOCKET, SO_SNDTIMEO, &never, sizeof never);
        ::setsockopt(socket_, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
        require(::connect(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
                "the server accepts connections");
    }
    ~Connection() { ::close(socket_); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    void send(std::string_view bytes) {
        if (open_ && !bytes.empty()) open_ = ::send(socket_, bytes.data(), bytes.size(), MSG_NOSIGNAL) >= 0;
    }
    void end_sending() { ::shutdown(socket_, SHUT_WR); }

    /// Everything until the server closes.
    std::string receive_all() {
        std::string all;
        char buffer[16 * 1024];
        for (;;) {
            const ssize_t got = ::recv(socket_, buffer, sizeof buffer, 0);
            require(got >= 0 || errno == ECONNRESET, "the server ends the connection");
            was_reset_ = got < 0;
            if (got <= 0) return all;
            all.append(buffer, static_cast<std::size_t>(got));
        }
    }
    /// Then a reply may be cut off: what is sent behind a request that closes the connection can cause it.
    [[nodiscard]] bool was_reset() const { return was_reset_; }

private:
    int socket_;
    bool open_ = true;
    bool was_reset_ = false;
};

class World {
public:
    World() {
        server::configure_log(server::LogLevel::Off, server::LogFormat::Json);
        std::filesystem::create_directory(directory_.path() / "models");
        test::write_file(directory_.path() / "models" / "small.json", std::string(entry));
        server::ServiceOptions options;
        options.data = directory_.path() / "data";
        options.plain = true;
        options.jobs.result_ttl = options.jobs.tombstone_ttl = std::chrono::milliseconds(2000);
        service_ = server::InferenceService::create(server::Catalog::load(directory_.path() / "models").value(),
                                                    options, system_now)
                       .value();
        require(service_->prepare().has_value(), "the service starts");

        server::http::HttpOptions http;
        http.port = 0;
        http.max_wait = std::chrono::seconds(1);
        http.cors_origins = {"http://a"};
        tenants_ = tenants::Tenants::create({}).value();
        audit_ = server::AuditLog::open(directory_.path() / "audit").value();
        server_ = std::make_unique<server::http::HttpServer>(*service_, *tenants_, *audit_, http);
        const std::string url = server_->start().value();
        port_ = static_cast<std::uint16_t>(std::stoul(url.substr(url.rfind(':') + 1)));

        const auto context = *(*service_->catalog().find("small", "1.0.0"))->context;
        const auto session = keys::Session::create(context, keys::EncryptionMode::Symmetric).value();
        const auto bytes = session.encrypt(std::vector<double>{0.5, -0.5}, 65536).value();
        ciphertext_ = to_hex(bytes);
        raw_ciphertext_.assign(bytes.begin(), bytes.end());
    }
    ~World() {
        server_->stop();
        service_->stop();
    }

    [[nodiscard]] std::uint16_t port() const { return port_; }
    [[nodiscard]] const std::string& ciphertext() const { return ciphertext_; }
    [[nodiscard]] const std::string& raw_ciphertext() const { return raw_ciphertext_; }
    std::string newest_job = std::string(32, '0');

private:
    test::TemporaryDirectory directory_;
    std::unique_ptr<server::InferenceService> service_;
    std::unique_ptr<tenants::Tenants> tenants_;
    std::unique_ptr<server::AuditLog> audit_;
    std::unique_ptr<server::http::HttpServer> server_;
    std::uint16_t port_ = 0;
    std::string ciphertext_, raw_ciphertext_;
};

World& world() {
    static World made;
    return made;
}

std::string with_marks_replaced(std::string_view text) {
    constexpr std::size_t most = 1u << 20;
    std::string made;
    for (const char c : text) {
        if (c == '\1' && made.size() < most)
            made += world().ciphertext();
        else if (c == '\3' && made.size() < most)
            made += world().raw_ciphertext();
        else if (c == '\2')
            made += world().newest_job;
        else
            made += c;
    }
    return made;
}

using Parser = beast::http::response_parser<beast::http::string_body>;

void check_error(int status, const boost::json::value& document, const std::string& body) {
    require(protocol::check_schema(Schema::Error, document).has_value(), "an error body passes its schema", body);
    const auto* const row = find_error_code(document.at("error").at("code").get_string());
    require(row != nullptr && row->http_status == status, "an error's code fits its status", body);
    require(row->code != ErrorCode::Internal, "the server has no fault", body);
}

void check_success(int status, const boost::json::value& document, const std::string& body) {
    if (status == 202) {
        require(protocol::check_schema(Schema::Accepted, document).has_value(), "a 202 passes its schema", body);
        world().newest_job = document.at("job_id").get_string();
        return;
    }
    require(status == 200, "a success is 200 or 202", body);
    if (body == protocol::openapi_json()) return;
    for (const Schema schema : {Schema::Health, Schema::Models, Schema::Keys, Schema::Job, Schema::InferPlainResponse})
        if (protocol::check_schema(schema, document)) return;
    require(false, "a body passes a schema", body);
}

/// A completed job in the binary form.
void check_binary(const Parser::value_type& reply, bool bodiless) {
    require(reply.result_int() == 200, "only results are binary");
    const std::string_view length = reply["Inference-Header-Content-Length"];
    std::size_t header = 0;
    std::from_chars(length.data(), length.data() + length.size(), header);
    require(header > 0, "a binary body says where its header ends", length);
    if (bodiless) return;
    const std::string& body = reply.body();
    require(header < body.size(), "there are bytes behind the header", body);
    const auto document = protocol::parse_json(std::string_view(body).substr(0, header));
    require(document && protocol::check_schema(Schema::JobBinary, *document), "a binary job passes its schema", body);
    require(document->at("result").at("binary_data_size").to_number<std::size_t>() == body.size() - header,
            "the bytes are as many as is said", body);
}

void check_reply(const Parser::value_type& reply, bool bodiless) {
    const int status = static_cast<int>(reply.result_int());
    if (status == 100) return;
    require(status != 500, "the server has no fault", reply.body());
    const std::string_view id = reply["X-Request-ID"];
    require(is_token(id), "a reply has an X-Request-ID", id);
    if (status == 204 || status == 304) return;  // a preflight, an erasure; an entity tag that fits
    const bool documented = status == 200 || status == 202 ||
                            std::any_of(all_error_codes().begin(), all_error_codes().end(),
                                        [status](const ErrorTraits& row) { return row.http_status == status; });
    require(documented, "a status is the contract's", std::to_string(status));
    if (reply[beast::http::field::content_type] == "application/octet-stream") return check_binary(reply, bodiless);
    require(reply[beast::http::field::content_type] == "application/json", "a body is JSON");
    if (bodiless) return;
    const auto document =
        protocol::parse_json(reply.body(), {.max_depth = 64, .max_string_bytes = 1u << 20, .max_text_bytes = 4u << 20});
    require(document.has_value(), "a body is JSON", reply.body());
    if (status >= 400)
        check_error(status, *document, reply.body());
    else
        check_success(status, *document, reply.body());
}

/// Takes `bytes` apart into replies; how many.
std::size_t check_replies(std::string_view bytes, bool may_be_cut_off, bool may_have_no_body) {
    std::size_t count = 0;
    while (!bytes.empty()) {
        Parser parser;
        parser.body_limit(boost::none);
        parser.header_limit(64 * 1024);
        beast::error_code fault;
        std::size_t used = 0;
        parser.eager(false);
        used = parser.put(boost::asio::buffer(bytes), fault);
        if (fault == beast::http::error::need_more && may_be_cut_off) return count;
        require(!fault && parser.is_header_done(), "a reply's header is well formed", bytes);
        bytes.remove_prefix(used);
        // To HEAD: its length is that of the body which does not come.
        const bool bodiless = may_have_no_body && (bytes.empty() || bytes.starts_with("HTTP/1.1 "));
        if (!bodiless) {
            parser.eager(true);
            while (!parser.is_done()) {
                used = parser.put(boost::asio::buffer(bytes), fault);
                if (fault == beast::http::error::need_more && may_be_cut_off) return count;
                require(!fault && (used > 0 || parser.is_done()), "a reply is whole", bytes);
                bytes.remove_prefix(used);
            }
        }
        check_reply(parser.get(), bodiless);
        ++count;
    }
    return count;
}

void require_still_serving() {
    Connection connection(world().port());
    connection.send("GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    const std::string reply = connection.receive_all();
    require(reply.starts_with("HTTP/1.1 200 ") && reply.ends_with(R"({"status":"ok"})"), "a good request is answered",
            reply);
    require(check_replies(reply, false, false) == 1, "a good request is answered once", reply);
}

}  // namespace
}  // namespace einfer::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace einfer::fuzz;
    Input input(data, size);
    const auto chunking = static_cast<std::uint8_t>(input.byte() | 1u);  // no system call for each byte
    const std::string sent = with_marks_replaced(input.text());
    {
        Connection connection(world().port());
        feed_in_chunks(std::string_view(sent), chunking, [&](std::string_view piece) { connection.send(piece); });
        connection.end_sending();
        const std::string replies = connection.receive_all();
        check_replies(replies, connection.was_reset(), sent.find("HEAD") != std::string::npos);
    }
    require_still_serving();
    return 0;
}
