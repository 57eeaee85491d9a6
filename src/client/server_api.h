// The protocol's calls, with its rules of retrying. Replies come back as text that is still to be judged.
#pragma once

#include "client/http_client.h"

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

namespace einfer::client {

class ServerApi {
public:
    using Deadline = std::chrono::steady_clock::time_point;

    ServerApi(HttpClient http, std::string tenant, std::chrono::milliseconds call_timeout, std::string api_key = {});

    /// GET /models. Refused for an error reply; one with Retry-After (408, 429, 503) is retried a few times. So is a
    /// connection that broke; one that could not be made is reported at once.
    [[nodiscard]] Outcome<std::string> models();

    /// POST /infer with Prefer: wait. Refused for an error reply; one with Retry-After (408, 429, 503) is retried a few
    /// times, while `deadline` allows. So is a broken connection, over some seconds. All attempts carry the same bytes
    /// and the same Idempotency-Key, a random one: a request whose reply was lost does not make a second job.
    [[nodiscard]] Outcome<std::string> submit(std::string_view body, std::size_t max_reply_bytes, Deadline deadline);

    /// GET /jobs/{id}, at once. Retried as models().
    [[nodiscard]] Outcome<std::string> job(std::string_view id, std::size_t max_reply_bytes);

    /// GET /jobs/{id} with Prefer: wait. Retried as submit(), broken connections included: a job outlives a restart of
    /// the server.
    [[nodiscard]] Outcome<std::string> wait_for_job(std::string_view id, std::size_t max_reply_bytes,
                                                    Deadline deadline);

    [[nodiscard]] const ServerUrl& server() const { return http_.server(); }
    [[nodiscard]] std::uint64_t bytes_sent() const { return http_.bytes_sent(); }
    [[nodiscard]] std::uint64_t bytes_received() const { return http_.bytes_received(); }

private:
    struct Reconnects;
    [[nodiscard]] Outcome<std::string> request(HttpRequest request, Deadline deadline, Reconnects reconnects);
    /// Seconds to ask the server to wait: less than the call may take, and than what is left.
    [[nodiscard]] std::chrono::seconds wait_within(std::chrono::seconds most, Deadline deadline) const;

    HttpClient http_;
    std::string tenant_;
    std::chrono::milliseconds call_timeout_;
    std::string api_key_;
};

/// What an error reply says, whether or not it has the body that the contract wants.
[[nodiscard]] Failure refusal_from(const HttpReply& reply);

}  // namespace einfer::client
