// The protocol's calls, with its rules of retrying. Replies come back as text that is still to be judged.
#pragma once

#include "client/http_client.h"
#include "client/reply.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace einfer::client {

/// A reply that is neither an error nor judged.
struct ReplyText {
    std::string text;
    std::optional<std::size_t> header_bytes{};  ///< of JSON, with raw bytes behind it

    [[nodiscard]] ReplyBody body() const { return {text, header_bytes}; }
};

class ServerApi {
public:
    using Deadline = std::chrono::steady_clock::time_point;

    ServerApi(HttpClient http, std::string tenant, std::chrono::milliseconds call_timeout, std::string api_key = {});

    /// GET /models. Refused for an error reply; one with Retry-After (408, 429, 503) is retried a few times. So is a
    /// connection that broke; one that could not be made is reported at once.
    /// With `version` ("1.1") the list of that version, which a server that is older refuses.
    [[nodiscard]] Outcome<std::string> models(std::string_view version = {});

    /// POST /infer with Prefer: wait; a body with header_bytes of JSON is a binary one. Refused for an error reply; one
    /// with Retry-After (408, 429, 503) is retried a few times, while `deadline` allows. So is a broken connection,
    /// over some seconds. All attempts carry the same bytes and the same Idempotency-Key, a random one: a request whose
    /// reply was lost does not make a second job.
    [[nodiscard]] Outcome<ReplyText> submit(std::string_view body, std::size_t max_reply_bytes, Deadline deadline,
                                            std::size_t header_bytes = 0);

    /// POST /keys, a binary body. Retried as submit(): the same keys have the same id.
    [[nodiscard]] Outcome<std::string> upload_keys(std::string_view body, std::size_t header_bytes, Deadline deadline);

    /// DELETE /keys/{id}. Tried once.
    [[nodiscard]] Outcome<void> delete_keys(std::string_view id);

    /// GET /jobs/{id}, at once. Retried as models().
    [[nodiscard]] Outcome<ReplyText> job(std::string_view id, std::size_t max_reply_bytes);

    /// GET /jobs/{id} with Prefer: wait. Retried as submit(), broken connections included: a job outlives a restart of
    /// the server.
    [[nodiscard]] Outcome<ReplyText> wait_for_job(std::string_view id, std::size_t max_reply_bytes, Deadline deadline);

    [[nodiscard]] const ServerUrl& server() const { return http_.server(); }
    [[nodiscard]] std::uint64_t bytes_sent() const { return http_.bytes_sent(); }
    [[nodiscard]] std::uint64_t bytes_received() const { return http_.bytes_received(); }

private:
    struct Reconnects;
    [[nodiscard]] Outcome<ReplyText> request(HttpRequest request, Deadline deadline, Reconnects reconnects);
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
