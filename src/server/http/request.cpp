#include "server/http/request.h"

#include "base/ids.h"

#include <boost/beast/core/string.hpp>
#include <boost/url/decode_view.hpp>
#include <boost/url/parse.hpp>
#include <boost/url/url_view.hpp>

#include <algorithm>
#include <charconv>

namespace einfer::server::http {
namespace {

namespace beast = boost::beast;
using Fields = beast::http::fields;

constexpr std::size_t max_idempotency_key_bytes = 255;

std::optional<std::string> field(const Fields& fields, std::string_view name) {
    const auto found = fields.find(name);
    if (found == fields.end()) return std::nullopt;
    return std::string(found->value());
}

std::optional<std::string> single_field(const Fields& fields, std::string_view name) {
    return fields.count(name) > 1 ? std::string() : field(fields, name);
}

std::string_view trimmed(std::string_view text) {
    const std::size_t begin = text.find_first_not_of(" \t");
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(" \t") - begin + 1);
}

/// The parts of `text` between `separator`s, trimmed.
std::vector<std::string_view> split(std::string_view text, char separator) {
    std::vector<std::string_view> parts;
    while (true) {
        const std::size_t end = text.find(separator);
        parts.push_back(trimmed(text.substr(0, end)));
        if (end == std::string_view::npos) return parts;
        text.remove_prefix(end + 1);
    }
}

/// wait=SECONDS of a Prefer field (RFC 7240); anything else in it is ignored, as the RFC says.
std::optional<std::chrono::seconds> preferred_wait(std::string_view prefer) {
    for (const std::string_view preference : split(prefer, ',')) {
        const std::string_view first = split(preference, ';').front();
        const std::size_t equals = first.find('=');
        if (equals == std::string_view::npos || !beast::iequals(trimmed(first.substr(0, equals)), "wait")) continue;
        const std::string_view digits = trimmed(first.substr(equals + 1));
        std::uint32_t seconds = 0;
        const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), seconds);
        if (fault == std::errc::result_out_of_range) return std::chrono::seconds::max();
        if (fault == std::errc() && end == digits.data() + digits.size()) return std::chrono::seconds(seconds);
    }
    return std::nullopt;
}

bool is_http(const boost::urls::url_view& url) {
    const auto scheme = url.scheme_id();
    return !url.encoded_host().empty() && (scheme == boost::urls::scheme::http || scheme == boost::urls::scheme::https);
}

bool is_content_encoded(const RequestHead& head) {
    return head.content_encoding && !beast::iequals(trimmed(*head.content_encoding), "identity");
}

/// JSON in UTF-8.
bool is_json(const RequestHead& head) {
    if (!head.content_type) return false;
    const auto parts = split(*head.content_type, ';');
    if (!beast::iequals(parts.front(), "application/json")) return false;
    return std::all_of(parts.begin() + 1, parts.end(), [](std::string_view part) {
        return part.empty() || beast::iequals(part, "charset=utf-8") || beast::iequals(part, "charset=\"utf-8\"");
    });
}

/// What stands between the slashes, decoded. As it is: nothing is resolved that a proxy may have seen otherwise.
std::vector<std::string> segments(std::string_view path) {
    std::vector<std::string> parts;
    if (path.starts_with('/')) path.remove_prefix(1);
    for (const std::string_view part : split(path, '/')) {
        const boost::urls::decode_view decoded{boost::urls::string_view(part.data(), part.size())};
        parts.emplace_back(decoded.begin(), decoded.end());
    }
    return parts;
}

}  // namespace

Result<RequestHead> RequestHead::parse(const beast::http::request_header<>& header) {
    auto url = boost::urls::parse_origin_form(header.target());
    const bool absolute = !url;
    if (absolute) url = boost::urls::parse_absolute_uri(header.target());  // RFC 9112 §3.2.2: servers accept it
    if (!url || (absolute && !is_http(*url)))
        return Error{ErrorCode::MalformedJson, "the request target is not a path with an optional query"};
    RequestHead head;
    head.method = header.method();
    const auto path = url->encoded_path();
    head.path = segments({path.data(), path.size()});
    for (const auto& parameter : url->params()) {
        const auto [known, is_new] = head.query.emplace(parameter.key, parameter.value);
        if (!is_new) known->second.clear();
    }

    head.authorization = single_field(header, "Authorization");
    head.tenant = single_field(header, "X-Tenant-ID");
    head.idempotency_key = single_field(header, "Idempotency-Key");
    head.origin = single_field(header, "Origin");
    head.asks_for_method = header.count("Access-Control-Request-Method") > 0;
    if (const auto prefer = field(header, "Prefer")) head.wait = preferred_wait(*prefer);
    head.if_none_match = field(header, "If-None-Match");
    head.content_type = single_field(header, "Content-Type");
    head.content_encoding = single_field(header, "Content-Encoding");
    head.binary_header_length = single_field(header, "Inference-Header-Content-Length");
    head.has_body = header.count("Content-Length") > 0 || header.count("Transfer-Encoding") > 0;
    return head;
}

std::string request_id(const Fields& fields) {
    if (auto sent = field(fields, "X-Request-ID"); sent && is_token(*sent)) return *std::move(sent);
    return random_id();
}

Result<std::string> idempotency_key(const RequestHead& head) {
    if (!head.idempotency_key) return std::string();
    const std::string& key = *head.idempotency_key;
    const bool visible = std::all_of(key.begin(), key.end(), [](char c) { return c > ' ' && c < 0x7f; });
    if (!key.empty() && key.size() <= max_idempotency_key_bytes && visible) return key;
    return Error{ErrorCode::SchemaViolation,
                 "Idempotency-Key is 1 to 255 visible ASCII characters, once",
                 {{"pointer", "Idempotency-Key"}, {"rule", "pattern"}}};
}

Result<void> check_json_body(const RequestHead& head) {
    if (!is_content_encoded(head) && is_json(head)) return {};
    return Error{ErrorCode::UnsupportedMediaType, "send application/json in UTF-8, without a Content-Encoding"};
}

Result<BodyForm> body_form(const RequestHead& head) {
    if (!is_content_encoded(head)) {
        if (is_json(head)) return BodyForm::Json;
        if (head.content_type && beast::iequals(trimmed(*head.content_type), "application/octet-stream"))
            return BodyForm::Binary;
    }
    return Error{ErrorCode::UnsupportedMediaType,
                 "send application/json in UTF-8, or application/octet-stream, without a Content-Encoding"};
}

Result<std::uint64_t> binary_header_bytes(const RequestHead& head, BodyForm form) {
    if (form == BodyForm::Json) {
        if (!head.binary_header_length) return 0;
        return Error{ErrorCode::InvalidEncoding, "Inference-Header-Content-Length goes with application/octet-stream"};
    }
    constexpr std::size_t most_digits = 18;  // all of which fit
    const std::string digits = head.binary_header_length.value_or("");
    const bool decimal = std::all_of(digits.begin(), digits.end(), [](char c) { return c >= '0' && c <= '9'; });
    std::uint64_t bytes = 0;
    if (decimal && digits.size() <= most_digits && !digits.starts_with('0'))
        std::from_chars(digits.data(), digits.data() + digits.size(), bytes);
    if (bytes > 0) return bytes;
    return Error{ErrorCode::InvalidEncoding,
                 "send one Inference-Header-Content-Length: the number of bytes of the body's JSON header"};
}

}  // namespace einfer::server::http
