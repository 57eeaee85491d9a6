#include "server/inference_service.h"

#include "he/helpers.h"
#include "inference/packed_inputs.h"
#include "kernels/kernels.h"
#include "protocol/messages.h"
#include "server/log.h"
#include "wire/encryption_parameters.h"

#include <algorithm>
#include <cmath>

namespace einfer::server {
namespace {

Error context_unavailable() {
    return {ErrorCode::CryptoContextUnavailable, "encryption contexts are being made; try again in a moment"};
}

/// Inputs in, result bytes out; the request's SEAL version on them.
Result<jobs::Outcome> compute(const ServedModel& model, const jobs::Submission& request, const jobs::Bytes& packed,
                              const he::EvaluationKeys* keys) {
    const he::Helpers::Evaluation under_way;
    const auto begun = std::chrono::steady_clock::now();
    const auto inputs =
        inference::unpack_inputs(packed, *model.context, model.executable->kept_primes(), model.view.scale);
    if (!inputs) return inputs.error();
    auto result = model.executable->run({
        .evaluator = *model.evaluator,
        .inputs = inputs->views,
        .rows = request.batch_size,
        .seal_minor = request.seal_minor,
        .format = request.result_format == protocol::name(protocol::ResultFormat::Compact)
                      ? protocol::ResultFormat::Compact
                      : protocol::ResultFormat::Seal,
        .keys = keys,
    });
    if (!result) return result.error();
    jobs::Outcome outcome;
    outcome.result = *std::move(result);
    outcome.error_bound = model.view.error_bound;
    outcome.evaluate = std::chrono::steady_clock::now() - begun;
    return outcome;
}

protocol::Encoding encoding_of(const jobs::Submission& submission) {
    constexpr auto binary = protocol::Encoding::Binary;
    if (submission.encoding == protocol::name(binary)) return binary;
    return protocol::encoding_from(submission.encoding).value_or(protocol::Encoding::Hex);
}

protocol::JobMessage message_of(const jobs::Job& job) {
    protocol::JobMessage message;
    message.job_id = job.submission.id;
    message.status = jobs::name(job.state);
    message.created_at = to_rfc3339(job.created_at);
    if (job.started_at) message.started_at = to_rfc3339(*job.started_at);
    if (job.finished_at) message.finished_at = to_rfc3339(*job.finished_at);
    if (!job.outcome) return message;
    if (job.outcome->error) {
        message.error = job.outcome->error;
        return message;
    }
    message.result = protocol::ResultMessage{
        .model_id = job.submission.model_id,
        .version = job.submission.model_version,
        .encoding = encoding_of(job.submission),
        .requested_batch_size = job.submission.batch_size,
        .processed_batch_size = job.submission.batch_size,
        .batch_truncated = false,
        .error_bound = job.outcome->error_bound,
        .request_digest = job.submission.request_digest,
    };
    return message;
}

}  // namespace

std::string entity_tag(std::string_view body) {
    Sha256 digest;
    digest.update({reinterpret_cast<const std::uint8_t*>(body.data()), body.size()});
    return '"' + digest.hex_digest().substr(0, 32) + '"';
}

InferenceService::InferenceService(std::unique_ptr<Catalog> catalog, ServiceOptions options)
    : catalog_(std::move(catalog)), options_(std::move(options)), memory_(options_.memory_budget) {
    std::vector<protocol::ModelDescription> descriptions;
    std::vector<protocol::ModelView> views;
    for (const auto& served : catalog_->models()) {
        views.push_back(served->view);
        if (served->view.v1_0) descriptions.push_back(*served->view.v1_0);
    }
    models_.body = protocol::models_body(descriptions);
    models_.etag = entity_tag(models_.body);
    models_1_1_.body = protocol::models_1_1_body(views);
    models_1_1_.etag = entity_tag(models_1_1_.body);
}

InferenceService::~InferenceService() { stop(); }

Result<std::unique_ptr<InferenceService>> InferenceService::create(std::unique_ptr<Catalog> catalog,
                                                                   ServiceOptions options, Clock clock) {
    if (auto fault = kernels::selection_fault()) return Error{ErrorCode::Internal, *std::move(fault)};
    auto store = jobs::SqliteStore::open(options.data, clock);
    if (!store)
        return Error{store.error().code, "data directory " + options.data.string() + ": " + store.error().message};
    auto keys = KeysService::create(options.data, options.keys, options.key_cache_bytes, clock);
    if (!keys) return Error{keys.error().code, "data directory " + options.data.string() + ": " + keys.error().message};
    std::unique_ptr<InferenceService> service(new InferenceService(std::move(catalog), std::move(options)));
    service->keys_ = *std::move(keys);
    jobs::ServiceOptions job_options = service->options_.jobs;
    job_options.observe = [self = service.get(), observe = job_options.observe](jobs::Event event,
                                                                                const jobs::Job& job) {
        self->measure(event, job.durations);
        if (observe) observe(event, job);
    };
    service->jobs_ = std::make_unique<jobs::JobService>(
        *std::move(store),
        [self = service.get()](const jobs::Job& job, const jobs::Bytes& inputs) { return self->evaluate(job, inputs); },
        std::move(job_options), std::move(clock));
    return service;
}

Result<void> InferenceService::prepare() {
    if (const auto made = catalog_->make_contexts(options_.evaluator); !made) return made;
    he::Helpers::set_threads(options_.jobs.workers);
    if (const auto started = jobs_->start(); !started) return started;
    prepared_ = true;
    return {};
}

std::string_view InferenceService::kernels() const {
    return options_.evaluator == he::EvaluatorKind::Seal ? "seal" : kernels::active().name;
}

Result<void> InferenceService::readiness() const {
    if (shutting_down_) return Error{ErrorCode::ShuttingDown, "the server is shutting down"};
    if (!prepared_) return context_unavailable();
    return {};
}

Result<std::string> InferenceService::keys(std::uint8_t seal_minor, protocol::ApiVersion version) const {
    if (!catalog_->ready()) return context_unavailable();
    std::vector<protocol::KeysMessage> messages;
    for (const auto& served : catalog_->models()) {
        if (version == protocol::ApiVersion::V1_0 && !served->view.v1_0) continue;
        const he::Context& context = *served->context;
        protocol::KeysMessage message{
            .model_id = served->view.model_id,
            .version = served->view.version,
            .poly_modulus_degree = context.poly_modulus_degree(),
            .scale = served->view.scale,
            .coeff_modulus = {context.primes().begin(), context.primes().end()},
            .encryption_parameters =
                wire::write_encryption_parameters(seal_minor, context.poly_modulus_degree(), context.primes()),
            .key_parms_id = wire::parms_id_hex(context.key_parms_id()),
            .data_parms_ids = {},
        };
        for (std::size_t primes = context.data_prime_count(); primes >= 1; --primes)
            message.data_parms_ids.push_back(wire::parms_id_hex(context.parms_id(primes)));
        if (served->key_needs) message.evaluation_keys = served->key_needs->message();
        messages.push_back(std::move(message));
    }
    return protocol::keys_body(messages, version);
}

Result<void> InferenceService::submit(jobs::Submission submission, std::function<void(Result<jobs::Accepted>)> done) {
    const auto model = catalog_->find(submission.model_id, submission.model_version);
    const bool needs_keys = model && (*model)->key_needs;
    // A weighted sum is made in a tenth of the time that its inputs take to the disk.
    submission.evaluate_first = !options_.store_first && options_.evaluator == he::EvaluatorKind::Native && !needs_keys;
    if (needs_keys && !submission.refusal)  // a repetition is answered whatever has become of its keys
        if (const auto usable = keys_->check(**model, submission); !usable) submission.refusal = usable.error();
    return jobs_->submit(std::move(submission), [this, done = std::move(done)](Result<jobs::Accepted> result) {
        if (!result) report_store();
        done(std::move(result));
    });
}

Result<JobDocument> InferenceService::job(std::string_view id, std::string_view tenant) {
    const auto found = jobs_->find(id, tenant);
    if (!found) {
        report_store();
        return found.error();
    }
    const std::span<const std::uint8_t> payload =
        found->outcome ? std::span<const std::uint8_t>(found->outcome->result) : std::span<const std::uint8_t>();
    JobDocument shown{.body = {}, .final = jobs::is_final(found->state)};
    const protocol::JobMessage message = message_of(*found);
    if (!message.result || message.result->encoding != protocol::Encoding::Binary) {
        shown.body = protocol::job_body(message, payload);
        return shown;
    }
    const std::string header = protocol::binary_job_header(message, payload.size());
    shown.binary_header_bytes = header.size();
    shown.body.reserve(header.size() + payload.size());
    shown.body.append(header);
    protocol::append_encoded(shown.body, protocol::Encoding::Binary, payload);
    return shown;
}

Result<void> InferenceService::erase(std::string id, std::string tenant, std::function<void(Result<void>)> done) {
    return jobs_->erase(std::move(id), std::move(tenant), [this, done = std::move(done)](Result<void> result) {
        if (!result) report_store();
        done(std::move(result));
    });
}

std::shared_ptr<jobs::JobService::Wait> InferenceService::when_final(std::string_view id, std::function<void()> wake) {
    return jobs_->when_final(id, std::move(wake));
}

Result<std::string> InferenceService::infer_plain(std::string_view body) const {
    const auto request = protocol::parse_infer_plain_request(body);
    if (!request) return request.error();
    const auto found = catalog_->find(request->model_id, request->version);
    if (!found) return found.error();
    const ServedModel& model = **found;
    if (request->api_version == protocol::ApiVersion::V1_0 && !model.view.v1_0)
        return Error{ErrorCode::UnknownModel, "this model is known from api_version 1.1 on"};
    if (request->rows.size() > model.view.max_batch_size)
        return Error{ErrorCode::BatchTooLarge,
                     "more rows than the model's max_batch_size",
                     {{"max_batch_size", std::to_string(model.view.max_batch_size)}}};
    for (std::size_t row = 0; row < request->rows.size(); ++row)
        if (request->rows[row].size() != model.view.input_dimension)
            return Error{ErrorCode::WrongInputCount,
                         "a row has one number a feature",
                         {{"expected", std::to_string(model.view.input_dimension)},
                          {"received", std::to_string(request->rows[row].size())},
                          {"row", std::to_string(row)}}};
    const auto answers = model.executable->run_plain(request->rows);
    if (!answers) return answers.error();
    for (std::size_t row = 0; row < answers->size(); ++row)
        if (!std::ranges::all_of((*answers)[row], [](double number) { return std::isfinite(number); }))
            return Error{ErrorCode::SchemaViolation,
                         "a row's answer is beyond the range of a double",
                         {{"pointer", "/inputs/" + std::to_string(row)}, {"rule", "maximum"}}};
    return protocol::infer_plain_body(request->model_id, request->version, *answers, request->api_version);
}

jobs::Outcome InferenceService::evaluate(const jobs::Job& job, const jobs::Bytes& inputs) const {
    const auto model = catalog_->find(job.submission.model_id, job.submission.model_version);
    // Without a model: a restart with other ones.
    auto outcome = model ? compute(**model, job, inputs) : Error{ErrorCode::Internal, "the model is no longer served"};
    if (outcome) return *std::move(outcome);
    jobs::Outcome failed;
    failed.error = outcome.error();
    return failed;
}

Result<jobs::Outcome> InferenceService::compute(const ServedModel& model, const jobs::Job& job,
                                                const jobs::Bytes& inputs) const {
    if (!model.key_needs) return server::compute(model, job.submission, inputs, nullptr);
    const auto keys = keys_->load(model, job.submission);
    if (!keys) return keys.error();
    return server::compute(model, job.submission, inputs, &**keys);
}

void InferenceService::measure(jobs::Event event, const jobs::Durations& spent) {
    if (event == jobs::Event::Accepted) phases_.record(Phase::Store, spent.store);
    if (event != jobs::Event::Completed) return;
    phases_.record(Phase::Queue, spent.queue);
    phases_.record(Phase::Evaluate, spent.evaluate);
    phases_.record(Phase::Serialise, spent.serialise);
    phases_.record(Phase::Total, spent.total);
}

void InferenceService::report_store() {
    constexpr std::chrono::minutes pause{1};
    const std::uint64_t failures = jobs_->store_failures();
    const auto now = std::chrono::steady_clock::now();
    std::string text;
    {
        const std::scoped_lock lock(report_mutex_);
        if (failures == reported_failures_) return;
        text = jobs_->store_diagnostic();
        if (text == reported_ && now - reported_at_ < pause) return;
        reported_ = text;
        reported_failures_ = failures;
        reported_at_ = now;
    }
    log_event(LogLevel::Error, "store_failed", {{"reason", text}, {"failures", failures}});
}

void InferenceService::stop() {
    begin_shutdown();
    if (jobs_) jobs_->stop();
    if (keys_) keys_->stop();
}

}  // namespace einfer::server
