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

enum class Route { Health, Ready, Models, Keys, OpenApi, Infer, InferPlain, Job };

struct Row {
    Route route;
    std::string_view pattern;
    std::array<std::string_view, 2> path;  ///< its segments; "{}" is any
    std::string_view allow;
};
constexpr std::string_view reading = "GET, HEAD";
constexpr std::array rows{
    Row{Route::Health, "/health", {"health"}, reading},
    Row{Route::Ready, "/ready", {"ready"}, reading},
    Row{Route::Models, "/models", {"models"}, reading},
    Row{Route::Keys, "/keys", {"keys"}, reading},
    Row{Route::OpenApi, "/openapi.json", {"openapi.json"}, reading},
    Row{Route::Infer, "/infer", {"infer"}, "POST"},
    Row{Route::InferPlain, "/infer/plain", {"infer", "plain"}, "POST"},
    Row{Route::Job, "/jobs/{job_id}", {"jobs", "{}"}, reading},
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
    return row.allow == reading ? head.is_read() : head.method == boost::beast::http::verb::post;
}

Reply not_found() {
    return Reply::error({ErrorCode::NotFound, "no such resource; GET /openapi.json describes them all"});
}

Reply document(const Document& document, const RequestHead& head) {
    Reply reply = head.if_none_match &&
                          (*head.if_none_match == "*" || head.if_none_match->find(document.etag) != std::string::npos)
                      ? Reply::json(304, "")
                      : Reply::json(200, document.body);
    reply.headers.emplace_back("ETag", document.etag);
    return reply;
}

Result<void> check_version(const RequestHead& head) {
    const auto found = head.query.find("api_version");
    return found == head.query.end() ? Result<void>() : protocol::check_api_version(found->second);
}

Result<std::uint8_t> parse_seal_minor(const std::string& text) {
    const auto refuse = [](const char* rule) {
        return Error{ErrorCode::SchemaViolation,
                     "seal_minor is a SEAL 4.x minor version, 0 to 4",
                     {{"pointer", "seal_minor"}, {"rule", rule}}};
    };
    int number = 0;
    const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (fault == std::errc::result_out_of_range) return refuse(text.front() == '-' ? "minimum" : "maximum");
    if (fault != std::errc() || end != text.data() + text.size()) return refuse("type");
    if (number < 0) return refuse("minimum");
    if (number > wire::max_seal_minor) return refuse("maximum");
    return static_cast<std::uint8_t>(number);
}

}  // namespace

Handlers::Handlers(InferenceService& service) : service_(service) {}

net::awaitable<Reply> Handlers::handle(const RequestHead& head, Exchange& exchange, std::string& route) {
    const Row* const row = match(head.path);
    if (row == nullptr || (row->route == Route::InferPlain && !service_.plain_enabled())) co_return not_found();
    route = row->pattern;
    if (!allowed(*row, head)) {
        Reply reply = Reply::error({ErrorCode::MethodNotAllowed, "the resource has other methods: see Allow"});
        reply.headers.emplace_back("Allow", row->allow);
        co_return reply;
    }
    switch (row->route) {
        case Route::Health: co_return Reply::json(200, R"({"status":"ok"})");
        case Route::Ready: co_return ready();
        case Route::Models: co_return models(head);
        case Route::Keys: co_return keys(head);
        case Route::OpenApi: co_return Reply::json(200, std::string(protocol::openapi_json()));
        case Route::Infer: co_return co_await infer(head, exchange);
        case Route::InferPlain: co_return co_await infer_plain(head, exchange);
        case Route::Job: co_return co_await job(head, exchange);
    }
    co_return not_found();
}

Reply Handlers::ready() const {
    if (const auto state = service_.readiness(); !state) return Reply::error(state.error());
    return Reply::json(200, R"({"status":"ready"})");
}

Reply Handlers::models(const RequestHead& head) const {
    if (const auto version = check_version(head); !version) return Reply::error(version.error());
    return document(service_.models(), head);
}

Reply Handlers::keys(const RequestHead& head) const {
    if (const auto version = check_version(head); !version) return Reply::error(version.error());
    std::uint8_t seal_minor = 1;
    if (const auto found = head.query.find("seal_minor"); found != head.query.end()) {
        const auto parsed = parse_seal_minor(found->second);
        if (!parsed) return Reply::error(parsed.error());
        seal_minor = *parsed;
    }
    auto body = service_.keys(seal_minor);
    return body ? Reply::json(200, *std::move(body)) : Reply::error(body.error());
}

net::awaitable<Reply> Handlers::infer(const RequestHead& head, Exchange& exchange) {
    const std::size_t limit = service_.catalog().limits().max_body_bytes;
    if (const auto length = exchange.check_length(limit); !length) co_return Reply::error(length.error());
    if (const auto media = check_json_body(head); !media) co_return Reply::error(media.error());
    if (head.tenant_fault) co_return Reply::error(*head.tenant_fault);
    if (const auto state = service_.readiness(); !state) co_return Reply::error(state.error());

    InferUpload upload = service_.begin_upload();
    const auto read = co_await exchange.read_body(limit, [&](std::string_view chunk) { upload.feed(chunk); });
    if (!read) co_return Reply::error(read.error());
    auto submission = upload.finish(head.tenant);
    if (!submission) co_return Reply::error(submission.error());

    const std::string id = submission->id;
    const auto accepted = co_await exchange.submit(*std::move(submission));
    if (!accepted) co_return Reply::error(accepted.error());
    if (head.wait) {
        co_await exchange.wait_until_final(id, *head.wait);
        auto shown = service_.job(id, head.tenant);
        if (shown && shown->final) co_return Reply::json(200, std::move(shown->body));
    }
    Reply reply = Reply::json(202, protocol::accepted_body(id));
    reply.headers.emplace_back("Location", "/jobs/" + id);
    co_return reply;
}

net::awaitable<Reply> Handlers::infer_plain(const RequestHead& head, Exchange& exchange) {
    const std::size_t limit = service_.catalog().limits().max_plain_body_bytes;
    if (const auto length = exchange.check_length(limit); !length) co_return Reply::error(length.error());
    if (const auto media = check_json_body(head); !media) co_return Reply::error(media.error());
    if (head.tenant_fault) co_return Reply::error(*head.tenant_fault);
    std::string body;
    const auto read = co_await exchange.read_body(limit, [&](std::string_view chunk) { body.append(chunk); });
    if (!read) co_return Reply::error(read.error());
    auto answer = service_.infer_plain(body);
    co_return answer ? Reply::json(200, *std::move(answer)) : Reply::error(answer.error());
}

net::awaitable<Reply> Handlers::job(const RequestHead& head, Exchange& exchange) {
    if (head.tenant_fault) co_return Reply::error(*head.tenant_fault);
    const std::string& id = head.path[1];
    if (!is_random_id(id)) co_return Reply::error({ErrorCode::UnknownJob, "no such job"});
    auto shown = service_.job(id, head.tenant);
    if (shown && !shown->final && head.wait) {
        co_await exchange.wait_until_final(id, *head.wait);
        shown = service_.job(id, head.tenant);
    }
    co_return shown ? Reply::json(200, std::move(shown->body)) : Reply::error(shown.error());
}

}  // namespace einfer::server::http
