// The SQLite of src/storage under the names that src/jobs has for it. Private to src/jobs.
#pragma once

#include "storage/sqlite_connection.h"

namespace einfer::jobs {

using storage::Query;
using storage::SqliteConnection;
using storage::SqliteFailure;
using storage::SqliteStatement;
using storage::Transaction;

}  // namespace einfer::jobs
