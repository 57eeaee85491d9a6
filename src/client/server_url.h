// The server's address, from the URL that a person wrote.
#pragma once

#include "client/failure.h"

#include <string>
#include <string_view>

namespace einfer::client {

struct ServerUrl {
    std::string host;       ///< to connect to; an IPv6 address without brackets
    std::string port;       ///< decimal
    std::string authority;  ///< for the Host field: brackets, and the port unless it is 80
    std::string base_path;  ///< put in front of every target: "" or "/…" without a slash at its end

    /// InvalidArgument for anything but http://HOST[:PORT][/PATH], and for https, which this version does not speak.
    [[nodiscard]] static Outcome<ServerUrl> parse(std::string_view text);

    /// "http://AUTHORITY/PATH", for messages.
    [[nodiscard]] std::string text() const { return "http://" + authority + base_path; }
};

}  // namespace einfer::client
