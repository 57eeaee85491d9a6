// One request on one connection, as the handlers see it.
#pragma once

#include "base/error.h"
#include "jobs/job.h"

#include <boost/asio/awaitable.hpp>

#include <chrono>
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

namespace einfer::server::http {

/// Thrown by a handler that has accepted a job and finds no memory to say so: an error reply would be a lie, so there
/// is none.
struct ReplyLost {};

class Exchange {
public:
    virtual ~Exchange() = default;

    /// LENGTH_REQUIRED when the request has no body framing, PAYLOAD_TOO_LARGE when it announces more than `limit`
    /// bytes.
    [[nodiscard]] virtual Result<void> check_length(std::size_t limit) const = 0;

    /// Sends 100 Continue if it is awaited, then hands the body over in pieces. PAYLOAD_TOO_LARGE as soon as it is
    /// longer than `limit`, REQUEST_TIMEOUT when it comes too slowly, MALFORMED_JSON when its framing is bad.
    virtual boost::asio::awaitable<Result<void>> read_body(std::size_t limit,
                                                           std::function<void(std::string_view)> consume) = 0;

    /// Submits; resumes here once the job is on disk or refused.
    virtual boost::asio::awaitable<Result<jobs::Accepted>> submit(jobs::Submission submission) = 0;

    /// Erases the tenant's job; resumes here once that is on disk or refused.
    virtual boost::asio::awaitable<Result<void>> erase(std::string job_id, std::string tenant) = 0;

    /// Calls `begin` with what is to be called once, from any thread, unless `begin` fails; resumes here with what was
    /// said.
    using Done = std::function<void(Result<void>)>;
    virtual boost::asio::awaitable<Result<void>> until_done(std::function<Result<void>(Done)> begin) = 0;

    /// Until the job is final, the time (capped) is over or the server stops.
    virtual boost::asio::awaitable<void> wait_until_final(std::string_view job_id, std::chrono::seconds at_most) = 0;
};

}  // namespace einfer::server::http
