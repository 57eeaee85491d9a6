// The store as files: who may open them, what they may hold, how large they grow.
#include "unit/jobs/support.h"

#include <sqlite3.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>

namespace einfer::jobs::test {
namespace {

using Insert = SqliteStore::Insert;
using Finish = SqliteStore::Finish;

class StoreFiles : public Store {};

TEST_F(StoreFiles, SecondServerIsRefused) {
    const auto second = SqliteStore::open(directory_.data(), system_now);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code, ErrorCode::Internal);
    EXPECT_NE(second.error().message.find("in use"), std::string::npos) << second.error().message;
    store_.reset();
    EXPECT_TRUE(SqliteStore::open(directory_.data(), system_now));
}

TEST_F(StoreFiles, FilesAreTheOwnersOnly) {
    ASSERT_TRUE(apply(*store_, Insert{submission()}));
    struct stat status {};
    ASSERT_EQ(::stat(directory_.data().c_str(), &status), 0);
    EXPECT_EQ(status.st_mode & 0777, 0700u);
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(directory_.data())) {
        ASSERT_EQ(::stat(entry.path().c_str(), &status), 0);
        EXPECT_EQ(status.st_mode & 0777, 0600u) << entry.path();
        ++files;
    }
    EXPECT_EQ(files, 4) << "database, log, its index, lock";
}

/// Runs SQL on the closed database.
void tamper(const TempDirectory& directory, const char* sql) {
    sqlite3* database = nullptr;
    ASSERT_EQ(sqlite3_open(directory.database().c_str(), &database), SQLITE_OK);
    EXPECT_EQ(sqlite3_exec(database, sql, nullptr, nullptr, nullptr), SQLITE_OK) << sqlite3_errmsg(database);
    sqlite3_close(database);
}

TEST_F(StoreFiles, NewerSchemaIsRefused) {
    const std::string id = running();
    store_.reset();
    tamper(directory_, "PRAGMA user_version = 4");
    const auto newer = SqliteStore::open(directory_.data(), system_now);
    ASSERT_FALSE(newer);
    EXPECT_NE(newer.error().message.find("newer version"), std::string::npos) << newer.error().message;
    tamper(directory_, "PRAGMA user_version = 3");
    reopen();
    EXPECT_TRUE(store_->find(id, "alice")) << "the refusal changed nothing";
}

TEST_F(StoreFiles, ForeignFilesAreRefused) {
    store_.reset();
    std::filesystem::remove(directory_.database());
    tamper(directory_, "CREATE TABLE jobs(something TEXT)");
    EXPECT_FALSE(SqliteStore::open(directory_.data(), system_now));

    std::ofstream(directory_.database(), std::ios::binary) << std::string(100'000, 'x');
    EXPECT_FALSE(SqliteStore::open(directory_.data(), system_now));
    EXPECT_FALSE(SqliteStore::open(directory_.database(), system_now)) << "a file is no directory";
}

TEST_F(StoreFiles, ReadersDoNotWaitForWriters) {
    const std::string id = running();
    sqlite3* other = nullptr;
    ASSERT_EQ(sqlite3_open(directory_.database().c_str(), &other), SQLITE_OK);
    ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
    EXPECT_TRUE(store_->find(id, "alice"));
    // A writer does, and gives up in the end.
    const auto written = apply(*store_, Insert{submission()});
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, ErrorCode::Overloaded);
    EXPECT_EQ(written.error().message.find("lock"), std::string::npos) << "SQLite's text is not for replies";
    EXPECT_NE(store_->last_diagnostic().find("locked"), std::string::npos) << store_->last_diagnostic();
    sqlite3_close(other);
    EXPECT_TRUE(apply(*store_, Insert{submission()}));
}

TEST_F(StoreFiles, TheLogStaysBoundedWhileOthersPoll) {
    const std::string polled = running();
    ASSERT_TRUE(apply(*store_, Finish{polled, 1, completed(pattern(300'000, 1))}));
    std::atomic<bool> over = false;
    std::vector<std::future<void>> pollers;
    for (int i = 0; i < 2; ++i)
        pollers.push_back(std::async(std::launch::async, [&] {
            while (!over) EXPECT_TRUE(store_->find(polled, "alice"));
        }));
    constexpr std::uintmax_t size = std::uintmax_t{4} << 20;
    std::uintmax_t largest = 0;
    for (int i = 0; i < 30; ++i) {
        EXPECT_TRUE(apply(*store_, Insert{submission(size)}));
        largest = std::max(largest, std::filesystem::file_size(directory_.database().string() + "-wal"));
    }
    over = true;
    for (auto& poller : pollers) poller.get();
    EXPECT_LT(largest, (std::uintmax_t{32} << 20) + 2 * size) << "of 120 MiB written";
}

TEST_F(StoreFiles, TheFileShrinksAgain) {
    std::vector<std::string> ids;
    for (int i = 0; i < 10; ++i) {
        ids.push_back(running(0));
        ASSERT_TRUE(apply(*store_, Finish{ids.back(), 1, completed(pattern(std::size_t{8} << 20, 1))}));
    }
    clock_.advance(1);
    for (int i = 0; i < 40; ++i) ASSERT_TRUE(store_->expire(clock_.now(), 0, 16));
    store_.reset();  // folds the log back
    EXPECT_LT(std::filesystem::file_size(directory_.database()), std::uintmax_t{32} << 20);
    reopen();
    EXPECT_EQ(find_error(ids.front()), ErrorCode::JobExpired);
}

}  // namespace
}  // namespace einfer::jobs::test
