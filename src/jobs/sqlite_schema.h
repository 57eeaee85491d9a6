// The job database's tables, their version, and how a connection to it is set up. Private to src/jobs.
#pragma once

#include "base/error.h"
#include "jobs/sqlite_connection.h"

namespace einfer::jobs {

/// `PRAGMA user_version`. Raised with every change of the tables. Version 2: idempotency keys, stored bytes, checksums.
/// Version 3: evaluation keys, formats of results; sums of stored bytes are no longer on disk.
inline constexpr int schema_version = 3;

/// How long a write waits for another process that holds the database, a backup for one.
inline constexpr int busy_timeout_ms = 2000;

/// The log is folded into the database file when it has so many pages and no write waits: 16 MiB, half a dozen jobs,
/// not every second job as SQLite's default of 1000 small pages would have it.
inline constexpr int log_pages_to_fold = 2048;

/// A log of so many pages, 32 MiB, is folded within the next write, which has to wait for it.
inline constexpr int most_log_pages = 2 * log_pages_to_fold;

/// Pages the file may keep free for the next inputs before expiry gives space back to the file system.
inline constexpr std::int64_t kept_free_pages = 2048;

/// Sets the writing connection up for durable writes, makes the tables in an empty file, and brings those of an older
/// version up to date, all in one transaction. Counts the stored bytes anew. INTERNAL when the file was written by a
/// newer schema, or is somebody else's.
Result<void> prepare_writer(SqliteConnection& connection);

/// Sets up a connection that only reads.
void prepare_reader(SqliteConnection& connection);

}  // namespace einfer::jobs
