// Clients' evaluation keys on disk: by tenant and content, within quotas, for as long as they are used.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "wire/key_file.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace einfer::keystore {

struct StoreOptions {
    std::uint64_t max_bytes = 0;  ///< of all tenants' files, and what is on its way in; 0: no limit
    /// Since the last use; then they are KEY_EXPIRED. By the wall clock.
    std::chrono::milliseconds ttl{24 * 3600'000};
    std::chrono::milliseconds tombstone_ttl{24 * 3600'000};  ///< since they expired; then they are UNKNOWN_KEY
    std::size_t max_tombstones = 65536;                      ///< the oldest are forgotten first
    /// Is told what went wrong with the disk: for the operator's log, never for a reply. From any thread; quick.
    std::function<void(std::string_view)> report{};
};

/// What one tenant may keep. 0: no limit.
struct Quota {
    std::size_t max_keys = 0;
    std::uint64_t max_bytes = 0;  ///< of its files; and once more while they arrive
};

struct KeyInfo {
    std::string id;                                     ///< SHA-256 over the key file, 64 hex digits
    std::uint64_t bytes = 0;                            ///< of the key file
    UnixMillis expires_at = 0;                          ///< unless they are used
    std::shared_ptr<const wire::KeyFileHeader> header;  ///< what they are for
};

struct Stored {
    KeyInfo key;
    bool added = false;  ///< false: the tenant had them already
};

/// 64 lower-case hex digits; everything else cannot name keys.
[[nodiscard]] bool is_key_id(std::string_view text);

/// A key file on its way in: what arrives is on disk under a temporary name, and gone with this object. One thread at a
/// time; outlived by its store.
class Upload {
public:
    virtual ~Upload() = default;

    /// Of the key file. OVERLOADED when the disk is full or failing or the store has its bytes, RATE_LIMITED when the
    /// tenant has as many on their way in as it may keep. Afterwards the upload is good for nothing.
    [[nodiscard]] virtual wire::MaybeFault append(std::span<const std::uint8_t> bytes) = 0;

    static constexpr std::size_t places = 2;
    /// Keeps bytes that cannot be parsed yet in one of the places, encrypted under a key that is nowhere but in memory.
    /// They count as those of append() do.
    [[nodiscard]] virtual wire::MaybeFault hold(std::size_t place, std::span<const std::uint8_t> bytes) = 0;
    /// All that is held there, in order; then nothing is.
    [[nodiscard]] virtual wire::MaybeFault replay(
        std::size_t place, const std::function<void(std::span<const std::uint8_t>)>& consume) = 0;
};

/// An opened key file, for one reading from its beginning to its end. It can be read to its end even when the keys are
/// erased meanwhile.
class Reading {
public:
    virtual ~Reading() = default;
    [[nodiscard]] virtual std::uint64_t bytes() const = 0;
    [[nodiscard]] virtual bool read(std::span<std::uint8_t> bytes) = 0;
    /// Whether all has been read, and is what was stored; call once. UNKNOWN_KEY when the file is damaged, OVERLOADED
    /// when the disk could not be read, which may pass.
    [[nodiscard]] virtual Result<void> verdict() = 0;
};

/// One store, one process. Thread-safe. No call blocks on the disk but open(), begin(), open_keys(), discard(),
/// look_after() and stop(), and an Upload's own.
///
/// A tenant sees its own keys only: others' are UNKNOWN_KEY, found and refused in the same way as those that nobody
/// has. Nothing is shared between tenants, so nobody learns from bytes, quotas or times that another one has the same
/// keys.
class KeyStore {
public:
    /// Opens or makes `directory`, as storage::DataDirectory does, with its index, and deletes what an upload that was
    /// cut off has left. INTERNAL, with a message for the operator.
    static Result<std::unique_ptr<KeyStore>> open(const std::filesystem::path& directory, StoreOptions options,
                                                  Clock clock);
    ~KeyStore();  ///< as stop()

    [[nodiscard]] Result<std::unique_ptr<Upload>> begin(std::string tenant, Quota quota);

    /// Keeps what was uploaded, a whole file of this header, and of the same store. `done` is called once, on the
    /// store's thread, after the keys are on disk, or with RATE_LIMITED (the tenant's quota), OVERLOADED or
    /// SHUTTING_DOWN; then nothing is left of the upload, and what was there is as it was. Keys that the tenant has
    /// already are used, not stored again.
    ///
    /// `done` is quick. It may throw when there is no memory to tell anybody; then it is called again, once, with
    /// OVERLOADED, which takes no memory to make. What was kept stays.
    void store(std::unique_ptr<Upload> upload, std::shared_ptr<const wire::KeyFileHeader> header,
               std::function<void(Result<Stored>)> done);

    /// UNKNOWN_KEY, also for another tenant's, or KEY_EXPIRED.
    [[nodiscard]] Result<KeyInfo> find(std::string_view id, std::string_view tenant) const;
    /// The same, and they are used now.
    [[nodiscard]] Result<KeyInfo> use(std::string_view id, std::string_view tenant);

    /// As find(), and for a file that is gone. OVERLOADED when it cannot be opened now.
    [[nodiscard]] Result<std::unique_ptr<Reading>> open_keys(std::string_view id, std::string_view tenant);
    /// What was read is damaged: forgets the keys, so that their owner sends them again.
    void discard(std::string_view id, std::string_view tenant);

    /// Forgets the tenant's keys, or that they have expired. `done` as for store(); UNKNOWN_KEY.
    void erase(std::string id, std::string tenant, std::function<void(Result<void>)> done);

    struct Usage {
        std::size_t keys = 0;
        std::uint64_t bytes = 0;
        std::uint64_t arriving = 0;  ///< bytes of uploads
        std::size_t tombstones = 0;
    };
    [[nodiscard]] Usage usage() const;

    /// Deletes what has expired and writes down what was used. To be called now and then.
    void look_after();

    /// Ends what has begun; new work is SHUTTING_DOWN. Idempotent. find() and open_keys() go on working.
    void stop();

private:
    class Impl;
    explicit KeyStore(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

}  // namespace einfer::keystore
