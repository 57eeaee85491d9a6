#include "client/server_url.h"

#include <boost/algorithm/string/predicate.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>

namespace einfer::client {
namespace {

namespace urls = boost::urls;

constexpr std::string_view shape = "write it as http://HOST:PORT or https://HOST";

Failure bad_url(std::string_view text, std::string_view why) {
    return invalid_argument("the server URL '" + printable(text, 200) + "' " + std::string(why));
}

/// A name goes into the Host field as it is: nothing percent-encoded, nothing that DNS does not have.
bool is_host_name(std::string_view name) {
    return !name.empty() && name.size() <= 253 && std::all_of(name.begin(), name.end(), [](char c) {
        return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
               c == '_';
    });
}

}  // namespace

Outcome<ServerUrl> ServerUrl::parse(std::string_view text) {
    const auto parsed = urls::parse_uri(text);
    if (!parsed) return bad_url(text, std::string("is not a URL: ").append(shape));
    const urls::url_view url = *parsed;

    const bool tls = url.scheme_id() == urls::scheme::https;
    if ((!tls && url.scheme_id() != urls::scheme::http) || !url.has_authority())
        return bad_url(text, std::string("is not an http or https URL: ").append(shape));
    if (url.has_userinfo()) return bad_url(text, "has a user or a password: leave them out, the protocol has none");
    if (url.has_query() || url.has_fragment()) return bad_url(text, "has a query or a fragment: leave it out");

    ServerUrl server;
    server.tls = tls;
    switch (url.host_type()) {
        case urls::host_type::ipv4:
        case urls::host_type::ipv6: server.host = url.host_address(); break;
        case urls::host_type::name: {
            const auto name = url.encoded_host();
            if (!is_host_name({name.data(), name.size()}))
                return bad_url(text, std::string("has no host that can be looked up: ").append(shape));
            server.host.assign(name.data(), name.size());
            break;
        }
        case urls::host_type::none:
        case urls::host_type::ipvfuture: return bad_url(text, std::string("has no usable host: ").append(shape));
    }
    const bool has_port = url.has_port() && !url.port().empty();
    if (has_port && url.port_number() == 0) return bad_url(text, "has a port that is not between 1 and 65535");
    const std::string usual = tls ? "443" : "80";
    server.port = has_port ? std::to_string(url.port_number()) : usual;
    server.authority = url.host_type() == urls::host_type::ipv6 ? '[' + server.host + ']' : server.host;
    if (server.port != usual) server.authority += ':' + server.port;

    const auto path = url.encoded_path();
    // Boost.URL 1.81 takes "http://host:80a" for port 80 and path "a".
    // So it does "http://10.0.0.5.example.org" for an address and a path.
    if (!path.empty() && path.front() == '.' && !has_port)
        return bad_url(text, "has a host name that begins like an IP address: use another name of it");
    if (!path.empty() && path.front() != '/') return bad_url(text, "has a port that is not between 1 and 65535");
    server.base_path.assign(path.data(), path.size());
    while (server.base_path.ends_with('/')) server.base_path.pop_back();
    return server;
}

bool ServerUrl::is_loopback() const {
    boost::system::error_code no_address;
    const auto address = boost::asio::ip::make_address(host, no_address);
    return no_address ? boost::algorithm::iequals(host, "localhost") : address.is_loopback();
}

}  // namespace einfer::client
