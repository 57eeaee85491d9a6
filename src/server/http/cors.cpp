#include "server/http/cors.h"

#include <boost/url/parse.hpp>

#include <algorithm>

namespace einfer::server::http {

bool is_origin(std::string_view text) {
    if (text == "*") return true;
    const auto url = boost::urls::parse_uri(text);
    return url && url->has_authority() && !url->host().empty() && !url->has_userinfo() && url->path().empty() &&
           !url->has_query() && !url->has_fragment();
}

bool Cors::allows(std::string_view origin) const {
    return std::any_of(origins_.begin(), origins_.end(),
                       [&](const std::string& each) { return each == "*" || each == origin; });
}

bool Cors::is_preflight(const RequestHead& head) const {
    return head.method == boost::beast::http::verb::options && head.asks_for_method && head.origin &&
           allows(*head.origin);
}

Reply Cors::preflight(std::string_view methods) const {
    Reply reply{.status = 204};
    reply.headers.emplace_back("Access-Control-Allow-Methods", methods);
    reply.headers.emplace_back("Access-Control-Allow-Headers",
                               "Authorization, Content-Type, Idempotency-Key, If-None-Match, "
                               "Inference-Header-Content-Length, Prefer, X-Request-ID, X-Tenant-ID");
    reply.headers.emplace_back("Access-Control-Max-Age", "600");
    return reply;
}

void Cors::allow(const RequestHead& head, Reply& reply) const {
    if (origins_.empty()) return;
    const bool all = std::find(origins_.begin(), origins_.end(), "*") != origins_.end();
    if (!all) reply.headers.emplace_back("Vary", "Origin");
    if (!head.origin || !allows(*head.origin)) return;
    reply.headers.emplace_back("Access-Control-Allow-Origin", all ? "*" : *head.origin);
    reply.headers.emplace_back("Access-Control-Expose-Headers",
                               "ETag, Inference-Header-Content-Length, Location, Retry-After, X-Request-ID");
}

}  // namespace einfer::server::http
