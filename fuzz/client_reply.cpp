// Replies to the client: lists of models, jobs with results, submissions, error documents.
//
// Oracle: nothing hostile is believed. Models that are accepted have no fault and show no control character. A result
// that is accepted is a ciphertext that SEAL loads, to the same words, at a level of the context and with a scale that
// fits it; its error bound is in (0, 1], its job the one asked for. Memory stays below what the limits allow.
#include "client/model_list.h"
#include "client/reply.h"
#include "client/server_api.h"
#include "common/allocations.h"
#include "common/naive_decoders.h"
#include "common/object_mutator.h"
#include "common/objects.h"
#include "common/require.h"
#include "he/seal_context.h"

#include <seal/seal.h>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>

#include <algorithm>
#include <cmath>
#include <sstream>

namespace einfer::fuzz {
namespace {

constexpr std::size_t prefix = 4;  // kind and power, mode, length of the text
constexpr std::string_view job_id = "0123456789abcdef0123456789abcdef";
constexpr std::string_view digest = "9422301fcbfc372260fda96c09dd80a71e336cd81b1a838ff5db3a8bdb9b0505";

enum class Kind { models, job, submission, bare_job, error };

/// The smallest parameters that are secure: one data prime.
const he::Context& context() {
    static const he::Context made = he::Context::create({2048, {27, 27}}).value();
    return made;
}

client::Expectation expectation() {
    return {.context = context(),
            .model_id = "small",
            .version = "1.0.0",
            .batch_size = 2,
            .request_digest = digest,
            .encoding = protocol::Encoding::Hex,
            .shape = {.max_size = 3}};
}

bool is_printable(std::string_view text) {
    return std::none_of(text.begin(), text.end(), [](unsigned char c) { return c < 0x20 || c == 0x7f; });
}

/// The text of the input, with each U+0001, which no JSON text holds, replaced by the object's hexadecimal form.
std::string body_from(Input& input, unsigned power, std::uint8_t mode) {
    const std::size_t low = input.byte(), length = low + 256u * input.byte();
    const auto taken = input.take(length);
    std::string text = repeated({reinterpret_cast<const char*>(taken.data()), taken.size()}, power);
    if (const std::size_t mark = text.find('\1'); mark != std::string::npos) {
        std::string payload;
        protocol::append_encoded(payload, protocol::Encoding::Hex,
                                 object_from(input.rest(), mode, context().parms_id(1)));
        text.replace(mark, 1, payload);
    }
    return text;
}

using ReadModels = client::Outcome<std::vector<protocol::ModelView>> (*)(std::string_view);

void check_models(const std::string& body, ReadModels read, std::size_t most_memory) {
    const Allocations allocations;
    const auto models = read(body);
    require_below(allocations, most_memory, "a list of models takes bounded memory");
    if (!models) {
        require(models.error().kind == ErrorKind::BadReply && is_printable(models.error().message),
                "a bad list is a bad reply, in printable words", models.error().message);
        return;
    }
    for (const protocol::ModelView& model : *models) {
        // A view of a v1.0 model has no ranges.
        require(!(model.lower.empty() ? protocol::find_fault(*model.v1_0) : protocol::find_fault(model)),
                "an accepted model has no fault");
        require(client::find_model(*models, model.model_id, model.version) == &model, "a model is found by its name");
        const auto* const newest = client::find_model(*models, model.model_id, "");
        require(newest != nullptr && newest->model_id == model.model_id, "a model is found by its id");
        require(is_printable(client::to_public(model).description), "a description is printable");
    }
}

void check_result(const client::CheckedResult& result, const std::string& body) {
    const he::Ciphertext& ours = result.ciphertext;
    require(result.error_bound > 0 && result.error_bound <= 1, "an error bound is in (0, 1]");
    const auto document = boost::json::parse(body);
    const auto bytes = naive_hex(document.at("result").at("payload").get_string());
    require(bytes.has_value(), "an accepted payload is hexadecimal");
    Bytes plain(bytes->begin(), bytes->end());
    require(plain[test::at::compression] == 0 && plain[test::at::minor] == SEAL_VERSION_MINOR,
            "a result is uncompressed, and of the client's SEAL version");
    std::stringstream stream(*bytes);
    seal::Ciphertext theirs;
    try {
        theirs.load(context().seal().context, stream);
    } catch (const std::exception& fault) {
        require(false, "SEAL loads an accepted result", fault.what());
    }
    require(theirs.size() == ours.size && theirs.coeff_modulus_size() == ours.prime_count &&
                theirs.scale() == ours.scale && theirs.is_ntt_form() &&
                std::equal(ours.words.begin(), ours.words.end(), theirs.data()),
            "SEAL loads the same words");
    require(std::log2(ours.scale) < 27.0 * static_cast<double>(ours.prime_count), "the scale fits the level");
}

void check_reply(const client::Outcome<client::JobReply>& reply, Kind kind, const std::string& body) {
    if (!reply) {
        require(reply.error().kind == ErrorKind::BadReply && is_printable(reply.error().message),
                "a bad reply is called so, in printable words", reply.error().message);
        return;
    }
    require(kind == Kind::submission || reply->status.id == job_id, "a reply is about the job asked for");
    require(is_printable(reply->status.error_message), "an error message is printable");
    require(!reply->result || kind != Kind::bare_job, "no result is read where none was expected");
    require(kind == Kind::bare_job || reply->status.state != JobState::Completed || reply->result,
            "a completed job has a result");
    if (reply->result) check_result(*reply->result, body);
}

void check_job(Kind kind, const std::string& body) {
    const client::Expectation expected = expectation();
    const std::size_t words = expected.shape.max_size * context().poly_modulus_degree() * context().data_prime_count();
    const Allocations allocations;
    const auto reply = kind == Kind::submission
                           ? client::read_submission(body, expected)
                           : client::read_job(body, job_id, kind == Kind::job ? &expected : nullptr);
    require_below(allocations, 2 * 8 * words + (1u << 20), "a job takes bounded memory");
    check_reply(reply, kind, body);
}

void check_refusal(const std::string& body) {
    const auto failure = client::refusal_from({.status = 503, .body = body, .request_id = "r", .retry_after = {}});
    require(failure.kind == ErrorKind::Refused && !failure.message.empty(), "a refusal says something");
    require(is_printable(failure.message) && is_printable(failure.code), "a refusal is printable", failure.message);
}

}  // namespace
}  // namespace einfer::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace einfer::fuzz;
    Input input(data, size);
    const std::uint8_t first = input.byte(), mode = input.byte();
    const auto kind = static_cast<Kind>(first % 5);
    const std::string body = body_from(input, first / 5 % 9, mode);
    switch (kind) {
        case Kind::models:
            check_models(body, einfer::client::read_model_list, 32u << 20);
            check_models(body, einfer::client::read_model_views, 256u << 20);
            break;
        case Kind::error: check_refusal(body); break;
        case Kind::job:
        case Kind::submission:
        case Kind::bare_job: check_job(kind, body); break;
    }
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size, std::size_t max_size,
                                               unsigned seed) {
    using namespace einfer::fuzz;
    std::minstd_rand random(seed);
    const std::size_t text = size < prefix ? 0 : data[2] + 256u * data[3];
    if (size <= prefix + text || random() % 4 != 0) return LLVMFuzzerMutate(data, size, max_size);
    const std::span object(data + prefix + text, size - prefix - text);
    if (mutate_field(object, random, context().poly_modulus_degree(), context().parms_id(1), 1048576.0)) return size;
    return LLVMFuzzerMutate(data, size, max_size);
}
