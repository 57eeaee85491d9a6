// Which tenant has which keys in which file: a SQLite database. What a call has written survives kill -9 and power
// loss. One thread at a time. Private to src/keystore.
#pragma once

#include "base/clock.h"
#include "base/error.h"
#include "storage/sqlite_connection.h"
#include "wire/key_file.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace einfer::keystore {

/// One tenant's keys, or their tombstone.
struct IndexRow {
    std::string tenant;
    std::string id;
    std::string file;         ///< its name; empty: a tombstone
    std::uint64_t bytes = 0;  ///< of the file
    UnixMillis used_at = 0;
    std::optional<UnixMillis> expired_at;
    std::shared_ptr<const wire::KeyFileHeader> header;  ///< null for a tombstone
};

class KeyIndex {
public:
    /// Opens or makes the tables in `file`. INTERNAL, with a message for the operator.
    static Result<std::unique_ptr<KeyIndex>> open(const std::filesystem::path& file);

    /// All rows. A row whose header is none is left out, and so deleted with the next start's orphans.
    [[nodiscard]] Result<std::vector<IndexRow>> rows();

    // OVERLOADED when the disk is full or failing; then nothing was written.
    [[nodiscard]] Result<void> put(const IndexRow& row);  ///< in place of the tenant's row of that id
    [[nodiscard]] Result<void> remove(std::span<const IndexRow> rows);
    [[nodiscard]] Result<void> bury(std::span<const IndexRow> rows);   ///< makes tombstones of them
    [[nodiscard]] Result<void> touch(std::span<const IndexRow> rows);  ///< writes their used_at

    /// What SQLite said last.
    [[nodiscard]] const std::string& diagnostic() const { return diagnostic_; }

private:
    explicit KeyIndex(const std::filesystem::path& file) : connection_(file) {}
    void make_tables();
    /// Runs `act` in a transaction.
    [[nodiscard]] Result<void> transact(const std::function<void()>& act);

    storage::SqliteConnection connection_;
    struct Statements;
    std::shared_ptr<Statements> statements_;
    std::string diagnostic_;
};

}  // namespace einfer::keystore
