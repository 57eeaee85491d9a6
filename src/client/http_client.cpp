#include "client/http_client.h"

#include "base/ids.h"
#include "client/stream.h"
#include "einfer/version.h"

#include <boost/asio/connect.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/span_body.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>

namespace einfer::client {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using SteadyClock = std::chrono::steady_clock;
using Deadline = SteadyClock::time_point;

constexpr std::uint32_t max_header_bytes = 32 * 1024;
constexpr std::size_t read_buffer_bytes = 128 * 1024;  // also bounds chunk headers and trailers
constexpr int max_interim_replies = 8;                 // 1xx
constexpr std::chrono::milliseconds goodbye_time{250};
constexpr std::string_view header_length_field = "Inference-Header-Content-Length";

using Body = http::span_body<const char>;
using Parser = http::response_parser<http::string_body>;

struct Step {
    bool done = false;
    error_code error;
};

std::string seconds_text(std::chrono::milliseconds time) {
    return to_text(std::round(static_cast<double>(time.count()) / 100) / 10) + " s";
}

http::verb verb_of(Method method) {
    switch (method) {
        case Method::Get: return http::verb::get;
        case Method::Post: return http::verb::post;
        case Method::Delete: break;
    }
    return http::verb::delete_;
}

http::request<Body> message_for(const HttpRequest& request, const ServerUrl& server) {
    http::request<Body> message;
    message.version(11);
    message.method(verb_of(request.method));
    message.target(server.base_path + request.target);
    message.set(http::field::host, server.authority);
    message.set(http::field::user_agent, "einfer/" EINFER_VERSION);
    message.set(http::field::accept, "application/json, application/octet-stream");
    if (!request.api_key.empty()) message.set(http::field::authorization, "Bearer " + std::string(request.api_key));
    if (!request.idempotency_key.empty()) message.set("Idempotency-Key", request.idempotency_key);
    if (!request.tenant.empty()) message.set("X-Tenant-ID", request.tenant);
    if (!request.request_id.empty()) message.set("X-Request-ID", request.request_id);
    if (request.wait.count() > 0) message.set("Prefer", "wait=" + std::to_string(request.wait.count()));
    if (request.method == Method::Post) {
        message.set(http::field::content_type,
                    request.header_bytes == 0 ? "application/json" : "application/octet-stream");
        if (request.header_bytes > 0) message.set(header_length_field, std::to_string(request.header_bytes));
        message.body() = {request.body.data(), request.body.size()};
        message.content_length(request.body.size());
    }
    return message;
}

template <class Number>
std::optional<Number> number_in(std::string_view text) {
    Number number = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (text.empty() || fault != std::errc{} || end != text.data() + text.size()) return std::nullopt;
    return number;
}

HttpReply reply_from(Parser& parser) {
    auto& message = parser.get();
    HttpReply reply;
    reply.status = static_cast<int>(message.result_int());
    const std::string_view id = message["X-Request-ID"];
    if (is_token(id)) reply.request_id = id;
    if (const auto seconds = number_in<unsigned>(message[http::field::retry_after]))
        reply.retry_after = std::chrono::seconds(*seconds);
    reply.header_bytes = number_in<std::size_t>(message[header_length_field]);
    reply.body = std::move(message.body());
    return reply;
}

}  // namespace

class HttpClient::Impl {
public:
    Impl(ServerUrl server, std::chrono::milliseconds connect_timeout, std::chrono::milliseconds call_timeout,
         TlsContext tls)
        : server_(std::move(server)),
          connect_timeout_(connect_timeout),
          call_timeout_(call_timeout),
          stream_(io_, std::move(tls)) {
        buffer_.reserve(read_buffer_bytes);  // Beast reads as much as fits: 512 bytes at a time into a small buffer
    }
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl() {
        try {
            say_goodbye();
            close();
        } catch (const std::exception&) {  // NOLINT: a courtesy only
        }
    }

    Outcome<HttpReply> call(const HttpRequest& request) {
        timeout_ = std::min(call_timeout_, request.timeout.value_or(call_timeout_));
        deadline_ = SteadyClock::now() + timeout_;
        const bool kept = stream_.socket().is_open();
        if (!kept)
            if (const auto failure = connect()) return *failure;
        bool closed_before_reply = false;
        auto reply = exchange(request, closed_before_reply);
        if (kept && closed_before_reply) {
            // The server closed the idle connection. Whether it has seen the request is not known: a submission carries
            // an Idempotency-Key.
            if (const auto failure = connect()) return *failure;
            reply = exchange(request, closed_before_reply);
        } else if (closed_before_reply && !stream_.wants_tls()) {
            Failure failure = reply.error();
            failure.message += ". If it speaks TLS, write https://";
            return failure;
        }
        return reply;
    }

    [[nodiscard]] const ServerUrl& server() const { return server_; }
    std::uint64_t sent = 0;
    std::uint64_t received = 0;

private:
    std::optional<Failure> connect() {
        // The system's resolver has time limits of its own, and cannot be interrupted by ours.
        error_code error;
        tcp::resolver resolver(io_);
        const auto addresses = resolver.resolve(server_.host, server_.port, tcp::resolver::numeric_service, error);
        if (error)
            return Failure{ErrorKind::Connection, "cannot find the host of " + server_.text() + ": " + error.message()};

        const auto until = std::min(deadline_, SteadyClock::now() + connect_timeout_);
        Step step;
        asio::async_connect(stream_.socket(), addresses, [&](const error_code& failed, const tcp::endpoint&) {
            step = {true, failed};
        });
        if (!run_until(step.done, until)) {
            close();
            return too_slow("cannot connect to " + server_.text() + ": no answer");
        }
        if (step.error) {
            close();
            return Failure{ErrorKind::Connection, "cannot connect to " + server_.text() + ": " + step.error.message()};
        }
        stream_.socket().set_option(tcp::no_delay(true), error);  // a matter of speed only
        if (!stream_.wants_tls()) return std::nullopt;
        auto failure = shake_hands(until);
        if (failure) close();
        return failure;
    }

    /// What it leaves in flight ends with close().
    std::optional<Failure> shake_hands(Deadline until) {
        if (auto failure = stream_.begin_tls(server_)) return failure;
        step_ = {};
        stream_.tls()->async_handshake(asio::ssl::stream_base::client, [&](const error_code& failed) {
            step_ = {true, failed};
        });
        if (!run_until(step_.done, until)) return too_slow(server_.text() + " did not finish the TLS handshake");
        if (!step_.error) return std::nullopt;
        if (auto failure = stream_.explain(step_.error, server_)) return failure;
        return Failure{ErrorKind::Connection,
                       "the connection to " + server_.text() +
                           " broke in the TLS handshake (does it speak TLS?): " + step_.error.message()};
    }

    [[nodiscard]] Failure too_slow(const std::string& what) const {
        return {ErrorKind::Timeout, what + " within " + seconds_text(std::min(connect_timeout_, timeout_))};
    }

    /// Sends and receives at the same time: a server may refuse a long body before it has read it.
    Outcome<HttpReply> exchange(const HttpRequest& request, bool& closed_before_reply) {
        const auto message = message_for(request, server_);
        http::request_serializer<Body> serializer(message);
        Step write;
        http::async_write(stream_, serializer, [&](const error_code& failed, std::size_t bytes) {
            write = {true, failed};
            sent += bytes;
        });

        std::optional<Parser> parser;
        Step read;
        read_reply(parser, read, request.max_reply_bytes);
        if (read.done && !read.error && write.done && !write.error && parser->keep_alive() && !parser->need_eof() &&
            buffer_.size() == 0) {
            return reply_from(*parser);
        }
        const bool in_time = read.done;
        const auto failure = in_time && read.error ? std::optional(failure_of(read.error)) : std::nullopt;
        closed_before_reply = in_time && read.error && !parser->got_some() && is_closed(read.error);
        if (in_time && !failure && write.done && !write.error) say_goodbye();
        close();  // ends what is still under way, too
        if (!in_time)
            return Failure{ErrorKind::Timeout,
                           "no complete answer from " + server_.text() + " within " + seconds_text(timeout_)};
        if (failure) return *failure;
        return reply_from(*parser);
    }

    void read_reply(std::optional<Parser>& parser, Step& read, std::size_t max_reply_bytes) {
        for (int interim = 0; interim <= max_interim_replies; ++interim) {
            parser.emplace();
            parser->header_limit(max_header_bytes);
            parser->body_limit(std::max(max_reply_bytes, max_error_bytes));
            read = {};
            http::async_read_header(stream_, buffer_, *parser, [&](const error_code& failed, std::size_t bytes) {
                read = {true, failed};
                received += bytes;
            });
            if (!run_until(read.done, deadline_) || read.error) return;
            if (parser->get().result_int() >= 200) break;
            if (interim == max_interim_replies) read.error = http::error::bad_status;
        }
        if (read.error) return;
        const std::size_t limit = parser->get().result_int() < 400 ? max_reply_bytes : max_error_bytes;
        if (parser->content_length().value_or(0) > limit) {
            read.error = http::error::body_limit;
            return;
        }
        parser->body_limit(limit);
        read = {};
        http::async_read(stream_, buffer_, *parser, [&](const error_code& failed, std::size_t bytes) {
            read = {true, failed};
            received += bytes;
        });
        run_until(read.done, deadline_);
    }

    static bool is_closed(const error_code& error) {
        return error == http::error::end_of_stream || error == asio::error::eof ||
               error == asio::error::connection_reset || error == asio::error::broken_pipe ||
               error == asio::error::connection_aborted || is_truncation(error);
    }

    [[nodiscard]] Failure failure_of(const error_code& error) {
        if (auto failure = stream_.explain(error, server_)) return *std::move(failure);
        auto failure = failure_without_tls(error);
        failure.after_connecting = true;
        return failure;
    }

    [[nodiscard]] Failure failure_without_tls(const error_code& error) const {
        if (error == http::error::body_limit || error == http::error::header_limit ||
            error == http::error::buffer_overflow)
            return bad_reply("it is longer than any right one");
        if (is_closed(error) || error == http::error::partial_message)
            return {ErrorKind::Connection,
                    "the connection to " + server_.text() + " broke before the whole answer came"};
        if (error.category() == http::make_error_code(http::error::end_of_stream).category())
            return bad_reply("it is not HTTP/1.1");
        return {ErrorKind::Connection, "the connection to " + server_.text() + " failed: " + error.message()};
    }

    /// False when the deadline came first; what is in flight then still refers to its Steps: close() before they go.
    bool run_until(const bool& done, Deadline deadline) {
        io_.restart();
        while (!done && io_.run_one_until(deadline) > 0) {
        }
        return done;
    }

    /// Tells a TLS server that the end is meant. Does not wait for its answer for long.
    void say_goodbye() {
        if (stream_.tls() == nullptr || !stream_.socket().is_open()) return;
        step_ = {};
        stream_.tls()->async_shutdown([&](const error_code& failed) { step_ = {true, failed}; });
        run_until(step_.done, SteadyClock::now() + goodbye_time);
    }

    /// Ends everything in flight and lets its handlers run.
    void close() {
        error_code ignored;
        stream_.socket().close(ignored);
        buffer_.clear();
        io_.restart();
        io_.run();
    }

    const ServerUrl server_;
    const std::chrono::milliseconds connect_timeout_;
    const std::chrono::milliseconds call_timeout_;
    std::chrono::milliseconds timeout_{};
    Deadline deadline_{};
    asio::io_context io_{1};
    Stream stream_;
    Step step_;  // of a handshake or a goodbye, which may be left in flight until close()
    boost::beast::flat_buffer buffer_{read_buffer_bytes};
};

HttpClient::HttpClient(ServerUrl server, std::chrono::milliseconds connect_timeout,
                       std::chrono::milliseconds call_timeout, TlsContext tls)
    : impl_(std::make_unique<Impl>(std::move(server), connect_timeout, call_timeout, std::move(tls))) {}
HttpClient::~HttpClient() = default;
HttpClient::HttpClient(HttpClient&&) noexcept = default;
HttpClient& HttpClient::operator=(HttpClient&&) noexcept = default;

Outcome<HttpReply> HttpClient::call(const HttpRequest& request) { return impl_->call(request); }
const ServerUrl& HttpClient::server() const { return impl_->server(); }
std::uint64_t HttpClient::bytes_sent() const { return impl_->sent; }
std::uint64_t HttpClient::bytes_received() const { return impl_->received; }

}  // namespace einfer::client
