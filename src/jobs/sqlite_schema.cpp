#include "jobs/sqlite_schema.h"

#include <iterator>
#include <span>

namespace einfer::jobs {
namespace {

// Inputs and results are megabytes: large pages mean fewer frames in the log, and short overflow chains. Both lines
// act on an empty file only.
constexpr const char* file_format = R"sql(
    PRAGMA page_size = 16384;
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
// in job_results; the triggers keep the sums over it, so that no statement can forget to. A checksum is NULL where
// there is nothing to check, or where version 1 wrote the row.
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

    CREATE TABLE tenants(
        tenant       TEXT PRIMARY KEY,
        stored_bytes INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE all_tenants(
        row          INTEGER PRIMARY KEY CHECK (row = 1),
        stored_bytes INTEGER NOT NULL
    ) STRICT;
    INSERT INTO all_tenants VALUES(1, 0);
    CREATE TRIGGER jobs_inserted AFTER INSERT ON jobs WHEN NEW.stored_bytes <> 0 BEGIN
        INSERT INTO tenants VALUES(NEW.tenant, NEW.stored_bytes)
            ON CONFLICT(tenant) DO UPDATE SET stored_bytes = stored_bytes + excluded.stored_bytes;
        UPDATE all_tenants SET stored_bytes = stored_bytes + NEW.stored_bytes;
    END;
    CREATE TRIGGER jobs_updated AFTER UPDATE OF stored_bytes ON jobs WHEN NEW.stored_bytes <> OLD.stored_bytes BEGIN
        INSERT INTO tenants VALUES(NEW.tenant, NEW.stored_bytes - OLD.stored_bytes)
            ON CONFLICT(tenant) DO UPDATE SET stored_bytes = stored_bytes + excluded.stored_bytes;
        DELETE FROM tenants WHERE tenant = NEW.tenant AND stored_bytes = 0;
        UPDATE all_tenants SET stored_bytes = stored_bytes + NEW.stored_bytes - OLD.stored_bytes;
    END;
    CREATE TRIGGER jobs_deleted AFTER DELETE ON jobs WHEN OLD.stored_bytes <> 0 BEGIN
        UPDATE tenants SET stored_bytes = stored_bytes - OLD.stored_bytes WHERE tenant = OLD.tenant;
        DELETE FROM tenants WHERE tenant = OLD.tenant AND stored_bytes = 0;
        UPDATE all_tenants SET stored_bytes = stored_bytes - OLD.stored_bytes;
    END;
)sql";

constexpr const char* version_3 = R"sql(
    ALTER TABLE jobs ADD COLUMN evaluation_key_id TEXT NOT NULL DEFAULT '';
    ALTER TABLE jobs ADD COLUMN result_format     TEXT NOT NULL DEFAULT 'seal';
)sql";

constexpr const char* versions[] = {version_1, version_2, version_3};
static_assert(std::size(versions) == schema_version);

// Tombstones hold no bytes: only what the partial indexes know is counted, however many tombstones there are.
constexpr const char* true_sums = R"sql(
    CREATE TEMP VIEW true_sums AS
        SELECT tenant, sum(stored_bytes) AS stored_bytes
        FROM (SELECT tenant, stored_bytes FROM main.jobs WHERE state IN (0, 1)
              UNION ALL SELECT tenant, stored_bytes FROM main.jobs WHERE state IN (2, 3))
        GROUP BY tenant HAVING sum(stored_bytes) <> 0
)sql";

constexpr const char* sums_differ = R"sql(
    SELECT EXISTS(SELECT * FROM true_sums EXCEPT SELECT * FROM tenants)
        OR EXISTS(SELECT * FROM tenants EXCEPT SELECT * FROM true_sums)
        OR (SELECT coalesce(sum(stored_bytes), 0) FROM tenants) IS NOT (SELECT stored_bytes FROM all_tenants)
)sql";

constexpr const char* recount = R"sql(
    DELETE FROM main.tenants;
    INSERT INTO main.tenants SELECT * FROM true_sums;
    REPLACE INTO main.all_tenants SELECT 1, coalesce(sum(stored_bytes), 0) FROM main.tenants
)sql";

// A full disk must not keep the server from starting: nothing is written unless something is wrong.
void count_stored_bytes(SqliteConnection& connection) {
    connection.execute(true_sums);
    if (connection.integer(sums_differ) != 0) {
        Transaction transaction(connection);
        connection.execute(recount);
        transaction.commit();
    }
    connection.execute("DROP VIEW temp.true_sums");
}

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
    count_stored_bytes(connection);
    return {};
}

void prepare_reader(SqliteConnection& connection) {
    sqlite3_busy_timeout(connection.handle(), busy_timeout_ms);
    connection.execute(reader_settings);
}

}  // namespace einfer::jobs
