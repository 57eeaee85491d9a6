#include "server/key_cache.h"

#include <algorithm>

namespace einfer::server {

KeyCache::Lease::~Lease() {
    if (entry_) cache_->release(*entry_);
}

const he::EvaluationKeys& KeyCache::Lease::operator*() const { return *entry_->keys; }

/// Who is served, until he has what he wants: under the lock, which is given up while he waits for room.
struct KeyCache::Turn {
    KeyCache& cache;
    ~Turn() {
        ++cache.turn_;
        cache.changed_.notify_all();
    }
};

Result<KeyCache::Lease> KeyCache::get(const std::string& name, std::size_t bytes, const Load& load) {
    std::shared_ptr<Entry> entry;
    {
        std::unique_lock lock(mutex_);
        const std::uint64_t ticket = next_ticket_++;
        changed_.wait(lock, [&] { return ticket == turn_; });
        const Turn turn{*this};
        while (true) {
            const auto found = entries_.find(name);
            if (found != entries_.end() && found->second->keys) {
                entry = found->second;
                ++entry->users;
                entry->used_at = Clock::now();
                return Lease(*this, std::move(entry));
            }
            if (found == entries_.end() && make_room(bytes)) break;
            changed_.wait(lock);
        }
        entry = std::make_shared<Entry>();
        entries_.emplace(name, entry);
        entry->bytes = bytes;
        entry->users = 1;
        bytes_ += bytes;
    }
    Lease lease(*this, entry);
    // Whatever becomes of the load, those that wait for it are told.
    struct Unfinished {
        KeyCache& cache;
        const std::string& name;
        const std::shared_ptr<Entry>& entry;
        ~Unfinished() {
            if (entry->keys) return;
            const std::scoped_lock lock(cache.mutex_);
            const auto found = cache.entries_.find(name);
            if (found != cache.entries_.end() && found->second == entry) cache.entries_.erase(found);
            entry->dropped = true;
        }
    };
    const Unfinished unfinished{*this, name, entry};
    auto loaded = load();
    if (!loaded) return loaded.error();
    auto keys = std::make_shared<const he::EvaluationKeys>(*std::move(loaded));
    {
        const std::scoped_lock lock(mutex_);
        entry->keys = std::move(keys);
        entry->used_at = Clock::now();
    }
    changed_.notify_all();
    return lease;
}

/// Under the lock. Frees what nobody uses until there is room for `bytes`; nothing when it cannot be enough.
bool KeyCache::make_room(std::size_t bytes) {
    std::size_t unused = 0;
    for (const auto& [name, entry] : entries_)
        if (entry->users == 0) unused += entry->bytes;
    const std::size_t in_use = bytes_ - unused;
    if (in_use > 0 && (in_use > max_bytes_ || bytes > max_bytes_ - in_use)) return false;
    while (bytes_ > in_use && (bytes_ > max_bytes_ || bytes > max_bytes_ - bytes_)) {
        auto oldest = entries_.end();
        for (auto each = entries_.begin(); each != entries_.end(); ++each)
            if (each->second->users == 0 &&
                (oldest == entries_.end() || each->second->used_at < oldest->second->used_at))
                oldest = each;
        free(oldest);
    }
    return true;
}

void KeyCache::free(Entries::iterator entry) {
    bytes_ -= entry->second->bytes;
    entries_.erase(entry);
}

void KeyCache::release(Entry& entry) {
    Keys last;  // freed outside of the lock: it may be hundreds of megabytes
    {
        const std::scoped_lock lock(mutex_);
        if (--entry.users == 0 && entry.dropped) {
            bytes_ -= entry.bytes;
            last = std::move(entry.keys);
        }
    }
    changed_.notify_all();
}

void KeyCache::drop(const std::string& name) {
    const std::scoped_lock lock(mutex_);
    const auto found = entries_.find(name);
    if (found == entries_.end() || !found->second->keys) return;  // who loads it finds out by itself
    if (found->second->users == 0) return free(found);
    found->second->dropped = true;
    entries_.erase(found);
}

void KeyCache::drop_unused_since(Clock::time_point time) {
    const std::scoped_lock lock(mutex_);
    for (auto each = entries_.begin(); each != entries_.end();) {
        const auto current = each++;
        if (current->second->users == 0 && current->second->used_at <= time) free(current);
    }
}

std::size_t KeyCache::bytes() const {
    const std::scoped_lock lock(mutex_);
    return bytes_;
}

}  // namespace einfer::server
