#include "client/reply.h"

#include "base/he_standard.h"
#include "base/ids.h"
#include "client/result_payload.h"
#include "protocol/messages.h"
#include "protocol/schema.h"

#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include <cmath>

namespace einfer::client {
namespace {

namespace json = boost::json;

constexpr std::size_t max_envelope_bytes = 64 * 1024;  // of a job object, its payload aside
constexpr protocol::JsonLimits limits{
    .max_depth = 16,
    .max_values = 4096,
    .max_string_bytes = 4096,
    .max_text_bytes = max_envelope_bytes,
};

JobState state_from(std::string_view status) {
    if (status == "running") return JobState::Running;
    if (status == "completed") return JobState::Completed;
    if (status == "failed") return JobState::Failed;
    return JobState::Queued;
}

JobStatus status_from(const protocol::JobMessage& job) {
    JobStatus status{
        .id = job.job_id,
        .state = state_from(job.status),
        .created_at = job.created_at,
        .started_at = job.started_at.value_or(""),
        .finished_at = job.finished_at.value_or(""),
    };
    if (job.error) {
        status.error_code = traits(job.error->code).name;
        status.error_message = printable(job.error->message);
    }
    return status;
}

Outcome<void> check_result(const protocol::ResultMessage& result, const Expectation& expected) {
    if (result.model_id != expected.model_id || result.version != expected.version)
        return bad_reply("it answers for the model " + result.model_id + ' ' + result.version + ", but " +
                         std::string(expected.model_id) + ' ' + std::string(expected.version) + " was asked");
    if (result.encoding != expected.encoding) return bad_reply("its result is in another encoding than the request");
    if (result.batch_truncated || result.requested_batch_size != expected.batch_size ||
        result.processed_batch_size != expected.batch_size)
        return bad_reply("it answers for " + std::to_string(result.processed_batch_size) + " rows of " +
                         std::to_string(result.requested_batch_size) + ", but " + std::to_string(expected.batch_size) +
                         " were sent");
    if (!(std::isfinite(result.error_bound) && result.error_bound > 0 &&
          result.error_bound <= expected.max_error_bound))
        return bad_reply("its error bound is not in (0, " + to_text(expected.max_error_bound) + "]");
    if (result.request_digest != expected.request_digest)
        return bad_reply("its digest is that of another request: the answer belongs to other inputs");
    return {};
}

/// A document with the payload taken out.
Outcome<json::value> read(const ReplyBody& body, ResultPayload& payload) {
    const std::size_t header = body.header_bytes.value_or(body.text.size());
    if (header > body.text.size()) return bad_reply("it is shorter than its own JSON header");
    protocol::JsonReader reader(limits, &payload);
    reader.feed(body.text.substr(0, header));
    auto document = reader.finish();
    if (!document) return bad_reply("it is not JSON within bounds: " + document.error().message);
    if (body.header_bytes) payload.raw(body.text.substr(header));
    return *std::move(document);
}

Outcome<JobReply> job_from(json::value document, ResultPayload& payload, std::string_view job_id,
                           const Expectation* expected) {
    // The payload was checked on its way; the schema wants to see that there is one.
    if (payload.seen() && !payload.is_raw()) document.as_object().at("result").as_object()["payload"] = "taken";
    const auto schema = payload.is_raw() ? protocol::Schema::JobBinary : protocol::Schema::Job;
    if (const auto checked = protocol::check_schema(schema, document); !checked)
        return bad_reply("it is no job object as the contract has it: " + printable(checked.error().message));
    const protocol::JobMessage job = protocol::job_from_json(document);
    if (!job_id.empty() && job.job_id != job_id) return bad_reply("it is about another job than the one asked for");

    JobReply reply{.status = status_from(job), .result = std::nullopt};
    if (!job.result || expected == nullptr) return reply;
    if (const auto checked = check_result(*job.result, *expected); !checked) return checked.error();
    auto result = payload.finish();
    if (!result) return result.error();
    reply.result = *std::move(result);
    reply.result->error_bound = job.result->error_bound;
    return reply;
}

}  // namespace

std::size_t max_job_bytes(const Expectation& expected) {
    const std::size_t bytes = expected.shape.compact_bytes.value_or(result_limits(expected).max_serialized_bytes);
    return protocol::encoded_size(expected.encoding, bytes) + max_envelope_bytes;
}

std::size_t max_job_bytes() {
    constexpr std::size_t degree = max_poly_modulus_degree;
    constexpr std::size_t primes = static_cast<std::size_t>(max_coeff_modulus_bits_128(degree) / min_prime_bits);
    return protocol::encoded_size(protocol::Encoding::Hex, wire::serialized_size(3, degree, primes)) +
           max_envelope_bytes;
}

Outcome<JobReply> read_job(const ReplyBody& body, std::string_view job_id, const Expectation* expected) {
    ResultPayload payload(expected);
    auto document = read(body, payload);
    if (!document) return document.error();
    return job_from(*std::move(document), payload, job_id, expected);
}

Outcome<JobReply> read_submission(const ReplyBody& body, const Expectation& expected) {
    ResultPayload payload(&expected);
    auto document = read(body, payload);
    if (!document) return document.error();

    const json::object* object = document->if_object();
    const json::value* status = object != nullptr ? object->if_contains("status") : nullptr;
    if (status == nullptr || *status != "accepted") return job_from(*std::move(document), payload, {}, &expected);
    if (const auto checked = protocol::check_schema(protocol::Schema::Accepted, *document); !checked)
        return bad_reply("it does not accept the job as the contract has it: " + printable(checked.error().message));
    return JobReply{.status = {.id = std::string(object->at("job_id").get_string())}, .result = std::nullopt};
}

}  // namespace einfer::client
