// One POST /infer body on its way in: parsed, decoded and checked while it arrives, judged at the end in the contract's
// order, then turned into a job submission.
#pragma once

#include "base/memory_budget.h"
#include "base/sha256.h"
#include "jobs/job.h"
#include "protocol/binary_request.h"
#include "protocol/infer_request.h"
#include "server/catalog.h"
#include "wire/ciphertext.h"

#include <chrono>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace einfer::server {

class InferUpload final : private protocol::PayloadSink {
public:
    /// The catalog must be ready. All that the request takes while it arrives is taken from `budget`.
    /// `binary_header_bytes`: of the JSON header of a binary body; 0: the body is JSON.
    InferUpload(const Catalog& catalog, MemoryBudget& budget, std::uint64_t binary_header_bytes = 0);

    void feed(std::string_view chunk);

    /// The verdict (docs/api.md, "Validation order") and, if good, the submission. Call once.
    [[nodiscard]] Result<jobs::Submission> finish(std::string tenant);

    /// After a good finish(): the rows that the ciphertexts can carry, whatever the request's batch_size says.
    [[nodiscard]] std::size_t row_capacity() const { return row_capacity_; }

    /// From the first piece of the body to the last one.
    [[nodiscard]] std::chrono::nanoseconds receive_time() const { return last_piece_ - first_piece_; }
    /// Spent in feed() and finish().
    [[nodiscard]] std::chrono::nanoseconds validate_time() const { return validating_; }

private:
    using Time = std::chrono::steady_clock::time_point;

    void parse(std::string_view chunk);
    [[nodiscard]] Result<protocol::InferRequest> finish_parser();
    [[nodiscard]] Result<jobs::Submission> judge(std::string tenant);
    void begin_input() override;
    void input_bytes(std::span<const std::uint8_t> bytes) override;
    void end_input() override;

    [[nodiscard]] Result<std::vector<wire::Ciphertext>> take_ciphertexts(const ServedModel& model);

    const Catalog& catalog_;
    const wire::ParserLimits limits_;
    std::optional<wire::CiphertextParser> input_;
    std::vector<Result<wire::Ciphertext>> inputs_;
    bool refused_ = false;  // an input is bad: those behind it are not parsed
    std::size_t row_capacity_ = 0;
    Time first_piece_{}, last_piece_{};
    std::chrono::nanoseconds validating_{0};
    Sha256 digest_;  // over the bytes of all inputs in order
    Reservation envelope_;
    /// None when there was no memory for more.
    std::variant<std::monostate, protocol::InferRequestParser, protocol::BinaryRequestParser> parser_;
};

}  // namespace einfer::server
