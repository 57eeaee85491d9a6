// Jobs that are erased, in whatever state: nothing of them is evaluated, shown or counted any more, crashes included.
#include "unit/jobs/faulty_disk.h"
#include "unit/jobs/sql.h"
#include "unit/jobs/support.h"

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <map>

namespace einfer::jobs::test {
namespace {

using Insert = SqliteStore::Insert;
using Claim = SqliteStore::Claim;
using Finish = SqliteStore::Finish;
using Erase = SqliteStore::Erase;

std::string shown(const Result<SqliteStore::Written>& written) {
    if (!written) return std::string(traits(written.error().code).name);
    return written->was_tombstone ? "was a tombstone" : "written";
}

class ErasedInStore : public Store {
protected:
    std::string erased(const std::string& id) { return shown(apply(*store_, Erase{id, "alice"})); }
    std::string inserted(std::size_t size = 16) {
        Submission job = submission(size);
        const std::string id = job.id;
        EXPECT_TRUE(apply(*store_, Insert{std::move(job)}));
        return id;
    }
    /// Gone, and nothing is left of it but its row.
    void expect_tombstone(const std::string& id) {
        EXPECT_EQ(find_error(id), ErrorCode::JobExpired);
        EXPECT_EQ(find_error(id, "bob"), ErrorCode::UnknownJob);
        EXPECT_EQ(store_->load(id)->state, State::Expired);
        EXPECT_FALSE(store_->inputs(id));
        const std::string of_job = " WHERE job = (SELECT seq FROM jobs WHERE id = '" + id + "')";
        for (const char* table : {"job_inputs", "job_results"})
            EXPECT_EQ(run_sql(directory_, std::string("SELECT count(*) FROM ") + table + of_job).front().front(), "0");
        EXPECT_EQ(erased(id), "was a tombstone");
    }
};

TEST_F(ErasedInStore, InEveryState) {
    const std::string queued = inserted(), started = running(), completed_job = running(), failed_job = running();
    ASSERT_TRUE(apply(*store_, Finish{completed_job, 1, completed({1, 2, 3})}));
    ASSERT_TRUE(apply(*store_, Finish{failed_job, 1, failed({ErrorCode::Internal, "no", {{"a", "b"}}})}));
    for (const std::string& id : {queued, started, completed_job, failed_job}) {
        EXPECT_EQ(erased(id), "written");
        expect_tombstone(id);
        reopen();
        expect_tombstone(id);
    }
    EXPECT_EQ(store_->stored_bytes("alice")->of_all, 0u);
    EXPECT_TRUE(store_->unfinished()->empty());
}

TEST_F(ErasedInStore, WhatComesTooLateChangesNothing) {
    const std::string queued = inserted(), started = running();
    ASSERT_EQ(erased(queued), "written");
    ASSERT_EQ(erased(started), "written");
    EXPECT_FALSE(apply(*store_, Claim{queued, 1}));
    EXPECT_FALSE(apply(*store_, Finish{started, 1, completed({1})}));
    EXPECT_FALSE(apply(*store_, Finish{started, 1, failed({ErrorCode::Internal, "no"})}));
    EXPECT_FALSE(apply(*store_, Claim{started, 2}));
    expect_tombstone(queued);
    expect_tombstone(started);
}

TEST_F(ErasedInStore, OnlyByItsTenant) {
    const std::string id = inserted();
    EXPECT_EQ(shown(apply(*store_, Erase{id, "bob"})), "UNKNOWN_JOB");
    EXPECT_EQ(shown(apply(*store_, Erase{id, ""})), "UNKNOWN_JOB");
    EXPECT_EQ(erased(random_id()), "UNKNOWN_JOB");
    EXPECT_EQ(erased(""), "UNKNOWN_JOB");
    EXPECT_TRUE(store_->find(id, "alice"));
}

TEST_F(ErasedInStore, WithTheWritesAroundIt) {
    const Submission job = submission();
    const SqliteStore::Write writes[] = {Insert{job}, Erase{job.id, "alice"}, Claim{job.id, 1}, Erase{job.id, "alice"}};
    const auto results = store_->apply(writes);
    ASSERT_TRUE(results);
    EXPECT_EQ(shown(results->at(0)), "written");
    EXPECT_EQ(shown(results->at(1)), "written");
    EXPECT_EQ(shown(results->at(2)), "INTERNAL");
    EXPECT_EQ(shown(results->at(3)), "was a tombstone");
}

TEST_F(ErasedInStore, QuotasGiveBackWhatItHeld) {
    Submission job = submission(1000);
    job.quota.max_stored_bytes = 1500;
    ASSERT_TRUE(apply(*store_, Insert{job}));
    Submission next = job;
    next.id = random_id();
    EXPECT_EQ(shown(apply(*store_, Insert{next})), "RATE_LIMITED");
    ASSERT_EQ(erased(job.id), "written");
    EXPECT_EQ(store_->stored_bytes("alice")->of_tenant, 0u);
    EXPECT_EQ(shown(apply(*store_, Insert{next})), "written");
}

TEST_F(ErasedInStore, IsForgottenLikeAnExpiredOne) {
    const std::string early = inserted();
    ASSERT_EQ(erased(early), "written");
    clock_.advance(1000);
    const std::string late = inserted();
    ASSERT_EQ(erased(late), "written");
    ASSERT_TRUE(store_->expire(0, clock_.now() - 500, 10));
    EXPECT_EQ(find_error(early), ErrorCode::UnknownJob);
    expect_tombstone(late);
}

TEST_F(ErasedInStore, NoTimeRunsBackwards) {
    const std::string id = running();
    clock_.advance(-5000);
    ASSERT_EQ(erased(id), "written");
    const auto job = store_->load(id);
    ASSERT_TRUE(job);
    EXPECT_GE(*job->finished_at, *job->started_at);
}

TEST_F(ErasedInStore, AKeyGoesOnNamingIt) {
    Submission first = submission();
    first.idempotency_key = "k";
    ASSERT_TRUE(apply(*store_, Insert{first}));
    ASSERT_EQ(erased(first.id), "written");
    Submission again = first;
    again.id = random_id();
    EXPECT_EQ(apply(*store_, Insert{again})->repeats, first.id);
    again.batch_size = 99;
    EXPECT_EQ(shown(apply(*store_, Insert{again})), "IDEMPOTENCY_CONFLICT");
}

TEST_F(ErasedInStore, ADamagedJobCanBeErased) {
    const std::string id = running(1000);
    run_sql(directory_, "UPDATE jobs SET batch_size = 77");
    run_sql(directory_, "UPDATE job_inputs SET bytes = zeroblob(3)");
    EXPECT_EQ(erased(id), "written");
    EXPECT_EQ(erased(id), "was a tombstone");
}

TEST_F(ErasedInStore, ATombstoneWithoutItsTimeIsDamage) {
    const std::string id = inserted();
    run_sql(directory_, "UPDATE jobs SET state = 4");  // a queued job that only looks erased
    EXPECT_EQ(find_error(id), ErrorCode::Internal);
}

// --- In a running service ---

/// What came of it, once it has: "OK" or the error's code.
std::string erase(JobService& service, const std::string& id, const std::string& tenant = "alice") {
    auto told = std::make_shared<std::promise<std::string>>();
    auto future = told->get_future();
    const auto refused = service.erase(id, tenant, [told](const Result<void>& result) {
        told->set_value(result ? "OK" : std::string(traits(result.error().code).name));
    });
    if (!refused) return std::string(traits(refused.error().code).name);
    if (future.wait_for(patience) != std::future_status::ready) throw std::runtime_error("the erasure does not end");
    return future.get();
}

class ErasedInService : public Service {
protected:
    ErrorCode find_error(const std::string& id) {
        const auto job = service_->find(id, "alice");
        return job ? ErrorCode::NotFound : job.error().code;
    }
    ServiceOptions watching(std::size_t workers = 1) {
        ServiceOptions options;
        options.workers = workers;
        options.observe = [this](Event event, const Job& job) {
            const std::scoped_lock lock(mutex_);
            events_[job.submission.id].push_back(event);
        };
        return options;
    }
    std::vector<Event> events(const std::string& id) {
        const std::scoped_lock lock(mutex_);
        return events_[id];
    }

    std::mutex mutex_;
    std::map<std::string, std::vector<Event>> events_;
};

TEST_F(ErasedInService, AQueuedJobIsNeverEvaluated) {
    JobService& service = start(gate_.evaluate(), watching());
    const Submission first = submission(), second = submission(5000), third = submission(), fourth = submission();
    ASSERT_TRUE(submit(service, first));
    ASSERT_TRUE(gate_.wait_for(first.id));
    for (const Submission& job : {second, third, fourth}) ASSERT_TRUE(submit(service, job));
    EXPECT_EQ(service.load().unfinished_jobs, 4u);

    const std::weak_ptr<const Bytes> inputs = second.inputs;
    EXPECT_EQ(erase(service, second.id), "OK");
    EXPECT_EQ(inputs.use_count(), 1) << "the queue still holds the inputs";
    EXPECT_EQ(find_error(second.id), ErrorCode::JobExpired);
    EXPECT_EQ(service.load().unfinished_jobs, 3u);
    EXPECT_EQ(service.load().unfinished_bytes, 3 * 16u);
    EXPECT_TRUE(wait_final(service, second.id)) << "nobody waits for what is gone";
    EXPECT_EQ(erase(service, fourth.id), "OK");
    EXPECT_EQ(erase(service, fourth.id), "OK");

    gate_.open();
    ASSERT_TRUE(wait_final(service, first.id) && wait_final(service, third.id));
    service.stop();
    EXPECT_FALSE(gate_.has_arrived(second.id) || gate_.has_arrived(fourth.id));
    EXPECT_EQ(find(third.id).state, State::Completed);
    EXPECT_EQ(events(second.id), (std::vector{Event::Accepted, Event::Erased}));
    EXPECT_EQ(events(fourth.id), (std::vector{Event::Accepted, Event::Erased})) << "the second time is no event";
}

TEST_F(ErasedInService, ARunningJobsResultIsThrownAway) {
    JobService& service = start(gate_.evaluate(), watching());
    const Submission job = submission(), next = submission();
    ASSERT_TRUE(submit(service, job));
    ASSERT_TRUE(gate_.wait_for(job.id));
    auto woken = std::make_shared<std::promise<void>>();
    const auto wait = service.when_final(job.id, [woken] { woken->set_value(); });
    EXPECT_EQ(erase(service, job.id), "OK");
    EXPECT_EQ(woken->get_future().wait_for(patience), std::future_status::ready);
    EXPECT_EQ(find_error(job.id), ErrorCode::JobExpired);
    EXPECT_EQ(service.load().unfinished_jobs, 0u);
    gate_.open();
    ASSERT_TRUE(submit(service, next));
    ASSERT_TRUE(wait_final(service, next.id));  // behind the other, by the same worker
    EXPECT_EQ(find_error(job.id), ErrorCode::JobExpired);
    EXPECT_EQ(events(job.id), (std::vector{Event::Accepted, Event::Started, Event::Erased}));
    service.stop();
    EXPECT_EQ(service.store_failures(), 0u);
}

TEST_F(ErasedInService, APlaceInTheQueueIsFreeAgain) {
    JobService& service = start(gate_.evaluate());
    const auto queue = [&] {
        Submission job = submission();
        job.quota.max_queued_jobs = 2;
        return submit(service, job);
    };
    const auto running_job = queue(), queued = queue();
    ASSERT_TRUE(running_job && queued && gate_.wait_for(running_job->job_id));
    for (const std::string& id : {queued->job_id, running_job->job_id}) {
        EXPECT_EQ(queue().error().code, ErrorCode::RateLimited);
        EXPECT_EQ(erase(service, id), "OK");
        EXPECT_TRUE(queue());
    }
    gate_.open();
}

TEST_F(ErasedInService, UnknownForeignAndNotStarted) {
    JobService& service = start();
    const Submission job = submission();
    ASSERT_TRUE(submit(service, job));
    EXPECT_EQ(erase(service, job.id, "bob"), "UNKNOWN_JOB");
    EXPECT_EQ(erase(service, random_id()), "UNKNOWN_JOB");
    ASSERT_TRUE(wait_final(service, job.id));
    EXPECT_EQ(find(job.id).state, State::Completed);
    service.stop();
    EXPECT_EQ(erase(service, job.id), "SHUTTING_DOWN");
    const TempDirectory other;
    JobService waiting(open_store(other), transform, {}, system_now);
    EXPECT_EQ(erase(waiting, job.id), "SHUTTING_DOWN");
}

/// Submitters, erasers and stop() at once: every callback comes, and each job has one end.
TEST_F(ErasedInService, RacesHaveOneEnd) {
    ServiceOptions options = watching(3);
    options.max_queued_jobs = 1000;
    JobService& service = start(transform, options);
    std::vector<std::string> ids(300);
    std::atomic<int> announced = 0, answered = 0;
    const auto sender = [&](std::size_t from) {
        for (std::size_t i = from; i < ids.size(); i += 3) {
            Submission job = submission(64, i);
            job.evaluate_first = i % 2 == 0;
            ids[i] = job.id;
            ASSERT_TRUE(submit(service, job));
            const auto started = service.erase(job.id, "alice", [&](const Result<void>& result) {
                EXPECT_TRUE(result);
                ++answered;
            });
            announced += started ? 1 : 0;
        }
    };
    std::vector<std::future<void>> senders;
    for (std::size_t i = 0; i < 3; ++i) senders.push_back(std::async(std::launch::async, sender, i));
    for (auto& each : senders) each.get();
    service.stop();
    EXPECT_EQ(answered, announced);
    EXPECT_EQ(announced, 300);
    EXPECT_EQ(service.load().unfinished_jobs, 0u);
    EXPECT_EQ(service.load().unfinished_bytes, 0u);
    for (const std::string& id : ids) {
        EXPECT_EQ(find_error(id), ErrorCode::JobExpired);
        const auto seen = events(id);
        EXPECT_EQ(std::count(seen.begin(), seen.end(), Event::Erased), 1);
        EXPECT_EQ(std::count(seen.begin(), seen.end(), Event::Accepted), 1);
    }
    EXPECT_EQ(run_sql(directory_, "SELECT count(*) FROM job_inputs").front().front(), "0");
    EXPECT_EQ(run_sql(directory_, "SELECT count(*) FROM job_results").front().front(), "0");
}

TEST_F(ErasedInService, AFailingDiskIsTold) {
    FaultyDisk disk;
    const TempDirectory directory;
    JobService service(open_store(directory), transform, {}, system_now);
    ASSERT_TRUE(service.start());
    const Submission job = submission();
    ASSERT_TRUE(submit(service, job));
    ASSERT_TRUE(wait_final(service, job.id));
    disk.set(FaultyDisk::Fault::WriteFails);
    EXPECT_EQ(erase(service, job.id), "OVERLOADED");
    disk.set(FaultyDisk::Fault::None);
    EXPECT_TRUE(service.find(job.id, "alice"));
    EXPECT_EQ(erase(service, job.id), "OK");
    EXPECT_EQ(service.find(job.id, "alice").error().code, ErrorCode::JobExpired);
}

/// A running job that was erased is not taken up after the process died; its neighbours are.
TEST(ErasedAndCrash, KilledRightAfterTheCommit) {
    for (const bool claimed : {false, true}) {
        const TempDirectory directory;
        const Submission gone = submission(), kept = submission();
        const pid_t child = ::fork();
        ASSERT_GE(child, 0);
        if (child == 0) {
            auto store = SqliteStore::open(directory.data(), system_now);
            if (!store) _exit(2);
            Gate gate;
            JobService service(std::move(*store), gate.evaluate(), {}, system_now);
            if (!service.start()) _exit(2);
            const Submission& first = claimed ? gone : kept;
            const Submission& second = claimed ? kept : gone;
            if (!submit(service, first) || !gate.wait_for(first.id) || !submit(service, second)) _exit(3);
            (void)service.erase(gone.id, "alice", [](const Result<void>&) { ::raise(SIGKILL); });
            for (;;) ::pause();
        }
        int status = 0;
        ASSERT_EQ(::waitpid(child, &status, 0), child);
        ASSERT_TRUE(WIFSIGNALED(status)) << status;

        std::atomic<bool> evaluated = false;
        JobService service(
            open_store(directory),
            [&](const Job& job, const Bytes& inputs) {
                evaluated = evaluated || job.submission.id == gone.id;
                return transform(job, inputs);
            },
            {}, system_now);
        ASSERT_TRUE(service.start());
        ASSERT_TRUE(wait_final(service, kept.id));
        EXPECT_EQ(service.find(kept.id, "alice")->outcome->result, transformed(*kept.inputs));
        EXPECT_EQ(service.find(gone.id, "alice").error().code, ErrorCode::JobExpired);
        service.stop();
        EXPECT_FALSE(evaluated);
    }
}

}  // namespace
}  // namespace einfer::jobs::test
