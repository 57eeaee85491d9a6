#include "keystore/key_index.h"

#include <algorithm>
#include <cstring>

namespace einfer::keystore {
namespace {

using storage::Query;
using storage::SqliteFailure;
using storage::SqliteStatement;
using storage::Transaction;

constexpr int schema_version = 1;
constexpr int busy_timeout_ms = 2000;

constexpr const char* settings = R"sql(
    PRAGMA synchronous = FULL;
    PRAGMA cache_size = -1024;
    PRAGMA temp_store = MEMORY;
    PRAGMA cell_size_check = ON;
)sql";

// `header` is the beginning of the key file, so that what keys are for is known without opening it.
constexpr const char* version_1 = R"sql(
    CREATE TABLE keys(
        tenant     TEXT    NOT NULL,
        id         TEXT    NOT NULL,
        file       TEXT    UNIQUE,
        bytes      INTEGER NOT NULL,
        used_at    INTEGER NOT NULL,
        expired_at INTEGER,
        header     BLOB,
        PRIMARY KEY(tenant, id),
        CHECK ((file IS NULL) = (expired_at IS NOT NULL) AND (file IS NULL) = (header IS NULL))
    ) STRICT, WITHOUT ROWID;
    PRAGMA user_version = 1;
)sql";

std::vector<std::uint8_t> header_bytes(const wire::KeyFileHeader& header) {
    std::vector<std::uint8_t> bytes;
    wire::KeyFileWriter writer(header, [&bytes](std::span<const std::uint8_t> some) -> wire::MaybeFault {
        bytes.insert(bytes.end(), some.begin(), some.end());
        return std::nullopt;
    });
    static_cast<void>(writer.begin());
    return bytes;
}

std::shared_ptr<const wire::KeyFileHeader> parse_header(std::span<const std::uint8_t> bytes, std::uint64_t file_bytes) {
    const auto reader = wire::KeyFileReader::open(file_bytes, [&bytes](std::span<std::uint8_t> to) {
        if (to.size() > bytes.size()) return false;
        std::copy_n(bytes.begin(), to.size(), to.begin());
        bytes = bytes.subspan(to.size());
        return true;
    });
    return reader ? std::make_shared<const wire::KeyFileHeader>(reader->header()) : nullptr;
}

Error opening_error(int code) {
    return {ErrorCode::Internal,
            "the index of evaluation keys cannot be read (SQLite result code " + std::to_string(code) +
                "): move the directory keys away to start without the keys in it; clients send them again"};
}

}  // namespace

struct KeyIndex::Statements {
    explicit Statements(storage::SqliteConnection& connection)
        : put(connection, "REPLACE INTO keys VALUES(?1, ?2, ?3, ?4, ?5, NULL, ?6)"),
          remove(connection, "DELETE FROM keys WHERE tenant = ?1 AND id = ?2"),
          bury(connection, "UPDATE keys SET file = NULL, header = NULL, expired_at = ?3 WHERE tenant = ?1 AND id = ?2"),
          touch(connection, "UPDATE keys SET used_at = ?3 WHERE tenant = ?1 AND id = ?2") {}
    SqliteStatement put, remove, bury, touch;
};

Result<std::unique_ptr<KeyIndex>> KeyIndex::open(const std::filesystem::path& file) try {
    std::unique_ptr<KeyIndex> index(new KeyIndex(file));
    sqlite3_busy_timeout(index->connection_.handle(), busy_timeout_ms);
    const std::int64_t version = index->connection_.integer("PRAGMA user_version");
    if (version < 0 || version > schema_version)
        return Error{ErrorCode::Internal, "the index of evaluation keys was written by a newer version of the server"};
    if (version == 0 && index->connection_.integer("SELECT count(*) FROM sqlite_schema") != 0)
        return Error{ErrorCode::Internal, "the file of the index of evaluation keys holds something else"};
    if (index->connection_.text("PRAGMA journal_mode = WAL") != "wal")
        return Error{ErrorCode::Internal, "the data directory's file system does not support a write-ahead log"};
    index->connection_.execute(settings);
    if (version == 0) {
        Transaction transaction(index->connection_);
        index->connection_.execute(version_1);
        transaction.commit();
    }
    index->statements_ = std::make_shared<Statements>(index->connection_);
    return index;
} catch (const SqliteFailure& failure) {
    return opening_error(failure.code);
}

Result<std::vector<IndexRow>> KeyIndex::rows() try {
    std::vector<IndexRow> rows;
    SqliteStatement statement(connection_, "SELECT tenant, id, file, bytes, used_at, expired_at, header FROM keys");
    Query query(statement);
    while (query.row()) {
        IndexRow row;
        row.tenant = query.text(0);
        row.id = query.text(1);
        row.file = query.text(2);
        row.bytes = static_cast<std::uint64_t>(query.integer(3));
        row.used_at = query.integer(4);
        if (!query.is_null(5)) row.expired_at = query.integer(5);
        if (!row.expired_at) row.header = parse_header(query.blob(6), row.bytes);
        rows.push_back(std::move(row));
    }
    return rows;
} catch (const SqliteFailure& failure) {
    return opening_error(failure.code);
}

Result<void> KeyIndex::transact(const std::function<void()>& act) try {
    Transaction transaction(connection_);
    act();
    transaction.commit();
    return {};
} catch (const SqliteFailure& failure) {
    diagnostic_ = failure.text;
    return Error{ErrorCode::Overloaded, "the server cannot store evaluation keys at the moment"};
}

Result<void> KeyIndex::put(const IndexRow& row) {
    const std::vector<std::uint8_t> header = header_bytes(*row.header);
    return transact([&] {
        Query(statements_->put, std::string_view(row.tenant), std::string_view(row.id), std::string_view(row.file),
              row.bytes, row.used_at, std::span<const std::uint8_t>(header))
            .run();
    });
}

Result<void> KeyIndex::remove(std::span<const IndexRow> rows) {
    return transact([&] {
        for (const IndexRow& row : rows)
            Query(statements_->remove, std::string_view(row.tenant), std::string_view(row.id)).run();
    });
}

Result<void> KeyIndex::bury(std::span<const IndexRow> rows) {
    return transact([&] {
        for (const IndexRow& row : rows)
            Query(statements_->bury, std::string_view(row.tenant), std::string_view(row.id), *row.expired_at).run();
    });
}

Result<void> KeyIndex::touch(std::span<const IndexRow> rows) {
    return transact([&] {
        for (const IndexRow& row : rows)
            Query(statements_->touch, std::string_view(row.tenant), std::string_view(row.id), row.used_at).run();
    });
}

}  // namespace einfer::keystore
