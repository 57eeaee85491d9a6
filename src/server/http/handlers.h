// The routes of v1: who may ask, and which use case answers which request.
#pragma once

#include "server/http/cors.h"
#include "server/http/exchange.h"
#include "server/http/reply.h"
#include "server/http/request.h"
#include "server/inference_service.h"
#include "tenants/tenants.h"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace einfer::server::http {

/// What is known of a request while it is answered, for the logs.
struct Trace {
    std::string route = "-";  ///< its pattern
    std::string tenant{};
    std::string key_id{};
    std::string job_id{};
    std::string model{};
    std::string evaluation_key_id{};
    std::uint32_t batch_size = 0;
    std::optional<std::chrono::nanoseconds> receive{}, validate{};  ///< of an inference request's body
};

class Handlers {
public:
    /// Both outlive it.
    Handlers(InferenceService& service, tenants::Tenants& tenants, Cors cors);

    /// The answer to a request.
    boost::asio::awaitable<Reply> handle(const RequestHead& head, Exchange& exchange, Trace& trace);

private:
    /// The caller, or why it is not let in; a bad tenant name is reported by the routes that look at it.
    using Caller = Result<tenants::Caller>;

    boost::asio::awaitable<Reply> answer(const RequestHead& head, Exchange& exchange, Trace& trace);
    boost::asio::awaitable<Reply> infer(const RequestHead& head, const Caller& caller, Exchange& exchange,
                                        Trace& trace);
    boost::asio::awaitable<Reply> infer_plain(const RequestHead& head, const Caller& caller, Exchange& exchange);
    boost::asio::awaitable<Reply> job(const RequestHead& head, const Caller& caller, Exchange& exchange, Trace& trace);
    boost::asio::awaitable<Reply> erase_job(const RequestHead& head, const Caller& caller, Exchange& exchange,
                                            Trace& trace);
    boost::asio::awaitable<Reply> store_keys(const RequestHead& head, const Caller& caller, Exchange& exchange,
                                             Trace& trace);
    boost::asio::awaitable<Reply> evaluation_keys(const RequestHead& head, const Caller& caller, Exchange& exchange,
                                                  Trace& trace);
    [[nodiscard]] std::optional<Reply> final_job(std::string_view id, std::string_view tenant) const;
    [[nodiscard]] Reply ready() const;
    [[nodiscard]] Reply models(const RequestHead& head) const;
    [[nodiscard]] Reply keys(const RequestHead& head) const;
    [[nodiscard]] Caller admit(const RequestHead& head, Trace& trace);

    InferenceService& service_;
    tenants::Tenants& tenants_;
    const Cors cors_;
};

}  // namespace einfer::server::http
