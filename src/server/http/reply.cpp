#include "server/http/reply.h"

#include "protocol/messages.h"

namespace einfer::server::http {

Reply Reply::error(const Error& error) {
    const ErrorTraits& row = traits(error.code);
    Reply reply = json(row.http_status, protocol::error_body(error));
    reply.code = row.name;
    if (row.retryable) reply.headers.emplace_back("Retry-After", "1");
    return reply;
}

}  // namespace einfer::server::http
