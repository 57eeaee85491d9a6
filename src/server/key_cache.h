// Evaluation keys in memory, for as long as there is room and use for them.
#pragma once

#include "base/error.h"
#include "he/evaluation_keys.h"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>

namespace einfer::server {

/// Thread-safe. Keys that evaluations use stay; of the others the one that was used least recently goes first.
class KeyCache {
public:
    using Clock = std::chrono::steady_clock;
    using Keys = std::shared_ptr<const he::EvaluationKeys>;
    using Load = std::function<Result<he::EvaluationKeys>()>;

private:
    struct Entry;

public:
    /// Keys in use, by one evaluation. Outlived by the cache.
    class Lease {
    public:
        Lease(KeyCache& cache, std::shared_ptr<Entry> entry) : cache_(&cache), entry_(std::move(entry)) {}
        Lease(Lease&&) noexcept = default;
        Lease& operator=(Lease&&) = delete;
        ~Lease();
        [[nodiscard]] const he::EvaluationKeys& operator*() const;

    private:
        KeyCache* cache_;
        std::shared_ptr<Entry> entry_;
    };

    /// `max_bytes`: of all keys in memory, those in use and those being loaded included. Larger keys than that are
    /// loaded when there are no others.
    explicit KeyCache(std::size_t max_bytes) : max_bytes_(max_bytes) {}

    /// The keys of that name. `load` is called when they are not there, by one thread at a time for a name, while
    /// others that want them wait; its error, and its exception, is the caller's whose call it was, and the others try
    /// themselves. Waits for room, and callers are served in the order in which they came, so that large keys get their
    /// turn as well: a caller holds no other lease.
    [[nodiscard]] Result<Lease> get(const std::string& name, std::size_t bytes, const Load& load);

    /// The keys of that name are not to be used again; evaluations that have them go on.
    void drop(const std::string& name);
    /// Frees what nobody has used since then.
    void drop_unused_since(Clock::time_point time);

    [[nodiscard]] std::size_t bytes() const;

private:
    struct Entry {
        Keys keys{};  ///< null while they are loaded
        std::size_t bytes = 0;
        std::size_t users = 0;
        bool dropped = false;
        Clock::time_point used_at{};
    };
    struct Turn;
    using Entries = std::map<std::string, std::shared_ptr<Entry>>;

    [[nodiscard]] bool make_room(std::size_t bytes);
    void free(Entries::iterator entry);
    void release(Entry& entry);

    const std::size_t max_bytes_;
    mutable std::mutex mutex_;
    std::condition_variable changed_;
    std::uint64_t next_ticket_ = 0, turn_ = 0;
    Entries entries_;
    std::size_t bytes_ = 0;  ///< of entries, and of dropped ones that are still in use
};

}  // namespace einfer::server
