#include "keystore/known_keys.h"

#include <algorithm>

namespace einfer::keystore {
namespace {

// Uses are written down when they are this part of the lifetime old: a kill -9 takes no more from it.
constexpr int uses_written_in_a_lifetime = 32;

Error expired_key() { return {ErrorCode::KeyExpired, "the evaluation keys were not used for long; send them again"}; }

Error over_quota(std::string_view quota, std::uint64_t limit) {
    return {ErrorCode::RateLimited,
            "the quota of evaluation keys is used up; delete some, or wait until they expire",
            {{"quota", std::string(quota)}, {"limit", std::to_string(limit)}}};
}

}  // namespace

Error unknown_key() { return {ErrorCode::UnknownKey, "no such evaluation keys"}; }

KnownKeys::KnownKeys(const StoreOptions& options, Clock clock)
    : ttl_(options.ttl),
      tombstone_ttl_(options.tombstone_ttl),
      max_tombstones_(options.max_tombstones),
      clock_(std::move(clock)) {}

std::chrono::milliseconds KnownKeys::unwritten() const { return ttl_ / uses_written_in_a_lifetime; }

bool KnownKeys::has_expired(const Entry& entry) const {
    return entry.is_tombstone() || clock_() >= entry.row.used_at + ttl_.count();
}

KeyInfo KnownKeys::info(const IndexRow& row) const {
    return {row.id, row.bytes, row.used_at + ttl_.count(), row.header};
}

void KnownKeys::recover(IndexRow row) {
    const std::scoped_lock lock(mutex_);
    Entry entry{.row = std::move(row)};
    entry.written = entry.row.used_at;
    entry.row.used_at = std::max(entry.written, std::min(entry.written + unwritten().count(), clock_()));
    Name name{entry.row.tenant, entry.row.id};
    entries_.emplace(std::move(name), std::move(entry));
}

/// Under the lock.
Result<void> KnownKeys::check(Entries::const_iterator found) const {
    if (found == entries_.end()) return unknown_key();
    if (has_expired(found->second)) return expired_key();
    return {};
}

Result<KeyInfo> KnownKeys::find(std::string_view id, std::string_view tenant) const {
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(NameView(tenant, id));
    if (const auto usable = check(found); !usable) return usable.error();
    return info(found->second.row);
}

Result<IndexRow> KnownKeys::row(std::string_view id, std::string_view tenant) const {
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(NameView(tenant, id));
    if (const auto usable = check(found); !usable) return usable.error();
    return found->second.row;
}

Result<KeyInfo> KnownKeys::use(std::string_view id, std::string_view tenant) {
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(NameView(tenant, id));
    if (const auto usable = check(found); !usable) return usable.error();
    found->second.row.used_at = std::max(found->second.row.used_at, clock_());
    return info(found->second.row);
}

KeyInfo KnownKeys::renew(const IndexRow& row) {
    const std::scoped_lock lock(mutex_);
    IndexRow& renewed = entries_.find(NameView(row.tenant, row.id))->second.row;
    renewed.used_at = std::max(renewed.used_at, clock_());
    return info(renewed);
}

std::optional<IndexRow> KnownKeys::any_row(std::string_view id, std::string_view tenant) const {
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(NameView(tenant, id));
    if (found == entries_.end()) return std::nullopt;
    return found->second.row;
}

Result<void> KnownKeys::check_quota(const IndexRow& row, const Quota& quota, std::uint64_t replaced) const {
    std::size_t keys = replaced != 0 ? 0 : 1;
    std::uint64_t bytes = row.bytes - replaced;
    {
        const std::scoped_lock lock(mutex_);
        for (auto at = entries_.lower_bound(NameView(row.tenant, {}));
             at != entries_.end() && at->first.first == row.tenant; ++at)
            if (!has_expired(at->second)) {
                ++keys;
                bytes += at->second.row.bytes;
            }
    }
    if (quota.max_keys != 0 && keys > quota.max_keys) return over_quota("evaluation_keys", quota.max_keys);
    if (quota.max_bytes != 0 && bytes > quota.max_bytes) return over_quota("evaluation_key_bytes", quota.max_bytes);
    return {};
}

KnownKeys::Place KnownKeys::make_place(IndexRow row) const {
    Place place;
    place.info_ = info(row);
    Name name{row.tenant, row.id};
    const UnixMillis used_at = row.used_at;
    place.one_.emplace(std::move(name), Entry{.row = std::move(row), .written = used_at});
    return place;
}

KeyInfo KnownKeys::put(Place place) {
    {
        const std::scoped_lock lock(mutex_);
        auto inserted = entries_.insert(place.one_.extract(place.one_.begin()));
        if (!inserted.inserted) inserted.position->second = std::move(inserted.node.mapped());
    }
    return std::move(place.info_);
}

void KnownKeys::forget(const IndexRow& row) {
    const std::scoped_lock lock(mutex_);
    entries_.erase(entries_.find(NameView(row.tenant, row.id)));
}

void KnownKeys::bury(const IndexRow& row) {
    const std::scoped_lock lock(mutex_);
    IndexRow& kept = entries_.find(NameView(row.tenant, row.id))->second.row;
    kept.expired_at = row.expired_at;
    kept.file.clear();
    kept.header.reset();
}

void KnownKeys::written(const IndexRow& row) {
    const std::scoped_lock lock(mutex_);
    if (const auto found = entries_.find(NameView(row.tenant, row.id)); found != entries_.end())
        found->second.written = row.used_at;
}

KnownKeys::Due KnownKeys::due(UnixMillis now) const {
    Due due;
    const std::scoped_lock lock(mutex_);
    std::vector<std::pair<UnixMillis, const IndexRow*>> tombstones;
    for (const auto& [name, entry] : entries_) {
        if (entry.is_tombstone()) {
            if (now >= *entry.row.expired_at + tombstone_ttl_.count())
                due.forgotten.push_back(entry.row);
            else
                tombstones.emplace_back(*entry.row.expired_at, &entry.row);
        } else if (has_expired(entry)) {
            due.expired.push_back(entry.row);
            due.expired.back().expired_at = now;
        } else if (entry.row.used_at - entry.written >= unwritten().count()) {
            due.used.push_back(entry.row);
        }
    }
    if (tombstones.size() > max_tombstones_) {
        std::ranges::sort(tombstones);
        for (std::size_t i = 0; i < tombstones.size() - max_tombstones_; ++i)
            due.forgotten.push_back(*tombstones[i].second);
    }
    return due;
}

void KnownKeys::count(KeyStore::Usage& usage) const {
    const std::scoped_lock lock(mutex_);
    for (const auto& [name, entry] : entries_) ++(entry.is_tombstone() ? usage.tombstones : usage.keys);
}

}  // namespace einfer::keystore
