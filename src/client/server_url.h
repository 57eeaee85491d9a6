// The server's address, from the URL that a person wrote.
#pragma once

#include "client/failure.h"

#include <string>
#include <string_view>

namespace einfer::client {

struct ServerUrl {
    std::string host;       ///< to connect to; an IPv6 address without brackets
    std::string port;       ///< decimal
    bool tls = false;       ///< https
    std::string authority;  ///< for the Host field: brackets, and the port unless it is the scheme's own
    std::string base_path;  ///< put in front of every target: "" or "/…" without a slash at its end

    /// InvalidArgument for anything but http://HOST[:PORT][/PATH] and https://HOST[:PORT][/PATH].
    [[nodiscard]] static Outcome<ServerUrl> parse(std::string_view text);

    /// "http://AUTHORITY/PATH", for messages.
    [[nodiscard]] std::string text() const { return (tls ? "https://" : "http://") + authority + base_path; }
    /// True for "localhost" and for loopback addresses: what is sent there does not leave this machine.
    [[nodiscard]] bool is_loopback() const;
};

}  // namespace einfer::client
