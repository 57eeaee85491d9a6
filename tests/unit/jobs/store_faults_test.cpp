// The store when the disk or the memory fails: OVERLOADED, nothing half done, and well again afterwards.
#include "unit/jobs/faulty_disk.h"
#include "unit/jobs/support.h"

#include <fstream>

namespace einfer::jobs::test {
namespace {

using Insert = SqliteStore::Insert;
using Claim = SqliteStore::Claim;
using Finish = SqliteStore::Finish;
using Fault = FaultyDisk::Fault;

class StoreFaults : public ::testing::Test {
protected:
    FaultyDisk disk_;
    TempDirectory directory_;
    std::unique_ptr<SqliteStore> store_ = open_store(directory_);
};

TEST_F(StoreFaults, AFailingWriteUndoesTheWholeBatch) {
    const Submission before = submission(1000);
    ASSERT_TRUE(apply(*store_, Insert{before}));
    for (const Fault fault : {Fault::Full, Fault::WriteFails, Fault::SyncFails}) {
        const Submission first = submission(1000), second = submission(std::size_t{1} << 20);
        disk_.set(fault);
        const SqliteStore::Write writes[] = {Insert{first}, Claim{before.id, 1}, Insert{second}};
        const auto results = store_->apply(writes);
        ASSERT_FALSE(results);
        EXPECT_EQ(results.error().code, ErrorCode::Overloaded);
        EXPECT_NE(store_->last_diagnostic().find("SQLite result code"), std::string::npos);
        disk_.set(Fault::None);
        EXPECT_FALSE(store_->find(first.id, "alice"));
        EXPECT_FALSE(store_->find(second.id, "alice"));
        EXPECT_EQ(store_->find(before.id, "alice")->state, State::Queued);
        EXPECT_TRUE(apply(*store_, Insert{submission(1000)})) << "well again";
    }
    EXPECT_TRUE(apply(*store_, Claim{before.id, 1}));
}

TEST_F(StoreFaults, AFailingReadIsOverloadToo) {
    const Submission sent = submission(std::size_t{8} << 20);
    ASSERT_TRUE(apply(*store_, Insert{sent}));
    disk_.set(Fault::ReadFails);
    const auto inputs = store_->inputs(sent.id);
    ASSERT_FALSE(inputs);
    EXPECT_EQ(inputs.error().code, ErrorCode::Overloaded);
    disk_.set(Fault::None);
    EXPECT_EQ(**store_->inputs(sent.id), *sent.inputs);
}

TEST_F(StoreFaults, AReadDoesNotWaitForACommit) {
    const Submission before = submission(1000), after = submission(1000);
    ASSERT_TRUE(apply(*store_, Insert{before}));
    disk_.set(Fault::SyncHangs);
    auto commit = std::async(std::launch::async, [&] { return apply(*store_, Insert{after}).has_value(); });
    disk_.wait_until_hanging();
    EXPECT_TRUE(store_->find(before.id, "alice"));
    EXPECT_TRUE(store_->inputs(before.id));
    EXPECT_TRUE(store_->load(before.id));
    EXPECT_EQ(store_->find(after.id, "alice").error().code, ErrorCode::UnknownJob) << "not before it is on disk";
    disk_.set(Fault::None);
    EXPECT_TRUE(commit.get());
    EXPECT_TRUE(store_->find(after.id, "alice"));
}

TEST_F(StoreFaults, NoMemoryIsOverload) {
    const Submission sent = submission(std::size_t{8} << 20);
    sqlite3_hard_heap_limit64(sqlite3_memory_used() + (1 << 20));
    const auto written = apply(*store_, Insert{sent});
    sqlite3_hard_heap_limit64(0);
    ASSERT_FALSE(written);
    EXPECT_EQ(written.error().code, ErrorCode::Overloaded);
    EXPECT_FALSE(store_->find(sent.id, "alice"));
    ASSERT_TRUE(apply(*store_, Insert{sent}));

    sqlite3_hard_heap_limit64(sqlite3_memory_used() + (1 << 20));
    const auto inputs = store_->inputs(sent.id);
    sqlite3_hard_heap_limit64(0);
    ASSERT_FALSE(inputs);
    EXPECT_EQ(inputs.error().code, ErrorCode::Overloaded);
    EXPECT_EQ(**store_->inputs(sent.id), *sent.inputs);
}

// A disk without room still has the database's free pages and the log's old frames: a server whose jobs come and go
// must be able to live on them.
TEST_F(StoreFaults, AFullDiskLetsJobsComeAndGo) {
    constexpr std::size_t size = std::size_t{1} << 20;
    const auto live = [&] {
        const Submission sent = submission(size);
        const SqliteStore::Write writes[] = {Insert{sent, true}, Finish{sent.id, 1, completed(pattern(size, 2))}};
        const auto results = store_->apply(writes);
        return results && store_->expire(system_now() + 1000, system_now() + 1000, 16);
    };
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(live());
    store_.reset();  // folds the log into the database, and begins a new one
    store_ = open_store(directory_);
    for (int i = 0; i < 5; ++i) ASSERT_TRUE(live());
    disk_.set(Fault::Full);
    int lived = 0;
    for (int i = 0; i < 40; ++i) lived += live() ? 1 : 0;
    EXPECT_GE(lived, 25) << "80 MiB through a log of 10: a failure each time that it is full, and on it goes";
    EXPECT_LT(lived, 40);
}

TEST_F(StoreFaults, NothingIsInventedFromATornLog) {
    std::vector<Submission> sent;
    for (std::size_t i = 0; i < 3; ++i) {
        sent.push_back(submission(50'000, i));
        ASSERT_TRUE(apply(*store_, Insert{sent.back()}));
    }
    // What a crash leaves: the files as they are, copied while the store is open.
    for (const std::uintmax_t torn : {1u, 100u, 5000u, 20'000u}) {
        TempDirectory crashed;
        std::filesystem::copy(directory_.data(), crashed.data());
        const auto log = crashed.data() / "jobs.sqlite3-wal";
        std::filesystem::resize_file(log, std::filesystem::file_size(log) - torn);
        std::ofstream(log, std::ios::app | std::ios::binary) << std::string(100'000, '\x2a');

        const auto store = open_store(crashed);
        EXPECT_EQ(store->unfinished()->size(), 2u) << torn;
        EXPECT_EQ(**store->inputs(sent[0].id), *sent[0].inputs);
        EXPECT_EQ(**store->inputs(sent[1].id), *sent[1].inputs);
        EXPECT_EQ(store->find(sent[2].id, "alice").error().code, ErrorCode::UnknownJob);
        EXPECT_TRUE(apply(*store, Insert{sent[2]}));
    }
}

}  // namespace
}  // namespace einfer::jobs::test
