// The SQL of the job store. Private to src/jobs.
#pragma once

#include "jobs/sqlite_connection.h"

namespace einfer::jobs {

struct WriteStatements {
    explicit WriteStatements(SqliteConnection& c);
    SqliteStatement insert_job;       ///< an unfinished one
    SqliteStatement insert_finished;  ///< without its result
    SqliteStatement insert_inputs, insert_result, delete_inputs;
    SqliteStatement by_key;        ///< (tenant, idempotency key) → job_columns
    SqliteStatement stored_bytes;  ///< tenant → its stored bytes
    SqliteStatement all_stored_bytes;
    SqliteStatement position;  ///< id → seq, id, state, attempt, started_at
    SqliteStatement owned;     ///< (id, tenant) → seq, id, tenant, state
    SqliteStatement claim, finish;
    SqliteStatement delete_result, erase;
    SqliteStatement drop_results, bury, forget;  ///< (finished before, at most)
};

struct ReadStatements {
    explicit ReadStatements(SqliteConnection& c);
    SqliteStatement find;        ///< (id, tenant) → job_columns, result
    SqliteStatement load;        ///< id → job_columns
    SqliteStatement inputs;      ///< id → input_checksum, bytes
    SqliteStatement unfinished;  ///< → id, tenant, attempt, bytes of the inputs
};

}  // namespace einfer::jobs
