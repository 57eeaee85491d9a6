#include "jobs/sqlite_schema.h"

#include <iterator>
#include <span>

namespace einfer::jobs {
namespace {

// Large pages mean fewer frames in the log for inputs of megabytes, small ones fewer bytes for what every commit
// touches. Measured with 16 KiB, 8 KiB, 4 KiB: a job of 20 kB takes 0.30, 0.26, 0.23 ms, one of 2 MB 3.8, 4.3, 5.4 ms.
// Both lines act on an empty file only.
constexpr const char* file_format = R"sql(
    PRAGMA page_size = 8192;
    PRAGMA auto_vacuum = INCREMENTAL;
)sql";

// The log is folded by the store itself, whose hook replaces SQLite's own automatic checkpoints (setting
// wal_autocheckpoint here would undo that); after a large transaction it is cut back to 64 MiB.
// secure_delete FAST: Debian's build overwrites what it deletes, which doubles the writes of every job; what is stored
// here is encrypted under the client's key.
constexpr const char* writer_settings = R"sql(
    PRAGMA synchronous = FULL;
    PRAGMA foreign_keys = ON;
    PRAGMA journal_size_limit = 67108864;
    PRAGMA cache_size = -16384;
    PRAGMA temp_store = MEMORY;
    PRAGMA secure_delete = FAST;
    PRAGMA cell_size_check = ON;
)sql";

constexpr const char* reader_settings = R"sql(
    PRAGMA query_only = ON;
    PRAGMA cache_size = -4096;
    PRAGMA temp_store = MEMORY;
    PRAGMA cell_size_check = ON;
)sql";

// `seq` is the order of acceptance. Bytes live apart from what polling reads, and each in the last column of its table.
constexpr const char* version_1 = R"sql(
    CREATE TABLE jobs(
        seq            INTEGER PRIMARY KEY,
        id             TEXT    NOT NULL UNIQUE,
        tenant         TEXT    NOT NULL,
        model_id       TEXT    NOT NULL,
        model_version  TEXT    NOT NULL,
        encoding       TEXT    NOT NULL,
        request_digest TEXT    NOT NULL,
        batch_size     INTEGER NOT NULL,
        seal_minor     INTEGER NOT NULL,
        state          INTEGER NOT NULL CHECK (state BETWEEN 0 AND 4),
        attempt        INTEGER NOT NULL,
        created_at     INTEGER NOT NULL,
        started_at     INTEGER,
        finished_at    INTEGER,
        error_code     TEXT,
        error_message  TEXT,
        error_details  BLOB,
        error_bound    REAL
    ) STRICT;
    CREATE TABLE job_inputs(
        job   INTEGER PRIMARY KEY REFERENCES jobs(seq) ON DELETE CASCADE,
        bytes BLOB NOT NULL
    ) STRICT;
    CREATE TABLE job_results(
        job   INTEGER PRIMARY KEY REFERENCES jobs(seq) ON DELETE CASCADE,
        bytes BLOB NOT NULL
    ) STRICT;
    CREATE INDEX jobs_unfinished ON jobs(seq) WHERE state IN (0, 1);
    CREATE INDEX jobs_finished ON jobs(finished_at) WHERE state IN (2, 3);
    CREATE INDEX jobs_expired ON jobs(finished_at) WHERE state = 4;
)sql";

// `stored_bytes` is the size of the job's row in job_inputs, or what its result will take if that is more, then of that
// in job_results. A checksum is NULL where there is nothing to check, or where version 1 wrote the row.
constexpr const char* version_2 = R"sql(
    ALTER TABLE jobs ADD COLUMN idempotency_key TEXT;
    ALTER TABLE jobs ADD COLUMN stored_bytes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN request_checksum INTEGER;
    ALTER TABLE jobs ADD COLUMN input_checksum INTEGER;
    ALTER TABLE jobs ADD COLUMN outcome_checksum INTEGER;
    CREATE UNIQUE INDEX jobs_keys ON jobs(tenant, idempotency_key) WHERE idempotency_key IS NOT NULL;
    UPDATE jobs SET stored_bytes = coalesce((SELECT length(bytes) FROM job_inputs WHERE job = seq), 0)
                                 + coalesce((SELECT length(bytes) FROM job_results WHERE job = seq), 0)
        WHERE state IN (0, 1, 2, 3);
)sql";

// Stores of version 2 kept sums over `stored_bytes` on disk.
constexpr const char* version_3 = R"sql(
    ALTER TABLE jobs ADD COLUMN evaluation_key_id TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN result_format     TEXT NOT NULL DEFAULT 'seal';
    DROP TRIGGER IF EXISTS jobs_inserted;
    DROP TRIGGER IF EXISTS jobs_updated;
    DROP TRIGGER IF EXISTS jobs_deleted;
    DROP TABLE IF EXISTS tenants;
    DROP TABLE IF EXISTS all_tenants;
)sql";

constexpr const char* versions[] = {version_1, version_2, version_3};
static_assert(std::size(versions) == schema_version);

// The sums of `stored_bytes` live as long as the writing connection: in memory, rolled back with what they count, and
// no pages of every commit. Triggers keep them, so that no statement can forget to. Tombstones hold no bytes: only what
// the partial indexes know is counted, however many tombstones there are.
constexpr const char* sums_of_stored_bytes = R"sql(
    CREATE TEMP TABLE tenants(
        tenant       TEXT PRIMARY KEY,
        stored_bytes INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TEMP TABLE all_tenants(stored_bytes INTEGER NOT NULL) STRICT;
    INSERT INTO temp.tenants
        SELECT tenant, sum(stored_bytes)
        FROM (SELECT tenant, stored_bytes FROM main.jobs WHERE state IN (0, 1)
              UNION ALL SELECT tenant, stored_bytes FROM main.jobs WHERE state IN (2, 3))
        GROUP BY tenant HAVING sum(stored_bytes) <> 0;
    INSERT INTO temp.all_tenants SELECT coalesce(sum(stored_bytes), 0) FROM temp.tenants;
    CREATE TEMP TRIGGER jobs_inserted AFTER INSERT ON main.jobs WHEN NEW.stored_bytes <> 0 BEGIN
        INSERT INTO tenants VALUES(NEW.tenant, NEW.stored_bytes)
            ON CONFLICT(tenant) DO UPDATE SET stored_bytes = stored_bytes + excluded.stored_bytes;
        UPDATE all_tenants SET stored_bytes = stored_bytes + NEW.stored_bytes;
    END;
    CREATE TEMP TRIGGER jobs_updated AFTER UPDATE OF stored_bytes ON main.jobs
    WHEN NEW.stored_bytes <> OLD.stored_bytes BEGIN
        INSERT INTO tenants VALUES(NEW.tenant, NEW.stored_bytes - OLD.stored_bytes)
            ON CONFLICT(tenant) DO UPDATE SET stored_bytes = stored_bytes + excluded.stored_bytes;
        DELETE FROM tenants WHERE tenant = NEW.tenant AND stored_bytes = 0;
        UPDATE all_tenants SET stored_bytes = stored_bytes + NEW.stored_bytes - OLD.stored_bytes;
    END;
    CREATE TEMP TRIGGER jobs_deleted AFTER DELETE ON main.jobs WHEN OLD.stored_bytes <> 0 BEGIN
        UPDATE tenants SET stored_bytes = stored_bytes - OLD.stored_bytes WHERE tenant = OLD.tenant;
        DELETE FROM tenants WHERE tenant = OLD.tenant AND stored_bytes = 0;
        UPDATE all_tenants SET stored_bytes = stored_bytes - OLD.stored_bytes;
    END;
)sql";

}  // namespace

Result<void> prepare_writer(SqliteConnection& connection) {
    sqlite3_busy_timeout(connection.handle(), busy_timeout_ms);
    const std::int64_t version = connection.integer("PRAGMA user_version");
    if (version < 0 || version > schema_version)
        return Error{ErrorCode::Internal, "the job database was written by a newer version of the server (schema " +
                                              std::to_string(version) + ", this one knows " +
                                              std::to_string(schema_version) + ")"};
    if (version == 0 && connection.integer("SELECT count(*) FROM sqlite_schema") != 0)
        return Error{ErrorCode::Internal, "the job database's file holds something else"};

    if (version == 0) connection.execute(file_format);
    if (connection.text("PRAGMA journal_mode = WAL") != "wal")
        return Error{ErrorCode::Internal, "the data directory's file system does not support a write-ahead log"};
    connection.execute(writer_settings);

    if (version < schema_version) {
        Transaction transaction(connection);
        for (const char* step : std::span(versions).subspan(static_cast<std::size_t>(version)))
            connection.execute(step);
        connection.execute(("PRAGMA user_version = " + std::to_string(schema_version)).c_str());
        transaction.commit();
    }
    connection.execute(sums_of_stored_bytes);
    return {};
}

void prepare_reader(SqliteConnection& connection) {
    sqlite3_busy_timeout(connection.handle(), busy_timeout_ms);
    connection.execute(reader_settings);
}

}  // namespace einfer::jobs
