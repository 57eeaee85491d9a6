// Blocking HTTP/1.1 over one kept connection to one server: time and size of everything are bounded. Knows nothing of
// the protocol above it.
#pragma once

#include "client/failure.h"
#include "client/server_url.h"
#include "client/tls.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace einfer::client {

enum class Method { Get, Post, Delete };

struct HttpRequest {
    Method method = Method::Get;
    std::string target;               ///< "/models": the base path is put in front
    std::string_view body{};          ///< JSON, for Post; or of which the first header_bytes bytes are
    std::size_t header_bytes = 0;     ///< Inference-Header-Content-Length: a binary body
    std::string_view tenant{};        ///< X-Tenant-ID when not empty
    std::string_view api_key{};       ///< Authorization: Bearer … when not empty
    std::string idempotency_key{};    ///< Idempotency-Key when not empty
    std::string request_id{};         ///< X-Request-ID when not empty
    std::chrono::seconds wait{0};     ///< Prefer: wait=… when positive
    std::size_t max_reply_bytes = 0;  ///< of a body with a status below 400; otherwise max_error_bytes
    /// Fewer milliseconds than the client's call timeout, when a deadline above is near.
    std::optional<std::chrono::milliseconds> timeout{};
};

inline constexpr std::size_t max_error_bytes = 64 * 1024;

struct HttpReply {
    int status = 0;
    std::string body;
    std::string request_id;                           ///< the reply's X-Request-ID if it is a token, else ""
    std::optional<std::chrono::seconds> retry_after;  ///< Retry-After in seconds; dates are not understood
    std::optional<std::size_t> header_bytes{};        ///< Inference-Header-Content-Length, of a binary body
};

class HttpClient {
public:
    /// `tls` exactly for an https server. `connect_timeout` is for the TLS handshake as well.
    HttpClient(ServerUrl server, std::chrono::milliseconds connect_timeout, std::chrono::milliseconds call_timeout,
               TlsContext tls = nullptr);
    ~HttpClient();
    HttpClient(HttpClient&&) noexcept;
    HttpClient& operator=(HttpClient&&) noexcept;

    /// Any complete reply, whatever its status. Connection, Tls or Timeout when there is none, BadReply when it is not
    /// HTTP or too long. A kept connection that the server has closed meanwhile is replaced once. Redirects are not
    /// followed.
    [[nodiscard]] Outcome<HttpReply> call(const HttpRequest& request);

    [[nodiscard]] const ServerUrl& server() const;
    /// Since construction, headers included.
    [[nodiscard]] std::uint64_t bytes_sent() const;
    [[nodiscard]] std::uint64_t bytes_received() const;

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace einfer::client
