// The routes of clients' evaluation keys.
#include "server/http/handlers.h"

#include "keystore/key_store.h"

namespace einfer::server::http {

namespace net = boost::asio;

namespace {

Error no_such_key() { return {ErrorCode::UnknownKey, "no such evaluation keys"}; }

}  // namespace

net::awaitable<Reply> Handlers::store_keys(const RequestHead& head, const Caller& caller, Exchange& exchange,
                                           Trace& trace) {
    const std::size_t limit = service_.catalog().limits().max_keys_body_bytes;
    if (const auto length = exchange.check_length(limit); !length) co_return Reply::error(length.error());
    const auto form = body_form(head);
    if (!form) co_return Reply::error(form.error());
    if (!caller) co_return Reply::error(caller.error());
    const auto header_bytes = binary_header_bytes(head, *form);
    if (!header_bytes) co_return Reply::error(header_bytes.error());
    if (const auto state = service_.readiness(); !state) co_return Reply::error(state.error());

    const auto share = service_.memory_of(caller->tenant);
    KeysService& keys = service_.evaluation_keys();
    KeysUpload upload(service_.catalog(), keys.store(), *share, caller->tenant,
                      {caller->limits.max_evaluation_keys, caller->limits.max_evaluation_key_bytes}, *header_bytes);
    const auto read = co_await exchange.read_body(limit, [&](std::string_view chunk) { upload.feed(chunk); });
    if (!read) co_return Reply::error(read.error());
    auto checked = upload.finish();
    if (!checked) co_return Reply::error(checked.error());
    trace.model = checked->model;
    const auto kept = std::make_shared<KeyDocument>();  // this may be gone when it is told
    const auto stored = co_await exchange.until_done([&](auto done) -> Result<void> {
        keys.keep(*std::move(checked), [kept, done = std::move(done)](Result<KeyDocument> document) {
            if (document) *kept = *std::move(document);
            done(document ? Result<void>() : Result<void>(document.error()));
        });
        return {};
    });
    if (!stored) co_return Reply::error(stored.error());
    trace.evaluation_key_id = kept->id;
    Reply reply = Reply::json(kept->added ? 201 : 200, std::move(kept->body));
    reply.headers.emplace_back("Location", "/keys/" + kept->id);
    co_return reply;
}

net::awaitable<Reply> Handlers::evaluation_keys(const RequestHead& head, const Caller& caller, Exchange& exchange,
                                                Trace& trace) {
    if (!caller) co_return Reply::error(caller.error());
    const std::string& id = head.path[1];
    if (!keystore::is_key_id(id)) co_return Reply::error(no_such_key());
    trace.evaluation_key_id = id;
    KeysService& keys = service_.evaluation_keys();
    if (head.is_read()) {
        auto found = keys.find(id, caller->tenant);
        co_return found ? Reply::json(200, std::move(found->body)) : Reply::error(found.error());
    }
    if (const auto state = service_.readiness(); !state) co_return Reply::error(state.error());
    const auto erased = co_await exchange.until_done([&](auto done) -> Result<void> {
        keys.erase(id, caller->tenant, std::move(done));
        return {};
    });
    co_return erased ? Reply{.status = 204} : Reply::error(erased.error());
}

}  // namespace einfer::server::http
