// POST /infer, parsed while it arrives: the envelope into a small document, the payloads into a sink.
#pragma once

#include "base/error.h"
#include "base/memory_budget.h"
#include "protocol/api_version.h"
#include "protocol/json_reader.h"
#include "protocol/payload.h"
#include "protocol/result_format.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace einfer::protocol {

/// Receives the decoded bytes of each input, in the order of `inputs`.
class PayloadSink {
public:
    virtual ~PayloadSink() = default;
    virtual void begin_input() = 0;
    virtual void input_bytes(std::span<const std::uint8_t> bytes) = 0;
    virtual void end_input() = 0;
};

/// What is known of a payload without its bytes.
struct Payload {
    std::size_t bytes = 0;       ///< decoded
    std::optional<Error> fault;  ///< of its form, and of the first faulty one only: INVALID_ENCODING, or
                                 ///< PAYLOAD_TOO_LARGE for every model
};

/// A request whose syntax, schema and version are right. Its model, batch and payloads are still to be judged.
struct InferRequest {
    ApiVersion api_version = ApiVersion::V1_0;
    std::string model_id;
    std::string version;
    std::uint32_t batch_size = 1;
    std::string evaluation_key_id;  ///< 64 hex digits; empty: none was named
    ResultFormat result_format = ResultFormat::Seal;
    Encoding encoding = Encoding::Hex;    ///< of the first input: the reply's form
    std::vector<Payload> payloads;        ///< one an input
    std::optional<Error> payloads_fault;  ///< of all together: the sizes of a binary body (INVALID_ENCODING)
};

/// Push parser of a request body. Memory: the envelope's (bounded by JsonLimits), plus one payload's text when its
/// `payload` member comes before its `encoding`. Chunking never changes the verdict.
class InferRequestParser {
public:
    /// `max_payload_bytes`: decoded bytes of one payload that any model could want. Text that has to be held is taken
    /// from `budget`, if there is one; when that is used up, the payload's fault is OVERLOADED.
    InferRequestParser(std::size_t max_payload_bytes, PayloadSink& sink, MemoryBudget* budget = nullptr);
    ~InferRequestParser();

    void feed(std::string_view chunk);

    /// About how many bytes the envelope takes by now, what is noted of each payload included; never shrinks.
    [[nodiscard]] std::size_t envelope_memory() const;

    /// MALFORMED_JSON, PAYLOAD_TOO_LARGE, SCHEMA_VIOLATION or UNSUPPORTED_API_VERSION. Call once.
    [[nodiscard]] Result<InferRequest> finish();

private:
    class Tap;
    std::unique_ptr<Tap> tap_;
    JsonReader reader_;
};

}  // namespace einfer::protocol
