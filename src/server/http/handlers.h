// The routes of v1.0: which use case answers which request.
#pragma once

#include "server/http/exchange.h"
#include "server/http/reply.h"
#include "server/http/request.h"
#include "server/inference_service.h"

#include <boost/asio/awaitable.hpp>

#include <string>

namespace einfer::server::http {

class Handlers {
public:
    explicit Handlers(InferenceService& service);

    /// The answer to a request. `route` is set to the route's pattern, for the log.
    boost::asio::awaitable<Reply> handle(const RequestHead& head, Exchange& exchange, std::string& route);

private:
    boost::asio::awaitable<Reply> infer(const RequestHead& head, Exchange& exchange);
    boost::asio::awaitable<Reply> infer_plain(const RequestHead& head, Exchange& exchange);
    boost::asio::awaitable<Reply> job(const RequestHead& head, Exchange& exchange);
    [[nodiscard]] Reply ready() const;
    [[nodiscard]] Reply models(const RequestHead& head) const;
    [[nodiscard]] Reply keys(const RequestHead& head) const;

    InferenceService& service_;
};

}  // namespace einfer::server::http
