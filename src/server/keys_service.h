// The use cases of evaluation keys: uploaded, shown, deleted, and used by evaluations.
#pragma once

#include "base/clock.h"
#include "jobs/job.h"
#include "keystore/key_store.h"
#include "server/catalog.h"
#include "server/key_cache.h"
#include "server/keys_upload.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace einfer::server {

/// Keys as shown.
struct KeyDocument {
    std::string id;
    std::string body;    ///< JSON
    bool added = false;  ///< they were not there before
};

/// Thread-safe. Every Error is fit for the client.
class KeysService {
public:
    /// Keeps them in `data`/keys. INTERNAL, with a message for the operator. What goes wrong later is logged.
    static Result<std::unique_ptr<KeysService>> create(const std::filesystem::path& data,
                                                       keystore::StoreOptions options, std::size_t cache_bytes,
                                                       Clock clock);

    [[nodiscard]] keystore::KeyStore& store() { return *store_; }
    [[nodiscard]] const KeyCache& cache() const { return cache_; }

    /// As keystore::KeyStore::store().
    void keep(KeysUpload::Checked checked, std::function<void(Result<KeyDocument>)> done);
    /// UNKNOWN_KEY or KEY_EXPIRED.
    [[nodiscard]] Result<KeyDocument> find(std::string_view id, std::string_view tenant) const;
    /// As keystore::KeyStore::erase(). Evaluations that have begun with the keys end.
    void erase(std::string id, std::string tenant, std::function<void(Result<void>)> done);

    /// Whether the request can be computed: EVALUATION_KEY_REQUIRED, KEY_EXPIRED. The keys it names are used now.
    [[nodiscard]] Result<void> check(const ServedModel& model, const jobs::Submission& request);
    /// The keys it names, for as long as the lease is kept. Also UNKNOWN_KEY. May wait for memory.
    [[nodiscard]] Result<KeyCache::Lease> load(const ServedModel& model, const jobs::Submission& request);

    /// To be called now and then: forgets what has expired, on disk and in memory.
    void look_after();
    void stop() { store_->stop(); }

private:
    KeysService(std::unique_ptr<keystore::KeyStore> store, std::size_t cache_bytes)
        : cache_(cache_bytes), store_(std::move(store)) {}
    [[nodiscard]] Result<he::EvaluationKeys> read(const he::Context& context, std::string_view id,
                                                  std::string_view tenant);

    KeyCache cache_;  // outlives the store, whose last tasks still drop keys from it
    const std::unique_ptr<keystore::KeyStore> store_;
};

}  // namespace einfer::server
