#include "server/http/session.h"

#include "base/ids.h"
#include "server/http/framing.h"
#include "server/log.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/ssl/stream_base.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/empty_body.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/http/write.hpp>

#include <netinet/tcp.h>

#include <algorithm>
#include <cstring>

namespace einfer::server::http {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
using std::chrono::steady_clock;

constexpr auto as_result = net::as_tuple(net::use_awaitable);

constexpr std::size_t slowest_reader_bytes_per_second = 64 * 1024;
constexpr std::chrono::milliseconds refused_timeout{1000};  // a connection over the limit soon makes room
constexpr std::chrono::milliseconds goodbye_timeout{1000};
constexpr std::chrono::milliseconds cancelled_again_after{100};
constexpr std::chrono::milliseconds peer_looked_at_every{500};  // while it waits for a job
constexpr std::size_t logged_method_bytes = 32;
constexpr auto linger_time = std::chrono::seconds(5);
constexpr std::size_t linger_bytes = 64u << 20;

/// Counts while it lives.
class Counted {
public:
    explicit Counted(std::atomic<std::size_t>& count) : count_(count) { ++count_; }
    ~Counted() { --count_; }
    Counted(const Counted&) = delete;
    Counted& operator=(const Counted&) = delete;

private:
    std::atomic<std::size_t>& count_;
};

std::string address_of(const net::ip::tcp::socket& socket) {
    beast::error_code ec;
    const auto endpoint = socket.remote_endpoint(ec);
    return ec ? std::string() : endpoint.address().to_string();
}

/// Whether the peer has closed or reset its side, whatever it sent before.
bool has_ended(net::ip::tcp::socket& socket) {
    tcp_info info{};
    socklen_t size = sizeof info;
    return ::getsockopt(socket.native_handle(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
           info.tcpi_state != TCP_ESTABLISHED;
}

}  // namespace

Error Session::framing_error() { return {ErrorCode::MalformedJson, "the request is not well-formed HTTP/1.1"}; }

Session::Session(net::ip::tcp::socket socket, std::shared_ptr<net::ssl::context> tls, SessionShared& shared,
                 bool refuse)
    : shared_(shared),
      refuse_(refuse),
      stream_(std::move(socket), std::move(tls)),
      remote_(address_of(stream_.socket())),
      deadline_(stream_.get_executor()),
      buffer_(shared.options.max_header_bytes + chunk_bytes),
      wait_timer_(stream_.get_executor()),
      check_chunk_line_(refuse_control_characters) {
    buffer_.reserve(buffer_.max_size());  // growing would leave copies that nobody wipes
    ++shared_.connections;
}

Session::~Session() {
    if (!chunk_.empty()) ::explicit_bzero(chunk_.data(), chunk_.size());
    buffer_.clear();
    const auto all = buffer_.prepare(buffer_.capacity());  // what was refused unread may be a key, too
    ::explicit_bzero(all.data(), all.size());
    --shared_.connections;
    ++shared_.endings;
}

net::awaitable<void> Session::run() {
    const auto self = shared_from_this();
    beast::error_code ec;
    stream_.socket().set_option(net::ip::tcp::no_delay(true), ec);
    const bool greeted = co_await shake_hands();
    if (greeted) {
        const Next next = co_await serve_requests();
        if (stream_.tls() != nullptr) {
            set_timeout(goodbye_timeout);
            co_await stream_.tls()->async_shutdown(as_result);
        }
        if (next == Next::Linger) co_await discard_unread();
    }
    clear_deadline();
    stream_.socket().shutdown(net::ip::tcp::socket::shutdown_both, ec);
}

net::awaitable<bool> Session::shake_hands() {
    if (stream_.tls() == nullptr) co_return true;
    set_timeout(refuse_ ? refused_timeout : shared_.options.header_timeout);
    const auto [ec] = co_await stream_.tls()->async_handshake(net::ssl::stream_base::server, as_result);
    if (ec) log_event(LogLevel::Debug, "tls_handshake_failed", {{"remote", remote_}, {"reason", ec.message()}});
    co_return !ec;
}

net::awaitable<Session::Next> Session::serve_requests() {
    while (true) {
        const bool arrived = co_await await_request();
        if (!arrived) co_return Next::Close;
        const Counted request(shared_.requests);
        const Next next = co_await serve_one();
        ++shared_.endings;
        if (next != Next::Continue) co_return next;
        if (shared_.draining) co_return Next::Close;
    }
}

void Session::set_deadline(steady_clock::time_point when) {
    timed_out_ = false;
    deadline_.expires_at(when);
    watch_deadline();
}

void Session::watch_deadline() {
    deadline_.async_wait([weak = weak_from_this()](beast::error_code ec) {
        const auto self = weak.lock();
        // A handler that was already queued when the deadline moved finds it in the future.
        if (ec || !self || self->deadline_.expiry() > steady_clock::now()) return;
        self->timed_out_ = true;
        self->stream_.socket().cancel(ec);
        self->deadline_.expires_after(cancelled_again_after);
        self->watch_deadline();
    });
}

net::awaitable<bool> Session::await_request() {
    if (buffer_.size() > 0) co_return true;  // pipelined
    idle_ = true;
    set_timeout(refuse_ ? refused_timeout : shared_.options.idle_timeout);
    const auto [ec, bytes] = co_await stream_.async_read_some(buffer_.prepare(chunk_bytes), as_result);
    idle_ = false;
    buffer_.commit(bytes);
    co_return !ec;
}

net::awaitable<std::optional<Result<void>>> Session::read_header() {
    parser_.emplace();
    announced_read_ = false;
    parser_->header_limit(static_cast<std::uint32_t>(shared_.options.max_header_bytes));
    parser_->body_limit(boost::none);  // bodies are counted in read_body()
    parser_->on_chunk_header(check_chunk_line_);
    arriving_ = true;
    set_timeout(refuse_ ? refused_timeout : shared_.draining ? draining_timeout : shared_.options.header_timeout);
    HeaderScan scan;
    beast::error_code parsed;
    while (true) {
        scan.look_at({static_cast<const char*>(buffer_.data().data()), buffer_.size()});
        const std::size_t used = parser_->put(buffer_.data(), parsed);
        buffer_.consume(used);
        scan.consumed(used);
        if (parsed != beast::http::error::need_more || scan.too_many()) break;
        const auto room = buffer_.prepare(std::min(chunk_bytes, buffer_.max_size() - buffer_.size()));
        const auto [ec, bytes] = co_await stream_.async_read_some(room, as_result);
        buffer_.commit(bytes);
        if (!ec && !timed_out_) continue;
        arriving_ = false;
        request_id_ = random_id();
        if (timed_out_) co_return Result<void>(too_slow());
        co_return std::nullopt;
    }
    arriving_ = false;
    request_id_ = request_id(parser_->get());
    if (parsed == beast::http::error::header_limit || scan.too_many())
        co_return Result<void>(Error{ErrorCode::HeadersTooLarge, "the header section is over the limit"});
    if (parsed || scan.folded() || !is_unambiguous(parser_->get())) co_return Result<void>(framing_error());
    co_return Result<void>();
}

net::awaitable<Session::Next> Session::serve_one() {
    const auto started = steady_clock::now();
    const auto header = co_await read_header();
    if (!header) co_return Next::Close;

    Answer answer;
    if (*header)
        answer = co_await this->answer();
    else
        answer.reply = Reply::error(header->error());
    if (answer.lost) {
        log_event(LogLevel::Error, "reply_lost", {{"request_id", request_id_}, {"job_id", answer.trace.job_id}});
        co_return Next::Close;
    }
    const bool keep_alive = answer.keep_alive && !shared_.draining;
    const bool unread = !*header || !all_read();
    answer.body_bytes = answer.reply.body.size();
    const bool refused = answer.reply.status == 401 || answer.reply.status == 429;
    const auto left_out = refused ? shared_.refusals.take() : std::uint64_t{0};
    boost::json::object line;
    if (left_out) {
        line = describe(answer);
        if (*left_out > 0) line.emplace("refusals_left_out", *left_out);
        audit(answer, line);  // before anybody can see what came of it
    }
    const bool sent = co_await send(answer.reply, answer.head_only, keep_alive);
    const auto spent = std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - started);
    if (left_out) {
        line.emplace("bytes", answer.body_bytes);
        line.emplace("microseconds", spent.count());
        if (answer.trace.receive) line.emplace("receive_us", microseconds(*answer.trace.receive));
        if (answer.trace.validate) line.emplace("validate_us", microseconds(*answer.trace.validate));
        log_event(LogLevel::Info, "request", line);
    }

    if (!sent) co_return Next::Close;
    if (keep_alive) co_return Next::Continue;
    co_return unread ? Next::Linger : Next::Close;
}

boost::json::object Session::describe(const Answer& answer) const {
    return {{"request_id", request_id_},
            {"method", std::string_view(parser_->get().method_string()).substr(0, logged_method_bytes)},
            {"route", answer.trace.route},
            {"status", answer.reply.status},
            {"code", answer.reply.code},
            {"tenant", answer.trace.tenant}};
}

void Session::audit(const Answer& answer, const boost::json::object& described) const {
    const Trace& trace = answer.trace;
    // The operations' routes, which anybody may ask all the time, need no accounting for.
    if (trace.tenant.empty() && answer.reply.status != 401) return;
    boost::json::object line = described;
    line.emplace("remote", remote_);
    line.emplace("key_id", trace.key_id);
    if (!trace.job_id.empty()) line.emplace("job_id", trace.job_id);
    if (!trace.model.empty()) line.emplace("model", trace.model);
    if (!trace.evaluation_key_id.empty()) line.emplace("evaluation_key_id", trace.evaluation_key_id);
    if (trace.batch_size > 0) line.emplace("batch_size", trace.batch_size);
    shared_.audit.record("request", line);
}

net::awaitable<Session::Answer> Session::answer() {
    Answer answer;
    if (refuse_) {
        answer.reply =
            Reply::error({ErrorCode::Overloaded, "the server has its maximum of connections; try again later"});
        co_return answer;
    }
    const auto head = RequestHead::parse(parser_->get());
    if (!head) {
        answer.reply = Reply::error(head.error());
        co_return answer;
    }
    answer.head_only = head->method == beast::http::verb::head;
    try {
        answer.reply = co_await shared_.handlers.handle(*head, *this, answer.trace);
    } catch (const ReplyLost&) {
        answer.lost = true;
    } catch (const std::bad_alloc&) {
        answer.reply = Reply::error({ErrorCode::Overloaded, "out of memory; try again later"});
    } catch (const std::exception& fault) {
        log_event(LogLevel::Error, "fault", {{"request_id", request_id_}, {"what", fault.what()}});
        answer.reply = Reply::error({ErrorCode::Internal, "a fault of the server; report the request id"});
    }
    const bool unframed = answer.reply.status == 411;  // what follows may be the body that was meant
    answer.keep_alive = all_read() && parser_->get().keep_alive() && !unframed;
    co_return answer;
}

net::awaitable<bool> Session::send(Reply& reply, bool head_only, bool keep_alive) {
    beast::http::response<beast::http::string_body> message(static_cast<beast::http::status>(reply.status), 11);
    message.set(beast::http::field::server, "einfer");
    message.set("X-Request-ID", request_id_);
    const bool has_content = reply.status != 204 && reply.status != 304;
    if (has_content) message.set(beast::http::field::content_type, "application/json");
    for (const auto& [name, value] : reply.headers) message.set(name, value);
    message.keep_alive(keep_alive);
    if (has_content) message.content_length(reply.body.size());
    const auto slow = std::chrono::seconds(reply.body.size() / slowest_reader_bytes_per_second);
    set_timeout(shared_.options.write_timeout + slow);
    if (!head_only) message.body() = std::move(reply.body);

    beast::http::response_serializer<beast::http::string_body> serializer(message);
    if (head_only) {
        const auto [ec, bytes] = co_await beast::http::async_write_header(stream_, serializer, as_result);
        co_return !ec;
    }
    const auto [ec, bytes] = co_await beast::http::async_write(stream_, serializer, as_result);
    co_return !ec;
}

/// Closing with unread bytes would reset the connection, and the client might never see the reply.
net::awaitable<void> Session::discard_unread() {
    beast::error_code ignored;
    stream_.socket().shutdown(net::ip::tcp::socket::shutdown_send, ignored);
    const auto deadline = steady_clock::now() + linger_time;
    std::size_t seen = 0;
    chunk_.resize(chunk_bytes);
    set_deadline(deadline);
    while (seen < linger_bytes && !timed_out_) {
        const auto [ec, bytes] = co_await stream_.socket().async_read_some(net::buffer(chunk_), as_result);
        if (ec) break;
        seen += bytes;
    }
}

/// Calls `begin` with what it is to call with its verdict, from any thread; resumes here with it, or with the error
/// that `begin` returns.
template <class Value, class Begin>
net::awaitable<Result<Value>> Session::verdict_of(Begin begin) {
    const auto initiate = [this](auto handler, Begin& started) {
        // std::function wants a copyable target; the handler is moved out of it once.
        auto shared = std::make_shared<decltype(handler)>(std::move(handler));
        const auto resume = [shared, executor = stream_.get_executor()](Result<Value> verdict) {
            net::post(executor, [shared, verdict] { std::move (*shared)(verdict); });
        };
        if (const auto admitted = started(resume); !admitted) resume(admitted.error());
    };
    co_return co_await net::async_initiate<const net::use_awaitable_t<>, void(Result<Value>)>(
        initiate, net::use_awaitable, std::ref(begin));
}

Error Session::too_slow() const {
    if (shared_.draining) return {ErrorCode::ShuttingDown, "the server is shutting down"};
    return {ErrorCode::RequestTimeout, "the request came too slowly; send it again"};
}

Result<void> Session::check_length(std::size_t limit) const {
    const auto length = parser_->content_length();
    if (length && *length > limit)
        return Error{ErrorCode::PayloadTooLarge,
                     "the body is larger than any valid request",
                     {{"limit", std::to_string(limit)}}};
    if (!length && !parser_->chunked())
        return Error{ErrorCode::LengthRequired, "send Content-Length or Transfer-Encoding: chunked"};
    return {};
}

net::awaitable<Result<jobs::Accepted>> Session::submit(jobs::Submission submission) {
    co_return co_await verdict_of<jobs::Accepted>(
        [&](auto done) { return shared_.service.submit(std::move(submission), std::move(done)); });
}

net::awaitable<Result<void>> Session::erase(std::string job_id, std::string tenant) {
    co_return co_await verdict_of<void>(
        [&](auto done) { return shared_.service.erase(std::move(job_id), std::move(tenant), std::move(done)); });
}

net::awaitable<Result<void>> Session::until_done(std::function<Result<void>(Done)> begin) {
    co_return co_await verdict_of<void>(std::move(begin));
}

net::awaitable<void> Session::wait_until_final(std::string_view job_id, std::chrono::seconds at_most) {
    const auto end = steady_clock::now() + std::min(at_most, shared_.options.max_wait);
    const auto is_final = std::make_shared<bool>(false);
    const auto wait =
        shared_.service.when_final(job_id, [self = shared_from_this(), is_final, executor = stream_.get_executor()] {
            net::post(executor, [self, is_final] {
                *is_final = true;
                self->wait_timer_.cancel();
            });
        });
    clear_deadline();
    while (!*is_final && !shared_.draining && steady_clock::now() < end) {
        wait_timer_.expires_at(std::min(end, steady_clock::now() + peer_looked_at_every));
        co_await wait_timer_.async_wait(as_result);
        if (has_ended(stream_.socket())) break;  // nobody may be there to wait; who only said his last word is answered
    }
}

void Session::drain() {
    net::post(stream_.get_executor(), [self = shared_from_this()] {
        if (self->idle_) self->stream_.socket().cancel();
        if (self->arriving_) self->set_timeout(draining_timeout);
        self->wait_timer_.cancel();
    });
}

}  // namespace einfer::server::http
