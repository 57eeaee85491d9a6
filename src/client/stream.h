// The bytes of a connection to the server, with TLS or without. Models Beast's AsyncReadStream and AsyncWriteStream.
#pragma once

#include "client/tls.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/stream.hpp>

#include <optional>
#include <utility>

namespace einfer::client {

class Stream {
public:
    using Socket = boost::asio::ip::tcp::socket;
    using Tls = boost::asio::ssl::stream<Socket&>;
    using executor_type = Socket::executor_type;

    /// `context`: null for no TLS.
    Stream(boost::asio::io_context& io, TlsContext context) : socket_(io), context_(std::move(context)) {}
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    executor_type get_executor() { return socket_.get_executor(); }
    Socket& socket() { return socket_; }
    /// Null without TLS, and before begin_tls().
    Tls* tls() { return tls_ ? &*tls_ : nullptr; }

    [[nodiscard]] bool wants_tls() const { return context_ != nullptr; }
    /// For a socket that is newly connected; the handshake is still to come. Nothing may be in flight.
    [[nodiscard]] std::optional<Failure> begin_tls(const ServerUrl& server) {
        tls_.emplace(socket_, *context_);
        return peer_.expect(tls_->native_handle(), server);
    }
    /// What `error` says about TLS, if anything.
    [[nodiscard]] std::optional<Failure> explain(const boost::system::error_code& error, const ServerUrl& server) {
        if (!tls_) return std::nullopt;
        return peer_.explain(tls_->native_handle(), error, server);
    }

    template <class Buffers, class Token>
    auto async_read_some(const Buffers& buffers, Token&& token) {
        return tls_ ? tls_->async_read_some(buffers, std::forward<Token>(token))
                    : socket_.async_read_some(buffers, std::forward<Token>(token));
    }
    template <class Buffers, class Token>
    auto async_write_some(const Buffers& buffers, Token&& token) {
        return tls_ ? tls_->async_write_some(buffers, std::forward<Token>(token))
                    : socket_.async_write_some(buffers, std::forward<Token>(token));
    }

private:
    Socket socket_;
    const TlsContext context_;
    TlsPeer peer_;
    std::optional<Tls> tls_;
};

}  // namespace einfer::client
