#include "jobs/sqlite_schema.h"

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
)sql";

constexpr const char* reader_settings = R"sql(
    PRAGMA query_only = ON;
    PRAGMA cache_size = -4096;
    PRAGMA temp_store = MEMORY;
)sql";

// `seq` is the order of acceptance. Bytes live apart from what polling reads, and each in the last column of its table.
constexpr const char* tables = R"sql(
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

    if (version == 0) {
        Transaction transaction(connection);
        connection.execute(tables);
        connection.execute(("PRAGMA user_version = " + std::to_string(schema_version)).c_str());
        transaction.commit();
    }
    return {};
}

void prepare_reader(SqliteConnection& connection) {
    sqlite3_busy_timeout(connection.handle(), busy_timeout_ms);
    connection.execute(reader_settings);
}

}  // namespace einfer::jobs
