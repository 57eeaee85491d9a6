// The database as another program sees it.
#pragma once

#include "unit/jobs/support.h"

#include <sqlite3.h>

namespace einfer::jobs::test {

/// Runs SQL; the rows' columns as text.
inline std::vector<std::vector<std::string>> run_sql(const TempDirectory& directory, const std::string& sql) {
    sqlite3* database = nullptr;
    std::vector<std::vector<std::string>> rows;
    const auto collect = [](void* to, int count, char** values, char**) {
        auto& row = static_cast<std::vector<std::vector<std::string>>*>(to)->emplace_back();
        for (int i = 0; i < count; ++i) row.emplace_back(values[i] == nullptr ? "NULL" : values[i]);
        return 0;
    };
    EXPECT_EQ(sqlite3_open(directory.database().c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql.c_str(), collect, &rows, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
    sqlite3_close(database);
    return rows;
}

}  // namespace einfer::jobs::test
