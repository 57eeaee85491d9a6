#include "client/server_api.h"

#include "base/ids.h"
#include "protocol/json_reader.h"

#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include <algorithm>
#include <optional>
#include <random>
#include <thread>

namespace einfer::client {
namespace {

namespace json = boost::json;
using SteadyClock = std::chrono::steady_clock;
using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr std::size_t max_models_reply_bytes = 8 * 1024 * 1024;
constexpr int max_retries = 5;
constexpr seconds longest_retry_after{60};  // a server that wants more is given up
constexpr seconds wait_on_submit{30};
constexpr seconds wait_on_poll{10};
constexpr seconds time_to_delete{5};

bool may_retry(const HttpReply& reply) {
    return (reply.status == 408 || reply.status == 429 || reply.status == 503) && reply.retry_after &&
           *reply.retry_after <= longest_retry_after;
}

/// Up to a quarter more, so that clients that were refused together do not come back together.
milliseconds with_jitter(milliseconds time) {
    static thread_local std::minstd_rand random{std::random_device{}()};
    return time + milliseconds(std::uniform_int_distribution<long>(0, time.count() / 4)(random));
}

/// False, without sleeping, when the deadline would pass meanwhile.
bool sleep_before(SteadyClock::time_point deadline, milliseconds time) {
    if (SteadyClock::now() + time >= deadline) return false;
    std::this_thread::sleep_for(time);
    return true;
}

std::string text_member(const json::object& object, std::string_view key) {
    const json::value* value = object.if_contains(key);
    const json::string* text = value != nullptr ? value->if_string() : nullptr;
    return text != nullptr ? printable(*text) : std::string();
}

}  // namespace

Failure refusal_from(const HttpReply& reply) {
    Failure failure{ErrorKind::Refused, {}, {}, reply.status, reply.request_id};
    const auto document = protocol::parse_json(reply.body);
    const json::object* object = document ? document->if_object() : nullptr;
    const json::value* found = object != nullptr ? object->if_contains("error") : nullptr;
    if (const json::object* error = found != nullptr ? found->if_object() : nullptr) {
        // Read leniently: codes of later versions are to reach the caller as well.
        failure.code = text_member(*error, "code");
        failure.message = text_member(*error, "message");
    }
    if (failure.message.empty())
        failure.message = "the server answered with HTTP status " + std::to_string(reply.status) +
                          " and no explanation: is it an einfer server, and the base path right?";
    if (reply.retry_after) failure.message += " (it asks to wait " + std::to_string(reply.retry_after->count()) + " s)";
    return failure;
}

/// Of a connection that broke; the first pause is 0.25 s, and each is twice the last.
struct ServerApi::Reconnects {
    int most;
    bool also_unconnected;  ///< when it could not be made in the first place, too

    static constexpr Reconnects if_it_broke() { return {2, false}; }
    static constexpr Reconnects through_a_restart() { return {5, true}; }  // about 8 s
};

ServerApi::ServerApi(HttpClient http, std::string tenant, milliseconds call_timeout, std::string api_key)
    : http_(std::move(http)), tenant_(std::move(tenant)), call_timeout_(call_timeout), api_key_(std::move(api_key)) {}

Outcome<std::string> ServerApi::models(std::string_view version) {
    HttpRequest get;
    get.target = version.empty() ? "/models" : "/models?api_version=" + std::string(version);
    get.max_reply_bytes = max_models_reply_bytes;
    auto reply = request(std::move(get), SteadyClock::now() + call_timeout_, Reconnects::if_it_broke());
    if (!reply) return reply.error();
    return std::move(reply->text);
}

Outcome<ReplyText> ServerApi::submit(std::string_view body, std::size_t max_reply_bytes, Deadline deadline,
                                     std::size_t header_bytes) {
    HttpRequest post;
    post.method = Method::Post;
    post.target = "/infer";
    post.body = body;
    post.header_bytes = header_bytes;
    post.idempotency_key = random_id();
    post.tenant = tenant_;
    post.wait = wait_within(wait_on_submit, deadline);
    post.max_reply_bytes = max_reply_bytes;
    return request(std::move(post), deadline, Reconnects::through_a_restart());
}

Outcome<std::string> ServerApi::upload_keys(std::string_view body, std::size_t header_bytes, Deadline deadline) {
    HttpRequest post;
    post.method = Method::Post;
    post.target = "/keys";
    post.body = body;
    post.header_bytes = header_bytes;
    post.tenant = tenant_;
    post.max_reply_bytes = max_error_bytes;
    auto reply = request(std::move(post), deadline, Reconnects::through_a_restart());
    if (!reply) return reply.error();
    return std::move(reply->text);
}

Outcome<void> ServerApi::delete_keys(std::string_view id) {
    HttpRequest request;
    request.method = Method::Delete;
    request.target = "/keys/" + std::string(id);
    request.tenant = tenant_;
    request.api_key = api_key_;
    request.request_id = random_id();
    request.timeout = time_to_delete;
    request.max_reply_bytes = max_error_bytes;
    const auto reply = http_.call(request);
    if (!reply) return reply.error();
    if (reply->status != 204) return refusal_from(*reply);
    return {};
}

Outcome<ReplyText> ServerApi::job(std::string_view id, std::size_t max_reply_bytes) {
    HttpRequest get;
    get.target = "/jobs/" + std::string(id);
    get.tenant = tenant_;
    get.max_reply_bytes = max_reply_bytes;
    return request(std::move(get), SteadyClock::now() + call_timeout_, Reconnects::if_it_broke());
}

Outcome<ReplyText> ServerApi::wait_for_job(std::string_view id, std::size_t max_reply_bytes, Deadline deadline) {
    HttpRequest get;
    get.target = "/jobs/" + std::string(id);
    get.tenant = tenant_;
    get.wait = wait_within(wait_on_poll, deadline);
    get.max_reply_bytes = max_reply_bytes;
    return request(std::move(get), deadline, Reconnects::through_a_restart());
}

Outcome<ReplyText> ServerApi::request(HttpRequest request, Deadline deadline, Reconnects reconnects) {
    request.api_key = api_key_;
    int retries = max_retries;
    milliseconds backoff{250};
    for (;;) {
        const auto left = std::chrono::duration_cast<milliseconds>(deadline - SteadyClock::now());
        if (left.count() <= 0)
            return Failure{ErrorKind::Timeout, "no answer from " + server().text() + " before the time was over"};
        request.timeout = left;
        request.request_id = random_id();
        auto reply = http_.call(request);
        if (!reply) {
            const bool may_return = reply.error().kind == ErrorKind::Connection &&
                                    (reply.error().after_connecting || reconnects.also_unconnected) &&
                                    reconnects.most-- > 0;
            if (!may_return || !sleep_before(deadline, with_jitter(backoff))) return std::move(reply).error();
            backoff *= 2;
            continue;
        }
        if (reply->status >= 200 && reply->status < 300) return ReplyText{std::move(reply->body), reply->header_bytes};
        if (reply->request_id.empty()) reply->request_id = request.request_id;
        if (!may_retry(*reply) || retries-- == 0 ||
            !sleep_before(deadline, with_jitter(std::max<milliseconds>(*reply->retry_after, milliseconds(100)))))
            return refusal_from(*reply);
    }
}

seconds ServerApi::wait_within(seconds most, Deadline deadline) const {
    const auto left = std::chrono::duration_cast<milliseconds>(deadline - SteadyClock::now());
    const auto half = std::min(call_timeout_, left) / 2;
    return std::clamp(std::chrono::duration_cast<seconds>(half), seconds(0), most);
}

}  // namespace einfer::client
