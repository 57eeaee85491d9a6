// What a key store has in memory of its keys: who has which, until when. Touches no disk. Private to src/keystore.
#pragma once

#include "base/clock.h"
#include "keystore/key_index.h"
#include "keystore/key_store.h"

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace einfer::keystore {

/// What is said of keys that are not there, for whatever reason.
[[nodiscard]] Error unknown_key();

/// Thread-safe. Its lock is held for a moment only.
class KnownKeys {
public:
    KnownKeys(const StoreOptions& options, Clock clock);

    /// A row that the index had at the start. Its latest uses may not be in it.
    void recover(IndexRow row);

    /// UNKNOWN_KEY or KEY_EXPIRED.
    [[nodiscard]] Result<KeyInfo> find(std::string_view id, std::string_view tenant) const;
    [[nodiscard]] Result<IndexRow> row(std::string_view id, std::string_view tenant) const;
    /// The same, and they are used now.
    [[nodiscard]] Result<KeyInfo> use(std::string_view id, std::string_view tenant);

    /// Keys that are there are used now, even if they would have expired.
    [[nodiscard]] KeyInfo renew(const IndexRow& row);

    /// Whatever is there, expired keys and tombstones included.
    [[nodiscard]] std::optional<IndexRow> any_row(std::string_view id, std::string_view tenant) const;

    /// RATE_LIMITED when the tenant may not have the row in place of `replaced` bytes of the same id (0: of none).
    [[nodiscard]] Result<void> check_quota(const IndexRow& row, const Quota& quota, std::uint64_t replaced) const;

    /// A place for keys that are being written, made before that, so that putting them there takes no memory.
    class Place;
    [[nodiscard]] Place make_place(IndexRow row) const;
    [[nodiscard]] KeyInfo put(Place place);

    // What has happened to keys on disk.
    void forget(const IndexRow& row);
    void bury(const IndexRow& row);
    void written(const IndexRow& row);  ///< its used_at

    /// What the disk is to be told of.
    struct Due {
        std::vector<IndexRow> expired;    ///< become tombstones
        std::vector<IndexRow> forgotten;  ///< tombstones that are old or too many
        std::vector<IndexRow> used;
    };
    [[nodiscard]] Due due(UnixMillis now) const;

    /// Fills in keys and tombstones.
    void count(KeyStore::Usage& usage) const;

private:
    struct Entry {
        IndexRow row;
        UnixMillis written = 0;  ///< used_at, as the index has it
        [[nodiscard]] bool is_tombstone() const { return row.expired_at.has_value(); }
    };
    /// Tenant, then id.
    using Name = std::pair<std::string, std::string>;
    using NameView = std::pair<std::string_view, std::string_view>;
    struct ByName {
        using is_transparent = void;
        template <class A, class B>
        bool operator()(const A& a, const B& b) const {
            return NameView(a) < NameView(b);
        }
    };
    using Entries = std::map<Name, Entry, ByName>;

    [[nodiscard]] Result<void> check(Entries::const_iterator found) const;
    [[nodiscard]] std::chrono::milliseconds unwritten() const;
    [[nodiscard]] bool has_expired(const Entry& entry) const;
    [[nodiscard]] KeyInfo info(const IndexRow& row) const;

    const std::chrono::milliseconds ttl_, tombstone_ttl_;
    const std::size_t max_tombstones_;
    const Clock clock_;

    mutable std::mutex mutex_;
    Entries entries_;
};

class KnownKeys::Place {
    friend class KnownKeys;
    Entries one_;  ///< a map of this one entry, whose node becomes the other map's
    KeyInfo info_;
};

}  // namespace einfer::keystore
