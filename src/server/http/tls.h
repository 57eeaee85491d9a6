// The server's certificate, and whose client certificates it takes. TLS 1.2 and 1.3.
#pragma once

#include "base/error.h"

#include <boost/asio/ssl/context.hpp>

#include <filesystem>
#include <memory>
#include <mutex>

namespace einfer::server::http {

struct TlsOptions {
    std::filesystem::path certificate{};  ///< PEM: the server's, then the intermediate ones; empty: no TLS
    std::filesystem::path key{};          ///< PEM, unencrypted
    std::filesystem::path client_ca{};    ///< PEM; if set, a client must show a certificate that one of these signed
};

/// What new connections use. Thread-safe.
class Tls {
public:
    explicit Tls(TlsOptions options) : options_(std::move(options)) {}

    [[nodiscard]] bool enabled() const { return !options_.certificate.empty(); }
    /// Null without TLS.
    [[nodiscard]] std::shared_ptr<boost::asio::ssl::context> context() const;

    /// Reads the files (again). INTERNAL, with a message for the operator, when they are bad: then the old ones stay.
    Result<void> load();

private:
    const TlsOptions options_;
    mutable std::mutex mutex_;
    std::shared_ptr<boost::asio::ssl::context> context_;
};

}  // namespace einfer::server::http
