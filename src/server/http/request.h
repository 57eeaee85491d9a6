// A request's head as the handlers see it: checked, decoded, without its body.
#pragma once

#include "base/error.h"

#include <boost/beast/http/fields.hpp>
#include <boost/beast/http/message.hpp>

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace einfer::server::http {

struct RequestHead {
    boost::beast::http::verb method = boost::beast::http::verb::unknown;
    std::vector<std::string> path;  ///< decoded segments: "/jobs/x" is {"jobs", "x"}
    // Parameters and fields as they were sent. One that may come once and came twice is "", which no rule lets pass.
    std::map<std::string, std::string> query;  ///< decoded
    std::optional<std::string> authorization;
    std::optional<std::string> tenant;
    std::optional<std::string> idempotency_key;
    std::optional<std::string> origin;
    bool asks_for_method = false;              ///< Access-Control-Request-Method
    std::optional<std::chrono::seconds> wait;  ///< Prefer: wait, uncapped
    std::optional<std::string> if_none_match;
    std::optional<std::string> content_type;
    std::optional<std::string> content_encoding;
    std::optional<std::string> binary_header_length;  ///< Inference-Header-Content-Length
    bool has_body = false;                            ///< Content-Length or chunked was sent

    /// MALFORMED_JSON (the contract's code for bad HTTP) when the target is no origin-form path.
    static Result<RequestHead> parse(const boost::beast::http::request_header<>& header);

    [[nodiscard]] bool is_read() const {
        return method == boost::beast::http::verb::get || method == boost::beast::http::verb::head;
    }
};

/// X-Request-ID of the request if it is a sane one, else a new one.
[[nodiscard]] std::string request_id(const boost::beast::http::fields& fields);

/// The Idempotency-Key, "" when none was sent, or SCHEMA_VIOLATION.
[[nodiscard]] Result<std::string> idempotency_key(const RequestHead& head);

/// UNSUPPORTED_MEDIA_TYPE unless the body is JSON in UTF-8 and not content-encoded.
[[nodiscard]] Result<void> check_json_body(const RequestHead& head);

enum class BodyForm { Json, Binary };
/// The form of a body that may be a binary one; UNSUPPORTED_MEDIA_TYPE for any other.
[[nodiscard]] Result<BodyForm> body_form(const RequestHead& head);

/// How much of a binary body is its JSON header, at least 1; 0 for a JSON body. INVALID_ENCODING when a binary one has
/// no Inference-Header-Content-Length, or one that is no positive number of at most 18 digits without leading
/// zeros, or a JSON one has any.
[[nodiscard]] Result<std::uint64_t> binary_header_bytes(const RequestHead& head, BodyForm form);

}  // namespace einfer::server::http
