#include "server/http/reply.h"

#include "protocol/messages.h"

namespace einfer::server::http {
namespace {

/// Seconds, where the error knows them.
std::string retry_after(const Error& error) {
    for (const auto& [name, value] : error.details)
        if (name == "retry_after") return value;
    return "1";
}

}  // namespace

Reply Reply::binary(int status, std::string body, std::size_t header_bytes) {
    Reply reply{.status = status, .body = std::move(body)};
    reply.headers.emplace_back("Content-Type", "application/octet-stream");
    reply.headers.emplace_back("Inference-Header-Content-Length", std::to_string(header_bytes));
    return reply;
}

Reply Reply::error(const Error& error) {
    const ErrorTraits& row = traits(error.code);
    Reply reply = json(row.http_status, protocol::error_body(error));
    reply.code = row.name;
    if (row.retryable) reply.headers.emplace_back("Retry-After", retry_after(error));
    if (error.code == ErrorCode::Unauthenticated) reply.headers.emplace_back("WWW-Authenticate", "Bearer");
    return reply;
}

}  // namespace einfer::server::http
