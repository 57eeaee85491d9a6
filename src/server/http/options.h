// Limits of the HTTP side. Those of bodies follow from the largest model (server/catalog.h).
#pragma once

#include "server/http/tls.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace einfer::server::http {

struct HttpOptions {
    std::string address = "127.0.0.1";  ///< numeric IPv4 or IPv6
    std::uint16_t port = 8000;          ///< 0: any free one
    TlsOptions tls{};
    std::vector<std::string> cors_origins{};  ///< of pages that may ask; "*" is any; none by default
    std::size_t io_threads = 1;
    std::size_t max_connections = 1024;
    std::size_t max_header_bytes = 16 * 1024;
    std::chrono::milliseconds header_timeout{10'000};    ///< from the first byte of a request to the end of its headers
    std::chrono::milliseconds idle_timeout{60'000};      ///< between requests
    std::chrono::milliseconds body_timeout{30'000};      ///< without progress
    std::chrono::milliseconds request_timeout{300'000};  ///< for a whole body
    std::chrono::milliseconds write_timeout{30'000};     ///< without progress
    std::chrono::seconds max_wait{60};                   ///< cap of Prefer: wait
    std::chrono::milliseconds shutdown_grace{10'000};    ///< for requests that are being answered when a stop begins
};

}  // namespace einfer::server::http
