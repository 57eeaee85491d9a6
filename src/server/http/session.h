// One connection: reads requests, lets the handlers answer, writes replies, keeps the timeouts.
#pragma once

#include "server/audit_log.h"
#include "server/http/exchange.h"
#include "server/http/handlers.h"
#include "server/http/options.h"
#include "server/http/refusal_log.h"
#include "server/http/stream.h"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

namespace einfer::server::http {

/// What all sessions of a server share.
struct SessionShared {
    InferenceService& service;
    Handlers handlers;
    AuditLog& audit;
    const HttpOptions options;
    std::atomic<bool> draining{false};
    std::atomic<std::size_t> connections{0};
    std::atomic<std::size_t> requests{0};  ///< being read or answered
    RefusalLog refusals{};
    std::atomic<std::uint64_t> endings{0};  ///< of requests and connections
};

class Session final : public std::enable_shared_from_this<Session>, private Exchange {
public:
    /// `tls`: null for none. `refuse`: the server has its maximum of connections; the first request is answered with
    /// OVERLOADED.
    Session(boost::asio::ip::tcp::socket socket, std::shared_ptr<boost::asio::ssl::context> tls, SessionShared& shared,
            bool refuse);
    ~Session() override;

    /// Serves until the connection ends. On the socket's executor, a strand.
    boost::asio::awaitable<void> run();

    /// The server stops: closes an idle connection, ends a wait; a request that has arrived is answered, one that
    /// arrives too slowly is not waited for. Thread-safe.
    void drain();

private:
    using Parser = boost::beast::http::request_parser<boost::beast::http::buffer_body>;
    enum class Next { Continue, Close, Linger };

    static constexpr std::size_t chunk_bytes = 64 * 1024;
    /// Without progress, for what arrives when a stop begins.
    static constexpr std::chrono::milliseconds draining_timeout{1000};
    [[nodiscard]] static Error framing_error();

    struct Answer {
        Reply reply{};
        std::size_t body_bytes = 0;
        Trace trace{};
        bool head_only = false;
        bool keep_alive = false;
        bool lost = false;  ///< there is none: the connection ends
    };

    /// True when there is nothing to do.
    boost::asio::awaitable<bool> shake_hands();
    boost::asio::awaitable<Next> serve_requests();
    boost::asio::awaitable<Next> serve_one();
    /// To the request whose header has been read.
    boost::asio::awaitable<Answer> answer();
    /// Waits for the first byte of a request; false when the connection is over.
    boost::asio::awaitable<bool> await_request();
    /// The request's header section; the error reply, or nothing at all when nobody is there to read one.
    boost::asio::awaitable<std::optional<Result<void>>> read_header();
    /// From `when` on cancels whatever the socket does, again and again until it is set anew: what was to be cancelled
    /// may just have ended, and the next read begun. Unlike a timeout of beast::tcp_stream it leaves the socket open,
    /// so that a 408 can be sent.
    void set_deadline(std::chrono::steady_clock::time_point when);
    void watch_deadline();
    void clear_deadline() { deadline_.expires_at(std::chrono::steady_clock::time_point::max()); }
    void set_timeout(std::chrono::milliseconds from_now) { set_deadline(std::chrono::steady_clock::now() + from_now); }

    [[nodiscard]] boost::json::object describe(const Answer& answer) const;
    void audit(const Answer& answer, const boost::json::object& described) const;
    /// Takes the reply's body.
    boost::asio::awaitable<bool> send(Reply& reply, bool head_only, bool keep_alive);
    boost::asio::awaitable<void> discard_unread();

    [[nodiscard]] Result<void> check_length(std::size_t limit) const override;
    boost::asio::awaitable<Result<void>> read_body(std::size_t limit,
                                                   std::function<void(std::string_view)> consume) override;
    /// Why reading ended: the sender was too slow, or the server stops and does not wait.
    [[nodiscard]] Error too_slow() const;
    std::size_t parse_body(boost::beast::error_code& parsed);
    boost::asio::awaitable<Result<void>> receive_body(std::size_t limit,
                                                      const std::function<void(std::string_view)>& consume);
    boost::asio::awaitable<Result<void>> receive_announced(std::uint64_t length,
                                                           std::chrono::steady_clock::time_point deadline,
                                                           const std::function<void(std::string_view)>& consume);
    boost::asio::awaitable<Result<void>> receive_chunked(std::size_t limit,
                                                         std::chrono::steady_clock::time_point deadline,
                                                         const std::function<void(std::string_view)>& consume);
    /// Reads some of a body. REQUEST_TIMEOUT or MALFORMED_JSON when nothing came.
    boost::asio::awaitable<Result<std::size_t>> read_some(boost::asio::mutable_buffer room,
                                                          std::chrono::steady_clock::time_point deadline);
    /// Whether the request has arrived to its end.
    [[nodiscard]] bool all_read() const { return announced_read_ || parser_->is_done(); }
    void wipe_buffers();
    template <class Value, class Begin>
    boost::asio::awaitable<Result<Value>> verdict_of(Begin begin);
    boost::asio::awaitable<Result<jobs::Accepted>> submit(jobs::Submission submission) override;
    boost::asio::awaitable<Result<void>> erase(std::string job_id, std::string tenant) override;
    boost::asio::awaitable<Result<void>> until_done(std::function<Result<void>(Done)> begin) override;
    boost::asio::awaitable<void> wait_until_final(std::string_view job_id, std::chrono::seconds at_most) override;

    SessionShared& shared_;
    const bool refuse_;
    Stream stream_;
    const std::string remote_;
    boost::asio::steady_timer deadline_;
    bool timed_out_ = false;
    boost::beast::flat_buffer buffer_;
    boost::asio::steady_timer wait_timer_;
    std::vector<char> chunk_;
    std::optional<Parser> parser_;
    bool announced_read_ = false;  ///< a body of announced length, of which the parser sees nothing
    /// Called by the parser for the line before each chunk.
    std::function<void(std::uint64_t, std::string_view, boost::beast::error_code&)> check_chunk_line_;
    std::string request_id_;
    bool idle_ = true;
    bool arriving_ = false;
};

}  // namespace einfer::server::http
