// Cross-origin requests from browsers (https://fetch.spec.whatwg.org/#http-cors-protocol). Off unless origins are
// named.
#pragma once

#include "server/http/reply.h"
#include "server/http/request.h"

#include <string>
#include <string_view>
#include <vector>

namespace einfer::server::http {

/// "*", or scheme://host[:port] without a path, as a browser sends it.
[[nodiscard]] bool is_origin(std::string_view text);

class Cors {
public:
    /// `origins`: those that may ask, or "*" for all. Empty: no reply says anything about origins.
    explicit Cors(std::vector<std::string> origins) : origins_(std::move(origins)) {}

    /// Whether the request asks beforehand what it may send, and is to be answered.
    [[nodiscard]] bool is_preflight(const RequestHead& head) const;
    /// `methods`: of the resource.
    [[nodiscard]] Reply preflight(std::string_view methods) const;

    /// Adds what lets a page of an allowed origin read the reply. Credentials go in `Authorization`, never in cookies.
    void allow(const RequestHead& head, Reply& reply) const;

private:
    [[nodiscard]] bool allows(std::string_view origin) const;

    const std::vector<std::string> origins_;
};

}  // namespace einfer::server::http
