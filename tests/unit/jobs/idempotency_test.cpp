// One idempotency key names one job of its tenant.
#include "unit/jobs/faulty_disk.h"
#include "unit/jobs/support.h"

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace einfer::jobs::test {
namespace {

using Insert = SqliteStore::Insert;
using Finish = SqliteStore::Finish;

Submission keyed(std::string key = "key-1") {
    Submission job = submission();
    job.idempotency_key = std::move(key);
    return job;
}

std::string repeats(const Result<SqliteStore::Written>& written) {
    return written ? written->repeats : "refused: " + written.error().message;
}

class Keys : public Store {};

TEST_F(Keys, TheSameBodyIsTheSameJobWhateverBecameOfIt) {
    const Submission first = keyed();
    ASSERT_EQ(repeats(apply(*store_, Insert{first})), "");
    const auto repeat = [&] {
        const Submission again = keyed();
        const bool same = repeats(apply(*store_, Insert{again})) == first.id;
        return same && find_error(again.id) == ErrorCode::UnknownJob;
    };
    EXPECT_TRUE(repeat()) << "queued";
    ASSERT_TRUE(apply(*store_, SqliteStore::Claim{first.id, 1}));
    EXPECT_TRUE(repeat()) << "running";
    reopen();
    EXPECT_TRUE(repeat()) << "after a restart";
    ASSERT_TRUE(apply(*store_, Finish{first.id, 1, completed({1, 2})}));
    EXPECT_TRUE(repeat()) << "completed";
    ASSERT_TRUE(store_->expire(clock_.now() + 1, 0, 10));
    EXPECT_TRUE(repeat()) << "expired";
    ASSERT_TRUE(store_->expire(clock_.now() + 1, clock_.now() + 1, 10));
    EXPECT_EQ(repeats(apply(*store_, Insert{keyed()})), "") << "forgotten: the key is free";
}

TEST_F(Keys, AnotherBodyIsAConflict) {
    ASSERT_TRUE(apply(*store_, Insert{keyed()}));
    for (const auto change :
         {+[](Submission& job) { job.model_id += 'x'; }, +[](Submission& job) { job.model_version = "1.0.1"; },
          +[](Submission& job) { job.encoding = "base64"; }, +[](Submission& job) { job.request_digest[63] = 'e'; },
          +[](Submission& job) { ++job.batch_size; }, +[](Submission& job) { job.encoding = "binary"; },
          +[](Submission& job) { job.evaluation_key_id = std::string(64, '5'); },
          +[](Submission& job) { job.result_format = "compact"; }}) {
        Submission other = keyed();
        change(other);
        const auto refused = apply(*store_, Insert{other});
        ASSERT_FALSE(refused);
        EXPECT_EQ(refused.error().code, ErrorCode::IdempotencyConflict);
        EXPECT_EQ(find_error(other.id), ErrorCode::UnknownJob);
    }
}

TEST_F(Keys, KeysBelongToTheirTenant) {
    Submission first = keyed(), foreign = keyed(), other_body = keyed();
    foreign.tenant = "bob";
    other_body.tenant = "carol";
    other_body.batch_size = 9;
    for (const Submission& job : {first, foreign, other_body}) EXPECT_EQ(repeats(apply(*store_, Insert{job})), "");
    foreign.id = random_id();
    EXPECT_EQ(repeats(apply(*store_, Insert{foreign})),
              store_->find(store_->unfinished()->at(1).id, "bob")->submission.id);
}

TEST_F(Keys, EveryByteOfAKeyCounts) {
    using std::string_literals::operator""s;
    for (const std::string& key :
         {"a"s, "A"s, "a "s, "a\0"s, "\xff"s, "'"s, std::string(255, 'k'), std::string(254, 'k')})
        EXPECT_EQ(repeats(apply(*store_, Insert{keyed(key)})), "") << key;
    const Submission none = keyed(""), none_again = keyed("");
    EXPECT_EQ(repeats(apply(*store_, Insert{none})), "");
    EXPECT_EQ(repeats(apply(*store_, Insert{none_again})), "") << "no key is not a key";
}

TEST_F(Keys, OneBatchOneJob) {
    const Submission first = keyed(), second = keyed();
    Submission third = keyed();
    third.batch_size = 1;
    const SqliteStore::Write writes[] = {Insert{first}, Insert{second, true}, Insert{third}};
    const auto results = store_->apply(writes);
    ASSERT_TRUE(results);
    EXPECT_EQ(repeats(results->at(0)), "");
    EXPECT_EQ(repeats(results->at(1)), first.id);
    EXPECT_EQ(results->at(2).error().code, ErrorCode::IdempotencyConflict);
    EXPECT_EQ(store_->unfinished()->size(), 1u);
}

class KeysOfAService : public Service {};

TEST_F(KeysOfAService, ManyAtOnceAreOneJob) {
    std::atomic<int> evaluations = 0;
    std::atomic<int> announced = 0;
    ServiceOptions options;
    options.workers = 3;
    options.observe = [&](Event event, const Job&) { announced += event == Event::Accepted ? 1 : 0; };
    JobService& service = start(
        [&](const Job& job, const Bytes& inputs) {
            ++evaluations;
            return transform(job, inputs);
        },
        options);
    std::vector<std::future<Accepted>> senders;
    for (int i = 0; i < 8; ++i)
        senders.push_back(std::async(std::launch::async, [&] { return submit(service, keyed()).value(); }));
    std::set<std::string> ids;
    int fresh = 0;
    for (auto& sender : senders) {
        const Accepted accepted = sender.get();
        ids.insert(accepted.job_id);
        fresh += accepted.repeated ? 0 : 1;
    }
    ASSERT_EQ(ids.size(), 1u);
    EXPECT_EQ(fresh, 1);
    ASSERT_TRUE(wait_final(service, *ids.begin()));
    EXPECT_EQ(find(*ids.begin()).state, State::Completed);
    service.stop();
    EXPECT_EQ(evaluations, 1);
    EXPECT_EQ(announced, 1);
    EXPECT_EQ(service.load().unfinished_jobs, 0u);
}

TEST_F(KeysOfAService, ARepetitionNeedsNoRoom) {
    ServiceOptions options;
    options.max_queued_jobs = 2;
    JobService& service = start(gate_.evaluate(), options);
    Submission first = keyed(), second = keyed("key-2");
    first.quota = second.quota = {.max_queued_jobs = 2};
    ASSERT_TRUE(submit(service, first));
    ASSERT_TRUE(submit(service, second));

    for (const std::size_t own_limit : {0u, 2u}) {
        Submission again = keyed();
        again.quota.max_queued_jobs = own_limit;
        const auto repeated = submit(service, again);
        ASSERT_TRUE(repeated);
        EXPECT_TRUE(repeated->repeated);
        EXPECT_EQ(repeated->job_id, first.id);
        Submission conflict = again, fresh = again;
        conflict.batch_size = 77;
        EXPECT_EQ(submit(service, conflict).error().code, ErrorCode::IdempotencyConflict);
        fresh.idempotency_key = "key-3";
        EXPECT_EQ(submit(service, fresh).error().code, own_limit == 0 ? ErrorCode::Overloaded : ErrorCode::RateLimited);
    }
    EXPECT_EQ(service.load().unfinished_jobs, 2u);
    gate_.open();
    ASSERT_TRUE(wait_final(service, first.id) && wait_final(service, second.id));
    service.stop();
    EXPECT_EQ(submit(service, keyed()).error().code, ErrorCode::ShuttingDown);
}

// The lookups keep stop() waiting, so that every callback comes.
TEST_F(KeysOfAService, EveryLookupIsAnsweredBeforeStopReturns) {
    ServiceOptions options;
    options.max_queued_jobs = 1;
    JobService& service = start(gate_.evaluate(), options);
    ASSERT_TRUE(submit(service, keyed()));
    std::atomic<int> taken = 0, called = 0;
    auto sender = std::async(std::launch::async, [&] {
        while (service.submit(keyed(), [&](const Result<Accepted>& result) { called += result ? 1 : 0; })) ++taken;
    });
    while (taken < 20) std::this_thread::yield();
    gate_.open();
    service.stop();
    sender.get();
    EXPECT_EQ(called, taken);
}

TEST(KeysAndDisk, AFullDiskRefusesTheNewAndAnswersTheRepeated) {
    FaultyDisk disk;
    const TempDirectory directory;
    Gate gate;
    JobService service(open_store(directory), gate.evaluate(), {}, system_now);
    ASSERT_TRUE(service.start());
    const Submission first = keyed();
    ASSERT_TRUE(submit(service, first));
    disk.set(FaultyDisk::Fault::WriteFails);
    EXPECT_EQ(submit(service, keyed("other")).error().code, ErrorCode::Overloaded);
    // Beside one that the disk refuses, or alone.
    std::promise<void> refused;
    ASSERT_TRUE(service.submit(keyed("another"), [&](const Result<Accepted>&) { refused.set_value(); }));
    const auto repeated = submit(service, keyed());
    ASSERT_TRUE(repeated);
    EXPECT_EQ(repeated->job_id, first.id);
    refused.get_future().get();
    disk.set(FaultyDisk::Fault::None);
    gate.open();
    ASSERT_TRUE(wait_final(service, first.id));
}

TEST(KeysAndCrash, KilledBetweenCommitAndReply) {
    const TempDirectory directory;
    const Submission first = keyed();
    const pid_t child = ::fork();
    ASSERT_GE(child, 0);
    if (child == 0) {
        auto store = SqliteStore::open(directory.data(), system_now);
        if (!store) _exit(2);
        JobService service(std::move(*store), transform, {}, system_now);
        if (!service.start()) _exit(2);
        (void)service.submit(first, [](const Result<Accepted>&) { ::raise(SIGKILL); });
        for (;;) ::pause();
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status)) << status;

    JobService service(open_store(directory), transform, {}, system_now);
    ASSERT_TRUE(service.start());
    const auto repeated = submit(service, keyed());
    ASSERT_TRUE(repeated);
    EXPECT_EQ(repeated->job_id, first.id);
    EXPECT_TRUE(repeated->repeated);
    ASSERT_TRUE(wait_final(service, first.id));
    EXPECT_EQ(service.find(first.id, "alice")->outcome->result, transformed(*first.inputs));
}

}  // namespace
}  // namespace einfer::jobs::test
