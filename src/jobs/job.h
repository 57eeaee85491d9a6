// What a job is: its states, what it was asked, what came of it.
#pragma once

#include "base/clock.h"
#include "base/error.h"

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace einfer::jobs {

/// queued → running → completed | failed; never back. `expired` is a final state whose result is gone, or which was
/// erased before there was one. The numbers are stored: they never change.
enum class State : int { Queued = 0, Running = 1, Completed = 2, Failed = 3, Expired = 4 };

/// The table of legal moves. running → running is one: a job taken up again after a crash, with the next attempt.
[[nodiscard]] bool may_move(State from, State to);
[[nodiscard]] bool is_final(State state);
/// "queued", "running", …
[[nodiscard]] std::string_view name(State state);

using Bytes = std::vector<std::uint8_t>;

/// What a tenant may have at a time; 0: no limit. Jobs of an earlier process count, and are taken up whatever the
/// quota.
struct Quota {
    std::size_t max_queued_jobs = 0;     ///< accepted and not yet final
    std::uint64_t max_stored_bytes = 0;  ///< inputs of unfinished jobs, or the room for their results if that is more,
                                         ///< and results of finished ones
};

/// How long the steps of a job took, by a monotonic clock. What was not done in this process is absent. Not stored.
struct Durations {
    using Spent = std::optional<std::chrono::nanoseconds>;
    Spent store{};      ///< submit() until it was on disk
    Spent queue{};      ///< on disk until its evaluation began
    Spent evaluate{};   ///< the latest attempt's, as its Outcome says
    Spent serialise{};  ///< likewise
    Spent total{};      ///< Submission::received_at until its final state was on disk
};

/// A request as admitted: what must be on disk before it is acknowledged.
struct Submission {
    std::string id;  ///< base/ids.h random_id()
    std::string tenant;
    std::string model_id;
    std::string model_version;
    std::string encoding;        ///< the request's form, which the reply uses: hex, base64, binary
    std::string request_digest;  ///< 64 hex digits
    std::uint32_t batch_size = 1;
    std::uint8_t seal_minor = 0;
    std::string evaluation_key_id{};     ///< 64 hex digits; empty: none
    std::string result_format = "seal";  ///< or "compact"
    /// The validated inputs in the inference layer's own form; opaque here.
    std::shared_ptr<const Bytes> inputs;
    std::size_t result_bytes = 0;  ///< what the result will take on disk; not stored
    /// Names the job among its tenant's, as long as the store knows the job at all; empty: none. At most 255 bytes.
    std::string idempotency_key{};
    Quota quota{};  ///< at the time of the request; not stored
    /// When the request had arrived; for Durations. Not stored.
    std::optional<std::chrono::steady_clock::time_point> received_at{};
    /// It takes less time to evaluate than to write down: a worker that is idle does that first, and inputs and result
    /// are one write. Not stored.
    bool evaluate_first = false;
    /// Why the caller refuses the job, if it does: then only a repetition of an earlier one is answered. Not stored.
    std::optional<Error> refusal{};
};

/// What came of a submission.
struct Accepted {
    std::string job_id;
    bool repeated = false;  ///< the idempotency key names this earlier job with the same body; nothing was added
};

struct Outcome {
    Bytes result;            ///< SEAL bytes; empty when failed
    double error_bound = 0;  ///< of a decrypted slot
    std::optional<Error> error;
    Durations::Spent evaluate{};   ///< what the evaluation itself took; not stored
    Durations::Spent serialise{};  ///< and making bytes of its result
};

/// A job as stored, without its input bytes.
struct Job {
    Submission submission;  ///< inputs is null
    State state = State::Queued;
    int attempt = 0;  ///< claims so far
    UnixMillis created_at = 0;
    std::optional<UnixMillis> started_at;
    std::optional<UnixMillis> finished_at;
    std::optional<Outcome> outcome;  ///< set iff completed or failed
    Durations durations{};           ///< for who observes the job's events
};

}  // namespace einfer::jobs
