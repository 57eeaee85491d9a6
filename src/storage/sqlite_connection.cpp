#include "storage/sqlite_connection.h"

#include <new>

namespace einfer::storage {

SqliteConnection::SqliteConnection(const std::filesystem::path& file) {
    const int code = sqlite3_open_v2(file.c_str(), &handle_,
                                     SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, nullptr);
    if (code != SQLITE_OK) {
        // The handle holds the error text, and has to be closed although opening failed.
        SqliteFailure failure{code, handle_ != nullptr ? sqlite3_errmsg(handle_) : "out of memory"};
        sqlite3_close_v2(handle_);
        throw failure;
    }
}

// Statements are declared after their connection, so none is left here.
SqliteConnection::~SqliteConnection() { sqlite3_close_v2(handle_); }

void SqliteConnection::fail(int code) const { throw SqliteFailure{code, sqlite3_errmsg(handle_)}; }

void SqliteConnection::execute(const char* sql) {
    if (const int code = sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr); code != SQLITE_OK) fail(code);
}

std::int64_t SqliteConnection::integer(const char* sql) {
    SqliteStatement statement(*this, sql);
    Query query(statement);
    return query.row() ? query.integer(0) : 0;
}

std::string SqliteConnection::text(const char* sql) {
    SqliteStatement statement(*this, sql);
    Query query(statement);
    return query.row() ? std::string(query.text(0)) : std::string();
}

std::size_t SqliteConnection::max_value_bytes() const {
    return static_cast<std::size_t>(sqlite3_limit(handle_, SQLITE_LIMIT_LENGTH, -1));
}

SqliteStatement::SqliteStatement(SqliteConnection& connection, std::string_view sql) : connection_(connection) {
    const int code = sqlite3_prepare_v3(connection.handle(), sql.data(), static_cast<int>(sql.size()),
                                        SQLITE_PREPARE_PERSISTENT, &handle_, nullptr);
    if (code != SQLITE_OK) connection.fail(code);
}

void Query::check(int code) const {
    if (code != SQLITE_OK) statement_.connection_.fail(code);
}

void Query::bind(int index, std::nullptr_t) { check(sqlite3_bind_null(statement_.handle_, index)); }

void Query::bind(int index, double value) { check(sqlite3_bind_double(statement_.handle_, index, value)); }

void Query::bind_integer(int index, std::int64_t value) { check(sqlite3_bind_int64(statement_.handle_, index, value)); }

// A null pointer would bind SQL's NULL, which an empty value is not: hence the "".
void Query::bind(int index, std::string_view value) {
    check(sqlite3_bind_text64(statement_.handle_, index, value.empty() ? "" : value.data(), value.size(), SQLITE_STATIC,
                              SQLITE_UTF8));
}

void Query::bind(int index, std::span<const std::uint8_t> value) {
    const void* data = value.empty() ? static_cast<const void*>("") : value.data();
    check(sqlite3_bind_blob64(statement_.handle_, index, data, value.size(), SQLITE_STATIC));
}

bool Query::row() {
    const int code = sqlite3_step(statement_.handle_);
    if (code == SQLITE_ROW) return true;
    if (code == SQLITE_DONE) return false;
    statement_.connection_.fail(code);
}

bool Query::is_null(int column) const { return sqlite3_column_type(statement_.handle_, column) == SQLITE_NULL; }

std::int64_t Query::integer(int column) const { return sqlite3_column_int64(statement_.handle_, column); }

double Query::real(int column) const { return sqlite3_column_double(statement_.handle_, column); }

std::string_view Query::text(int column) {
    const auto* data =
        static_cast<const char*>(static_cast<const void*>(sqlite3_column_text(statement_.handle_, column)));
    if (data == nullptr) {
        if (!is_null(column)) throw std::bad_alloc();
        return {};
    }
    return {data, static_cast<std::size_t>(sqlite3_column_bytes(statement_.handle_, column))};
}

std::span<const std::uint8_t> Query::blob(int column) {
    const auto* data = static_cast<const std::uint8_t*>(sqlite3_column_blob(statement_.handle_, column));
    const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement_.handle_, column));
    // SQLite answers null for an empty blob, and also when it finds no memory.
    if (data == nullptr && sqlite3_errcode(statement_.connection_.handle()) == SQLITE_NOMEM) throw std::bad_alloc();
    return {data, data == nullptr ? 0 : size};
}

// Its code repeats the error of the last step, which has been thrown already.
void Query::reset() {
    sqlite3_reset(statement_.handle_);
    sqlite3_clear_bindings(statement_.handle_);
}

// IMMEDIATE: the write lock is taken here, not at the first write, so nothing is read that a writer could change.
Transaction::Transaction(SqliteConnection& connection) : connection_(connection) {
    // A ROLLBACK for which there was no memory has left the last one open.
    if (connection_.in_transaction()) connection_.execute("ROLLBACK");
    connection_.execute("BEGIN IMMEDIATE");
}

Transaction::~Transaction() {
    // A full disk makes SQLite roll back by itself; then there is nothing left to do. A ROLLBACK that fails is tried
    // again before the next BEGIN.
    if (connection_.in_transaction()) sqlite3_exec(connection_.handle(), "ROLLBACK", nullptr, nullptr, nullptr);
}

void Transaction::commit() { connection_.execute("COMMIT"); }

}  // namespace einfer::storage
