// TLS to the server: whom it must be trusted by, what this client shows, and what went wrong.
#pragma once

#include "client/failure.h"
#include "client/server_url.h"

#include <boost/asio/ssl/context.hpp>

#include <memory>
#include <optional>
#include <string>

namespace einfer::client {

/// PEM files; empty: none.
struct TlsFiles {
    std::string ca;  ///< whom to trust; none: the system's
    std::string certificate;
    std::string key;
};

using TlsContext = std::shared_ptr<boost::asio::ssl::context>;

/// Verifies the peer, always; TLS 1.2 and 1.3. InvalidArgument when a file cannot be used.
[[nodiscard]] Outcome<TlsContext> make_tls_context(const TlsFiles& files);

/// One connection's TLS, beside the stream that carries it.
class TlsPeer {
public:
    /// Makes `ssl` ask for the certificate of that host. `this` must outlive `ssl`.
    [[nodiscard]] std::optional<Failure> expect(SSL* ssl, const ServerUrl& server);

    /// The failure of the handshake, or of the first exchange after it (in TLS 1.3 a server rejects a client's
    /// certificate only then). Nothing when `error` is not about TLS.
    [[nodiscard]] std::optional<Failure> explain(SSL* ssl, const boost::system::error_code& error,
                                                 const ServerUrl& server) const;

private:
    bool asked_for_certificate_ = false;
};

/// The connection ended without the peer saying so.
[[nodiscard]] bool is_truncation(const boost::system::error_code& error);

}  // namespace einfer::client
