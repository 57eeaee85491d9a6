// How a session receives a body.
#include "server/http/session.h"

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/buffer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>

#include <string.h>  // explicit_bzero

#include <algorithm>

namespace einfer::server::http {
namespace {

namespace net = boost::asio;
namespace beast = boost::beast;
using std::chrono::steady_clock;

constexpr auto as_result = net::as_tuple(net::use_awaitable);

}  // namespace

net::awaitable<Result<void>> Session::read_body(std::size_t limit, std::function<void(std::string_view)> consume) {
    auto read = co_await receive_body(limit, consume);
    wipe_buffers();
    co_return read;
}

/// A body may have held a secret key that was sent by mistake.
void Session::wipe_buffers() {
    ::explicit_bzero(chunk_.data(), chunk_.size());
    std::string next(static_cast<const char*>(buffer_.data().data()), buffer_.size());  // pipelined
    buffer_.clear();
    const auto all = buffer_.prepare(buffer_.capacity());
    ::explicit_bzero(all.data(), all.size());
    net::buffer_copy(buffer_.prepare(next.size()), net::buffer(next));
    buffer_.commit(next.size());
    ::explicit_bzero(next.data(), next.size());
}

/// Fills chunk_ with the bodies of as many chunks as have arrived: they may have a byte each.
std::size_t Session::parse_body(beast::error_code& parsed) {
    auto& body = parser_->get().body();
    body.data = chunk_.data();
    body.size = chunk_.size();
    body.more = true;
    while (!parsed && !parser_->is_done() && buffer_.size() > 0) buffer_.consume(parser_->put(buffer_.data(), parsed));
    return chunk_.size() - body.size;
}

net::awaitable<Result<void>> Session::receive_body(std::size_t limit,
                                                   const std::function<void(std::string_view)>& consume) {
    const bool knows_continue = parser_->get().version() >= 11;
    if (knows_continue && buffer_.size() == 0 &&
        beast::iequals(parser_->get()[beast::http::field::expect], "100-continue")) {
        static constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        const auto [ec, bytes] = co_await net::async_write(stream_, net::buffer(go_on), as_result);
        if (ec) co_return too_slow();
    }
    const auto deadline = steady_clock::now() + shared_.options.request_timeout;
    chunk_.resize(chunk_bytes);
    if (parser_->is_done()) co_return Result<void>();
    if (const auto length = parser_->content_length(); length && *length <= limit)
        co_return co_await receive_announced(*length, deadline, consume);
    co_return co_await receive_chunked(limit, deadline, consume);
}

net::awaitable<Result<std::size_t>> Session::read_some(net::mutable_buffer room, steady_clock::time_point deadline) {
    const auto patience = shared_.draining ? draining_timeout : shared_.options.body_timeout;
    set_deadline(std::min(deadline, steady_clock::now() + patience));
    arriving_ = true;
    const auto [ec, bytes] = co_await stream_.async_read_some(room, as_result);
    arriving_ = false;
    if (timed_out_) co_return too_slow();
    if (ec) co_return framing_error();
    co_return bytes;
}

/// Nothing is between the bytes of such a body: they go from the socket to whoever wants them, past the parser.
net::awaitable<Result<void>> Session::receive_announced(std::uint64_t length, steady_clock::time_point deadline,
                                                        const std::function<void(std::string_view)>& consume) {
    std::uint64_t left = length;
    if (const std::size_t here = std::min<std::uint64_t>(buffer_.size(), left); here > 0) {
        consume({static_cast<const char*>(buffer_.data().data()), here});
        buffer_.consume(here);
        left -= here;
    }
    while (left > 0) {
        const std::size_t room = std::min<std::uint64_t>(chunk_.size(), left);  // what follows is the next request's
        const auto bytes = co_await read_some(net::buffer(chunk_.data(), room), deadline);
        if (!bytes) co_return bytes.error();
        left -= *bytes;
        consume({chunk_.data(), *bytes});
    }
    announced_read_ = true;
    co_return Result<void>();
}

net::awaitable<Result<void>> Session::receive_chunked(std::size_t limit, steady_clock::time_point deadline,
                                                      const std::function<void(std::string_view)>& consume) {
    std::size_t total = 0;
    bool needs_more = false;  // buffer_ holds the beginning of something
    while (!parser_->is_done()) {
        if (buffer_.size() == 0 || needs_more) {
            const auto room = buffer_.prepare(std::min(chunk_bytes, buffer_.max_size() - buffer_.size()));
            if (room.size() == 0) co_return framing_error();  // the line before a chunk, or a trailer, without an end
            const auto bytes = co_await read_some(room, deadline);
            if (!bytes) co_return bytes.error();
            buffer_.commit(*bytes);
        }
        beast::error_code parsed;
        const std::size_t got = parse_body(parsed);
        needs_more = parsed == beast::http::error::need_more;
        if (parsed && !needs_more && parsed != beast::http::error::need_buffer) co_return framing_error();
        total += got;
        if (total > limit)
            co_return Error{ErrorCode::PayloadTooLarge,
                            "the body is larger than any valid request",
                            {{"limit", std::to_string(limit)}}};
        consume({chunk_.data(), got});
    }
    co_return Result<void>();
}

}  // namespace einfer::server::http
