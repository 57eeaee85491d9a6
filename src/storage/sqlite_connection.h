// A thin RAII over the SQLite C API: connection, prepared statement, one use of a statement, transaction.
#pragma once

#include <sqlite3.h>

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace einfer::storage {

/// What SQLite said. Thrown by everything in this file, and caught where a store makes a Result of it: its text is for
/// the operator's log, never for a reply.
struct SqliteFailure {
    int code;  ///< extended result code
    std::string text;
};

/// A connection without SQLite's own mutex: whoever owns it sees to it that one thread at a time uses it.
class SqliteConnection {
public:
    /// Opens an existing file for reading and writing. `file` is absolute.
    explicit SqliteConnection(const std::filesystem::path& file);
    ~SqliteConnection();
    SqliteConnection(const SqliteConnection&) = delete;
    SqliteConnection& operator=(const SqliteConnection&) = delete;

    /// Runs one or more statements to their ends, rows ignored.
    void execute(const char* sql);
    /// The first column of the first row of `sql`.
    [[nodiscard]] std::int64_t integer(const char* sql);
    [[nodiscard]] std::string text(const char* sql);

    [[nodiscard]] bool in_transaction() const { return sqlite3_get_autocommit(handle_) == 0; }
    [[nodiscard]] std::int64_t last_insert_rowid() const { return sqlite3_last_insert_rowid(handle_); }
    [[nodiscard]] int changes() const { return sqlite3_changes(handle_); }
    /// The largest value in bytes that a row may hold.
    [[nodiscard]] std::size_t max_value_bytes() const;

    /// Moves pages from the log to the database file; the result code, as a failure does no harm.
    [[nodiscard]] int checkpoint(int mode) const {
        return sqlite3_wal_checkpoint_v2(handle_, nullptr, mode, nullptr, nullptr);
    }

    [[noreturn]] void fail(int code) const;
    [[nodiscard]] sqlite3* handle() const { return handle_; }

private:
    sqlite3* handle_ = nullptr;
};

/// A statement prepared once and used many times, through Query.
class SqliteStatement {
public:
    SqliteStatement(SqliteConnection& connection, std::string_view sql);
    ~SqliteStatement() { sqlite3_finalize(handle_); }
    SqliteStatement(const SqliteStatement&) = delete;
    SqliteStatement& operator=(const SqliteStatement&) = delete;

private:
    friend class Query;
    SqliteConnection& connection_;
    sqlite3_stmt* handle_ = nullptr;
};

/// One use of a statement: binds on construction, resets on destruction. Text and blobs are bound without a copy, so
/// the arguments outlive the Query.
class Query {
public:
    template <class... Arguments>
    explicit Query(SqliteStatement& statement, const Arguments&... arguments) : statement_(statement) {
        try {
            int index = 0;
            (bind(++index, arguments), ...);
        } catch (...) {
            reset();
            throw;
        }
    }
    ~Query() { reset(); }
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    /// Moves to the next row; false when there is none.
    bool row();
    /// Runs a statement that returns no rows.
    void run() {
        while (row()) {
        }
    }

    [[nodiscard]] bool is_null(int column) const;
    [[nodiscard]] std::int64_t integer(int column) const;
    [[nodiscard]] double real(int column) const;
    /// Valid until the next row().
    [[nodiscard]] std::string_view text(int column);
    /// Valid until the next row().
    [[nodiscard]] std::span<const std::uint8_t> blob(int column);

private:
    void bind(int index, std::nullptr_t);
    void bind(int index, double value);
    void bind(int index, std::string_view value);
    void bind(int index, std::span<const std::uint8_t> value);
    void bind_integer(int index, std::int64_t value);
    void bind(int index, std::integral auto value) { bind_integer(index, static_cast<std::int64_t>(value)); }
    void check(int code) const;
    void reset();

    SqliteStatement& statement_;
};

/// A write transaction: rolled back unless committed.
class Transaction {
public:
    explicit Transaction(SqliteConnection& connection);
    ~Transaction();
    Transaction(const Transaction&) = delete;
    Transaction& operator=(const Transaction&) = delete;
    void commit();

private:
    SqliteConnection& connection_;
};

}  // namespace einfer::storage
