#include "server/keys_service.h"

#include "protocol/messages.h"
#include "server/log.h"

namespace einfer::server {
namespace {

constexpr std::chrono::minutes idle_keys_are_kept{5};

KeyDocument document(const keystore::KeyInfo& key, bool added) {
    return {key.id, protocol::key_body(key.id, key.bytes, to_rfc3339(key.expires_at)), added};
}

/// A tenant's name has no NUL.
std::string cache_name(std::string_view id, std::string_view tenant) {
    return std::string(tenant) + '\0' + std::string(id);
}

}  // namespace

Result<std::unique_ptr<KeysService>> KeysService::create(const std::filesystem::path& data,
                                                         keystore::StoreOptions options, std::size_t cache_bytes,
                                                         Clock clock) {
    options.report = [](std::string_view reason) {
        log_event(LogLevel::Error, "key_store_failed", {{"reason", reason}});
    };
    auto store = keystore::KeyStore::open(data / "keys", std::move(options), std::move(clock));
    if (!store) return store.error();
    return std::unique_ptr<KeysService>(new KeysService(*std::move(store), cache_bytes));
}

void KeysService::keep(KeysUpload::Checked checked, std::function<void(Result<KeyDocument>)> done) {
    store_->store(std::move(checked.upload), std::move(checked.header),
                  [done = std::move(done)](Result<keystore::Stored> stored) {
                      if (stored)
                          done(document(stored->key, stored->added));
                      else
                          done(stored.error());
                  });
}

Result<KeyDocument> KeysService::find(std::string_view id, std::string_view tenant) const {
    const auto key = store_->find(id, tenant);
    if (!key) return key.error();
    return document(*key, false);
}

void KeysService::erase(std::string id, std::string tenant, std::function<void(Result<void>)> done) {
    std::string name = cache_name(id, tenant);
    store_->erase(std::move(id), std::move(tenant),
                  [this, name = std::move(name), done = std::move(done)](Result<void> erased) {
                      if (erased) cache_.drop(name);
                      done(std::move(erased));
                  });
}

Result<void> KeysService::check(const ServedModel& model, const jobs::Submission& request) {
    const KeyNeeds& needs = *model.key_needs;
    if (request.evaluation_key_id.empty())
        return needs.required("the model needs evaluation keys; name them in evaluation_key_id", {});
    const auto key = store_->use(request.evaluation_key_id, request.tenant);
    if (!key && key.error().code == ErrorCode::UnknownKey)
        return needs.required("there are no evaluation keys of this id; send them", {{"evaluation_key_id", "unknown"}});
    if (!key) return key.error();
    return needs.check(*key->header);
}

Result<KeyCache::Lease> KeysService::load(const ServedModel& model, const jobs::Submission& request) {
    const std::string& id = request.evaluation_key_id;
    const auto key = store_->use(id, request.tenant);
    if (!key) return key.error();
    if (const auto fits = model.key_needs->check(*key->header); !fits) return fits.error();
    return cache_.get(cache_name(id, request.tenant), he::evaluation_keys_bytes(*key->header),
                      [&] { return read(*model.context, id, request.tenant); });
}

Result<he::EvaluationKeys> KeysService::read(const he::Context& context, std::string_view id, std::string_view tenant) {
    const auto reading = store_->open_keys(id, tenant);
    if (!reading) return reading.error();
    auto file = wire::KeyFileReader::open(
        (*reading)->bytes(), [&reading](std::span<std::uint8_t> bytes) { return (*reading)->read(bytes); });
    auto keys = file ? he::load_evaluation_keys(context, *file) : file.error();
    const auto intact = (*reading)->verdict();
    if (keys && intact) return keys;
    if (!intact && intact.error().code == ErrorCode::Overloaded) return intact.error();  // it may pass
    store_->discard(id, tenant);
    return Error{ErrorCode::UnknownKey, "no such evaluation keys"};
}

void KeysService::look_after() {
    store_->look_after();
    cache_.drop_unused_since(KeyCache::Clock::now() - idle_keys_are_kept);
}

}  // namespace einfer::server
