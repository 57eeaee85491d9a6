#include "server/http/handlers.h"

#include "base/ids.h"
#include "protocol/api_version.h"
#include "protocol/messages.h"
#include "protocol/schema.h"

#include <array>
#include <charconv>

namespace einfer::server::http {
namespace {

namespace net = boost::asio;

enum class Route { Health, Ready, Models, Keys, OpenApi, Infer, InferPlain, Job, EvaluationKeys };

struct Row {
    Route route;
    std::string_view pattern;
    std::array<std::string_view, 2> path;  ///< its segments; "{}" is any
    std::string_view allow;
    bool open = false;  ///< answered to anybody, and never rate-limited
};
constexpr std::string_view reading = "GET, HEAD";
constexpr std::string_view reading_and_erasing = "GET, HEAD, DELETE";
constexpr std::string_view reading_and_sending = "GET, HEAD, POST";
constexpr std::string_view looking_and_erasing = "HEAD, DELETE";
constexpr std::array rows{
    Row{Route::Health, "/health", {"health"}, reading, true},
    Row{Route::Ready, "/ready", {"ready"}, reading, true},
    Row{Route::Models, "/models", {"models"}, reading},
    Row{Route::Keys, "/keys", {"keys"}, reading_and_sending},
    Row{Route::EvaluationKeys, "/keys/{evaluation_key_id}", {"keys", "{}"}, looking_and_erasing},
    Row{Route::OpenApi, "/openapi.json", {"openapi.json"}, reading, true},
    Row{Route::Infer, "/infer", {"infer"}, "POST"},
    Row{Route::InferPlain, "/infer/plain", {"infer", "plain"}, "POST"},
    Row{Route::Job, "/jobs/{job_id}", {"jobs", "{}"}, reading_and_erasing},
};

/// Segment by segment, as they were sent: an encoded slash is part of its segment.
const Row* match(const std::vector<std::string>& path) {
    for (const Row& row : rows) {
        const std::size_t segments = row.path[1].empty() ? 1 : 2;
        if (path.size() == segments && path[0] == row.path[0] &&
            (segments == 1 || row.path[1] == "{}" || path[1] == row.path[1]))
            return &row;
    }
    return nullptr;
}

bool allowed(const Row& row, const RequestHead& head) {
    using boost::beast::http::verb;
    switch (head.method) {
        case verb::get: return row.allow.find("GET") != std::string_view::npos;
        case verb::head: return row.allow.find("HEAD") != std::string_view::npos;
        case verb::post: return row.allow.find("POST") != std::string_view::npos;
        case verb::delete_: return row.allow.find("DELETE") != std::string_view::npos;
        default: return false;
    }
}

Reply not_found() {
    return Reply::error({ErrorCode::NotFound, "no such resource; GET /openapi.json describes them all"});
}

Error no_such_job() { return {ErrorCode::UnknownJob, "no such job"}; }

Reply document(JobDocument&& job) {
    if (job.binary_header_bytes == 0) return Reply::json(200, std::move(job.body));
    return Reply::binary(200, std::move(job.body), job.binary_header_bytes);
}

Reply document(const Document& document, const RequestHead& head) {
    Reply reply = head.if_none_match &&
                          (*head.if_none_match == "*" || head.if_none_match->find(document.etag) != std::string::npos)
                      ? Reply::json(304, "")
                      : Reply::json(200, document.body);
    reply.headers.emplace_back("ETag", document.etag);
    return reply;
}

/// Of the query parameter; 1.0 without one.
Result<protocol::ApiVersion> version_asked(const RequestHead& head) {
    const auto found = head.query.find("api_version");
    return found == head.query.end() ? protocol::ApiVersion::V1_0 : protocol::parse_api_version(found->second);
}

Result<std::uint8_t> parse_seal_minor(const std::string& text) {
    const auto refuse = [](const char* rule) {
        return Error{ErrorCode::SchemaViolation,
                     "seal_minor is a SEAL 4.x minor version, 0 to 4, once",
                     {{"pointer", "seal_minor"}, {"rule", rule}}};
    };
    int number = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (fault == std::errc::result_out_of_range) return refuse(text.front() == '-' ? "minimum" : "maximum");
    if (fault != std::errc() || end != text.data() + text.size()) return refuse("type");
    if (std::to_string(number) != text) return refuse("type");  // -0, 01
    if (number < 0) return refuse("minimum");
    if (number > wire::max_seal_minor) return refuse("maximum");
    return static_cast<std::uint8_t>(number);
}

}  // namespace

Handlers::Handlers(InferenceService& service, tenants::Tenants& tenants, Cors cors)
    : service_(service), tenants_(tenants), cors_(std::move(cors)) {}

net::awaitable<Reply> Handlers::handle(const RequestHead& head, Exchange& exchange, Trace& trace) {
    Reply reply = co_await answer(head, exchange, trace);
    cors_.allow(head, reply);
    co_return reply;
}

net::awaitable<Reply> Handlers::answer(const RequestHead& head, Exchange& exchange, Trace& trace) {
    const Row* const row = match(head.path);
    if (row == nullptr || (row->route == Route::InferPlain && !service_.plain_enabled())) co_return not_found();
    trace.route = row->pattern;
    if (cors_.is_preflight(head)) co_return cors_.preflight(row->allow);
    if (!allowed(*row, head)) {
        Reply reply = Reply::error({ErrorCode::MethodNotAllowed, "the resource has other methods: see Allow"});
        reply.headers.emplace_back("Allow", row->allow);
        co_return reply;
    }
    const Caller caller = row->open ? Caller() : admit(head, trace);
    if (!caller && caller.error().code != ErrorCode::SchemaViolation) co_return Reply::error(caller.error());
    switch (row->route) {
        case Route::Health: co_return Reply::json(200, R"({"status":"ok"})");
        case Route::Ready: co_return ready();
        case Route::Models: co_return models(head);
        case Route::Keys:
            if (!head.is_read()) co_return co_await store_keys(head, caller, exchange, trace);
            co_return keys(head);
        case Route::EvaluationKeys: co_return co_await evaluation_keys(head, caller, exchange, trace);
        case Route::OpenApi: co_return Reply::json(200, std::string(protocol::openapi_json()));
        case Route::Infer: co_return co_await infer(head, caller, exchange, trace);
        case Route::InferPlain: co_return co_await infer_plain(head, caller, exchange);
        case Route::Job:
            if (!head.is_read()) co_return co_await erase_job(head, caller, exchange, trace);
            co_return co_await job(head, caller, exchange, trace);
    }
    co_return not_found();
}

Handlers::Caller Handlers::admit(const RequestHead& head, Trace& trace) {
    auto caller = tenants_.authenticate(head.authorization);
    if (!caller) return caller;
    trace.tenant = caller->tenant;
    trace.key_id = caller->key_id;
    auto named = tenants_.act_as(*caller, head.tenant);
    if (named) trace.tenant = named->tenant;
    const auto admitted = tenants_.take_request(named ? *named : *caller);  // a wrong name is no way around the rate
    if (!admitted) return admitted.error();
    return named;
}

Reply Handlers::ready() const {
    if (const auto state = service_.readiness(); !state) return Reply::error(state.error());
    Reply reply = Reply::json(200, R"({"status":"ready"})");
    reply.headers.emplace_back("X-Einfer-Kernels", service_.kernels());
    return reply;
}

Reply Handlers::models(const RequestHead& head) const {
    const auto version = version_asked(head);
    return version ? document(service_.models(*version), head) : Reply::error(version.error());
}

Reply Handlers::keys(const RequestHead& head) const {
    const auto version = version_asked(head);
    if (!version) return Reply::error(version.error());
    std::uint8_t seal_minor = 1;
    if (const auto found = head.query.find("seal_minor"); found != head.query.end()) {
        const auto parsed = parse_seal_minor(found->second);
        if (!parsed) return Reply::error(parsed.error());
        seal_minor = *parsed;
    }
    auto body = service_.keys(seal_minor, *version);
    return body ? Reply::json(200, *std::move(body)) : Reply::error(body.error());
}

net::awaitable<Reply> Handlers::infer(const RequestHead& head, const Caller& caller, Exchange& exchange, Trace& trace) {
    const std::size_t limit = service_.catalog().limits().max_body_bytes;
    if (const auto length = exchange.check_length(limit); !length) co_return Reply::error(length.error());
    const auto form = body_form(head);
    if (!form) co_return Reply::error(form.error());
    if (!caller) co_return Reply::error(caller.error());
    const auto key = idempotency_key(head);
    if (!key) co_return Reply::error(key.error());
    const auto header_bytes = binary_header_bytes(head, *form);
    if (!header_bytes) co_return Reply::error(header_bytes.error());
    if (const auto state = service_.readiness(); !state) co_return Reply::error(state.error());

    const auto share = service_.memory_of(caller->tenant);
    InferUpload upload = service_.begin_upload(*share, *header_bytes);
    const auto read = co_await exchange.read_body(limit, [&](std::string_view chunk) { upload.feed(chunk); });
    if (!read) co_return Reply::error(read.error());
    auto submission = upload.finish(caller->tenant);
    trace.receive = upload.receive_time();
    trace.validate = upload.validate_time();
    service_.phases().record(Phase::Receive, trace.receive);
    service_.phases().record(Phase::Validate, trace.validate);
    if (!submission) co_return Reply::error(submission.error());
    trace.model = submission->model_id + '@' + submission->model_version;
    trace.batch_size = submission->batch_size;
    submission->idempotency_key = *key;
    submission->quota = {caller->limits.max_queued_jobs, caller->limits.max_stored_bytes};

    const std::size_t rows = upload.row_capacity();
    const auto taken = tenants_.take_rows(*caller, rows);
    if (!taken) submission->refusal = taken.error();  // a repetition costs no rows
    const auto accepted = co_await exchange.submit(*std::move(submission));
    if (taken && (!accepted || accepted->repeated)) tenants_.give_back_rows(*caller, rows);
    if (!accepted) co_return Reply::error(accepted.error());
    try {
        const std::string& id = trace.job_id = accepted->job_id;
        if (head.wait) {
            co_await exchange.wait_until_final(id, *head.wait);
            if (auto shown = final_job(id, caller->tenant)) co_return *std::move(shown);
        }
        Reply reply = Reply::json(202, protocol::accepted_body(id));
        reply.headers.emplace_back("Location", "/jobs/" + id);
        co_return reply;
    } catch (const std::bad_alloc&) {
        throw ReplyLost();
    }
}

/// Nothing when it is not final, or cannot be shown: a job that was accepted is no error, whatever there is no memory
/// for.
std::optional<Reply> Handlers::final_job(std::string_view id, std::string_view tenant) const try {
    auto shown = service_.job(id, tenant);
    if (!shown || !shown->final) return std::nullopt;
    return document(*std::move(shown));
} catch (const std::bad_alloc&) {
    return std::nullopt;
}

net::awaitable<Reply> Handlers::infer_plain(const RequestHead& head, const Caller& caller, Exchange& exchange) {
    const std::size_t limit = service_.catalog().limits().max_plain_body_bytes;
    if (const auto length = exchange.check_length(limit); !length) co_return Reply::error(length.error());
    if (const auto media = check_json_body(head); !media) co_return Reply::error(media.error());
    if (!caller) co_return Reply::error(caller.error());
    std::string body;
    const auto read = co_await exchange.read_body(limit, [&](std::string_view chunk) { body.append(chunk); });
    if (!read) co_return Reply::error(read.error());
    auto answer = service_.infer_plain(body);
    co_return answer ? Reply::json(200, *std::move(answer)) : Reply::error(answer.error());
}

net::awaitable<Reply> Handlers::job(const RequestHead& head, const Caller& caller, Exchange& exchange, Trace& trace) {
    if (!caller) co_return Reply::error(caller.error());
    const std::string& id = head.path[1];
    if (!is_random_id(id)) co_return Reply::error(no_such_job());
    auto shown = service_.job(id, caller->tenant);
    trace.job_id = id;
    if (shown && !shown->final && head.wait) {
        co_await exchange.wait_until_final(id, *head.wait);
        shown = service_.job(id, caller->tenant);
    }
    co_return shown ? document(*std::move(shown)) : Reply::error(shown.error());
}

net::awaitable<Reply> Handlers::erase_job(const RequestHead& head, const Caller& caller, Exchange& exchange,
                                          Trace& trace) {
    if (!caller) co_return Reply::error(caller.error());
    const std::string& id = head.path[1];
    if (!is_random_id(id)) co_return Reply::error(no_such_job());
    trace.job_id = id;
    if (const auto state = service_.readiness(); !state) co_return Reply::error(state.error());
    const auto erased = co_await exchange.erase(id, caller->tenant);
    co_return erased ? Reply{.status = 204} : Reply::error(erased.error());
}

}  // namespace einfer::server::http
