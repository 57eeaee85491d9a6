#include "load/crew.h"
#include "load/load.h"

#include "base/worker_pool.h"
#include "client/model_list.h"
#include "client/request_body.h"
#include "client/server_api.h"
#include "client/session_pool.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/json/parse.hpp>

#include <array>
#include <limits>
#include <optional>
#include <stdexcept>
#include <thread>

namespace einfer::bench {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using Reply = http::response_parser<http::string_body>;

template <class T>
T taken(client::Outcome<T> outcome) {
    if (!outcome) throw std::runtime_error(outcome.error().message);
    return *std::move(outcome);
}

/// The body of one honest request, made as the client library makes it.
std::string make_body(const LoadOptions& options) {
    const auto server = taken(client::ServerUrl::parse(options.client.server));
    const auto timeout = options.client.call_timeout;
    client::ServerApi api(client::HttpClient(server, options.client.connect_timeout, timeout), {}, timeout);
    const auto models = taken(client::read_model_list(taken(api.models())));
    const auto* model = client::find_model(models, options.model, options.version);
    if (model == nullptr || !model->v1_0) throw std::runtime_error("the server has no v1.0 model " + options.model);

    const auto values = made_up_rows(options.rows, model->input_dimension, 0);
    std::vector<client::Row> rows;
    for (std::size_t i = 0; i < options.rows; ++i)
        rows.push_back(client::Row(values).subspan(i * model->input_dimension, model->input_dimension));
    const bool symmetric = options.client.encryption == Encryption::Symmetric;
    client::SessionPool sessions(symmetric ? keys::EncryptionMode::Symmetric : keys::EncryptionMode::PublicKey);
    const auto* session = taken(sessions.session(model->poly_modulus_degree, model->coeff_modulus_bits));
    const auto encoding =
        options.client.encoding == Encoding::Base64 ? protocol::Encoding::Base64 : protocol::Encoding::Hex;
    WorkerPool workers(1);
    const auto batch = taken(client::encrypt_batch(*session, *model->v1_0, rows, encoding, workers));
    return std::string(batch.body.view());
}

class Connection {
public:
    explicit Connection(const client::ServerUrl& server) : server_(server) { connect(); }

    struct Exchange {
        unsigned status = 0;
        std::string body;
        std::string retry_after;
        SteadyClock::time_point sent, first_byte;
        std::uint64_t bytes_sent = 0, bytes_received = 0;
    };

    /// `head` ends with an empty line. A server that refuses may do so before it has read everything, and close.
    Exchange exchange(const std::string& head, std::string_view body) {
        if (!socket_.is_open()) connect();
        Exchange done;
        const std::array<asio::const_buffer, 2> message{asio::buffer(head), asio::buffer(body)};
        boost::system::error_code unsent;  // then there is a reply to read, or reading fails
        done.bytes_sent = asio::write(socket_, message, unsent);
        done.sent = SteadyClock::now();
        Reply parser;
        parser.body_limit(std::numeric_limits<std::uint32_t>::max());
        done.bytes_received = http::read_header(socket_, buffer_, parser);
        done.first_byte = SteadyClock::now();
        done.bytes_received += http::read(socket_, buffer_, parser);
        done.status = parser.get().result_int();
        done.retry_after = std::string(parser.get()[http::field::retry_after]);
        done.body = std::move(parser.get().body());
        if (unsent || !parser.get().keep_alive()) {
            socket_.close();
            buffer_.clear();
        }
        return done;
    }

    [[nodiscard]] std::string head(std::string_view method, const std::string& target,
                                   const std::string& fields) const {
        return std::string(method) + ' ' + server_.base_path + target + " HTTP/1.1\r\nHost: " + server_.authority +
               "\r\nPrefer: wait=30\r\n" + fields + "\r\n";
    }

private:
    void connect() {
        tcp::resolver resolver(io_);
        asio::connect(socket_, resolver.resolve(server_.host, server_.port));
        socket_.set_option(tcp::no_delay(true));
    }

    const client::ServerUrl& server_;
    asio::io_context io_;
    tcp::socket socket_{io_};
    boost::beast::flat_buffer buffer_;
};

/// What is needed of a job object.
struct JobView {
    std::string id, status;
};

JobView view(const std::string& body) {
    const auto document = boost::json::parse(body);
    return {std::string(document.at("job_id").as_string()), std::string(document.at("status").as_string())};
}

class Poster {
public:
    Poster(const client::ServerUrl& server, const std::string& body, std::size_t number)
        : body_(body), number_(number), connection_(server) {}

    void run(std::size_t requests, SteadyClock::time_point start, bool keep) {
        for (std::size_t i = 0; i < requests; ++i) {
            const Sample sample =
                one(start, (keep ? "bench-" : "warm-up-") + std::to_string(number_) + '-' + std::to_string(i));
            if (keep) samples.push_back(sample);
        }
    }

    std::vector<Sample> samples;

private:
    Sample one(SteadyClock::time_point start, const std::string& request_id) {
        const std::string head =
            connection_.head("POST", "/infer",
                             "Content-Type: application/json\r\nContent-Length: " + std::to_string(body_.size()) +
                                 "\r\nX-Request-ID: " + request_id + "\r\n");
        Sample sample{.client = number_};
        const auto begin = SteadyClock::now();
        sample.start = seconds_between(start, begin);
        auto reply = connection_.exchange(head, body_);
        while (reply.status == 429 || reply.status == 503) {
            ++sample.refusals;
            std::this_thread::sleep_for(
                std::chrono::seconds(reply.retry_after.empty() ? 1 : std::stoi(reply.retry_after)));
            reply = connection_.exchange(head, body_);
        }
        if (reply.status / 100 != 2)
            throw std::runtime_error("the server answered " + std::to_string(reply.status) + ": " + reply.body);
        sample.after_last_byte = seconds_between(reply.sent, reply.first_byte);
        sample.sent = reply.bytes_sent;
        sample.received = reply.bytes_received;
        auto end = SteadyClock::now();
        std::string status = reply.status == 200 ? view(reply.body).status : "accepted";
        while (status != "completed") {
            if (status == "failed") throw std::runtime_error("a job failed: " + reply.body);
            reply = connection_.exchange(connection_.head("GET", "/jobs/" + view(reply.body).id, ""), {});
            if (reply.status != 200) throw std::runtime_error("the server answered " + std::to_string(reply.status));
            end = SteadyClock::now();
            sample.received += reply.bytes_received;
            status = view(reply.body).status;
        }
        sample.seconds = seconds_between(begin, end);
        return sample;
    }

    const std::string& body_;
    std::size_t number_;
    Connection connection_;
};

}  // namespace

Load run_raw(const LoadOptions& options) {
    const std::string body = make_body(options);
    const auto server = taken(client::ServerUrl::parse(options.client.server));
    std::vector<std::optional<Poster>> posters(options.clients);
    Load load;
    load.body_bytes = body.size();
    load.wall_seconds = run_crew(
        options.clients,
        [&](std::size_t number) {
            posters[number].emplace(server, body, number);
            posters[number]->run(options.warm_up, SteadyClock::now(), false);
        },
        [&](std::size_t number, SteadyClock::time_point start) {
            posters[number]->run(options.requests, start, true);
        });
    for (const auto& poster : posters)
        load.samples.insert(load.samples.end(), poster->samples.begin(), poster->samples.end());
    return load;
}

}  // namespace einfer::bench
