// Services that stop, start again, and meet full disks.
#include "unit/jobs/faulty_disk.h"
#include "unit/jobs/support.h"

#include <thread>

namespace einfer::jobs::test {
namespace {

using Insert = SqliteStore::Insert;
using Claim = SqliteStore::Claim;
using Fault = FaultyDisk::Fault;

class Restart : public ::testing::Test {
protected:
    std::unique_ptr<JobService> make(Evaluate evaluate = transform, ServiceOptions options = {}) {
        return std::make_unique<JobService>(open_store(directory_), std::move(evaluate), std::move(options),
                                            system_now);
    }
    std::unique_ptr<JobService> started(Evaluate evaluate = transform, ServiceOptions options = {}) {
        auto service = make(std::move(evaluate), std::move(options));
        const auto result = service->start();
        if (!result) throw std::runtime_error(result.error().message);
        return service;
    }

    TempDirectory directory_;
};

TEST_F(Restart, NothingIsTakenBeforeStartOrAfterStop) {
    auto service = make();
    EXPECT_EQ(submit(*service, submission()).error().code, ErrorCode::ShuttingDown);
    ASSERT_TRUE(service->start());
    EXPECT_FALSE(service->start()) << "once only";
    const Submission sent = submission();
    EXPECT_TRUE(submit(*service, sent));
    ASSERT_TRUE(wait_final(*service, sent.id));
    service->stop();
    service->stop();
    EXPECT_EQ(submit(*service, submission()).error().code, ErrorCode::ShuttingDown);
    EXPECT_FALSE(service->start());
    EXPECT_TRUE(service->find(sent.id, "alice")) << "what is done can still be read";
}

TEST_F(Restart, StopWithoutStart) {
    auto service = make();
    service->stop();
    EXPECT_EQ(service->start().error().code, ErrorCode::ShuttingDown);
}

TEST_F(Restart, StopEndsRunningJobsAndLeavesQueuedOnes) {
    Gate gate;
    ServiceOptions options;
    options.workers = 2;
    auto service = started(gate.evaluate(), options);
    std::vector<Submission> sent;
    for (std::size_t i = 0; i < 5; ++i) {
        sent.push_back(submission(1000, i));
        ASSERT_TRUE(submit(*service, sent.back()));
    }
    ASSERT_TRUE(gate.wait_for(sent[0].id));
    ASSERT_TRUE(gate.wait_for(sent[1].id));
    std::vector<std::future<void>> stops;
    for (int i = 0; i < 2; ++i) stops.push_back(std::async(std::launch::async, [&] { service->stop(); }));
    for (;;) {
        const auto taken = service->submit(submission(), [](const Result<Accepted>&) {});
        if (!taken && taken.error().code == ErrorCode::ShuttingDown) break;
        std::this_thread::yield();
    }
    gate.open();
    for (auto& stop : stops) stop.get();

    // Submissions that slipped in before the stop are stored as well; these five tell.
    for (std::size_t i = 0; i < 5; ++i) {
        const auto job = service->find(sent[i].id, "alice");
        ASSERT_TRUE(job);
        EXPECT_EQ(job->state, i < 2 ? State::Completed : State::Queued) << i;
        EXPECT_EQ(gate.has_arrived(sent[i].id), i < 2);
    }
    service.reset();
    service = started();
    for (const Submission& job : sent) {
        ASSERT_TRUE(wait_final(*service, job.id));
        EXPECT_EQ(service->find(job.id, "alice")->outcome->result, transformed(*job.inputs));
        EXPECT_EQ(service->find(job.id, "alice")->attempt, 1) << "an orderly stop costs no attempt";
    }
}

TEST_F(Restart, EveryCallbackComesBeforeStopReturns) {
    for (int round = 0; round < 10; ++round) {
        auto service = started();
        std::atomic<int> taken = 0, called = 0;
        auto sender = std::async(std::launch::async, [&] {
            for (;;) {
                const auto result = service->submit(submission(5000), [&](const Result<Accepted>&) { ++called; });
                if (result) ++taken;
                if (!result && result.error().code == ErrorCode::ShuttingDown) return;
            }
        });
        while (taken < round) std::this_thread::yield();
        service->stop();
        sender.get();
        EXPECT_EQ(called, taken);
    }
}

TEST_F(Restart, TakesUpQueuedAndRunningJobsInOrder) {
    std::vector<Submission> sent;
    {
        const auto store = open_store(directory_);
        for (std::size_t i = 0; i < 4; ++i) {
            sent.push_back(submission(2000, i));
            ASSERT_TRUE(apply(*store, Insert{sent.back()}));
        }
        ASSERT_TRUE(apply(*store, Claim{sent[0].id, 1}));  // and then the process died
        ASSERT_TRUE(apply(*store, Claim{sent[1].id, 1}));
        ASSERT_TRUE(apply(*store, Claim{sent[1].id, 2}));
    }
    std::mutex mutex;
    std::vector<std::string> recovered, order;
    Gate gate;
    ServiceOptions options;
    options.max_queued_jobs = 2;
    options.max_queued_bytes = 100;
    options.observe = [&](Event event, const Job& job) {
        const std::scoped_lock lock(mutex);
        if (event == Event::Recovered) recovered.push_back(job.submission.id);
        if (event == Event::Started) order.push_back(job.submission.id);
    };
    auto service = started(gate.evaluate(), options);
    EXPECT_EQ(service->load().unfinished_jobs, 4u) << "bounds or no bounds";
    EXPECT_EQ(service->load().unfinished_bytes, 8000u);
    EXPECT_EQ(submit(*service, submission(1)).error().code, ErrorCode::Overloaded);
    gate.open();
    std::vector<std::string> ids;
    for (const Submission& job : sent) {
        ids.push_back(job.id);
        ASSERT_TRUE(wait_final(*service, job.id));
        EXPECT_EQ(service->find(job.id, "alice")->outcome->result, transformed(*job.inputs));
    }
    EXPECT_EQ(service->find(sent[0].id, "alice")->attempt, 2);
    EXPECT_EQ(service->find(sent[1].id, "alice")->attempt, 3);
    EXPECT_EQ(service->find(sent[2].id, "alice")->attempt, 1);
    EXPECT_TRUE(submit(*service, submission(1))) << "room again";
    service->stop();
    EXPECT_EQ(recovered, ids);
    order.resize(4);  // the last submission may have started
    EXPECT_EQ(order, ids);
}

TEST_F(Restart, SpentAttemptsFailTheJobAndNotItsNeighbours) {
    std::vector<Submission> sent;
    {
        const auto store = open_store(directory_);
        for (std::size_t i = 0; i < 3; ++i) {
            sent.push_back(submission(100, i));
            ASSERT_TRUE(apply(*store, Insert{sent.back()}));
        }
        for (const int attempt : {1, 2, 3}) ASSERT_TRUE(apply(*store, Claim{sent[1].id, attempt}));
    }
    std::atomic<int> evaluations = 0;
    auto service = started([&](const Job& job, const Bytes& inputs) {
        ++evaluations;
        return transform(job, inputs);
    });
    for (const Submission& job : sent) ASSERT_TRUE(wait_final(*service, job.id));
    const auto spent = service->find(sent[1].id, "alice");
    EXPECT_EQ(spent->state, State::Failed);
    EXPECT_EQ(spent->outcome->error->code, ErrorCode::Internal);
    EXPECT_EQ(service->find(sent[0].id, "alice")->state, State::Completed);
    EXPECT_EQ(service->find(sent[2].id, "alice")->state, State::Completed);
    EXPECT_EQ(evaluations, 2);
}

class FullDisk : public Restart {
protected:
    FaultyDisk disk_;  // behind the directory, so before the services of the tests
};

TEST_F(FullDisk, ASubmissionIsRefusedAndLeavesNothing) {
    auto service = started();
    ASSERT_TRUE(submit(*service, submission(1000)));
    for (const Fault fault : {Fault::WriteFails, Fault::SyncFails}) {
        disk_.set(fault);
        const Submission sent = submission(1000);
        EXPECT_EQ(submit(*service, sent).error().code, ErrorCode::Overloaded);
        EXPECT_NE(service->store_diagnostic(), "");
        bool at_once = false;
        const auto handle = service->when_final(sent.id, [&] { at_once = true; });
        EXPECT_TRUE(at_once) << "no such job";
        disk_.set(Fault::None);
        EXPECT_TRUE(submit(*service, sent)) << "the same one, now that there is room";
        ASSERT_TRUE(wait_final(*service, sent.id));
    }
    EXPECT_EQ(service->load().unfinished_jobs, 0u);
}

TEST_F(FullDisk, AnAcceptedJobWaitsForTheDisk) {
    Gate gate;
    auto service = started(gate.evaluate());
    const Submission first = submission(1000, 1), second = submission(1000, 2);
    ASSERT_TRUE(submit(*service, first));
    ASSERT_TRUE(submit(*service, second));
    ASSERT_TRUE(gate.wait_for(first.id));
    disk_.set(Fault::WriteFails);
    gate.open();  // now its result cannot be written
    EXPECT_EQ(submit(*service, submission(10)).error().code, ErrorCode::Overloaded);
    EXPECT_EQ(service->find(first.id, "alice")->state, State::Running);
    EXPECT_EQ(service->load().unfinished_jobs, 2u);
    disk_.set(Fault::None);
    for (const Submission& job : {first, second}) {
        ASSERT_TRUE(wait_final(*service, job.id));
        EXPECT_EQ(service->find(job.id, "alice")->outcome->result, transformed(*job.inputs));
        EXPECT_EQ(service->find(job.id, "alice")->attempt, 1);
    }
}

TEST_F(FullDisk, StopDoesNotWaitForTheDisk) {
    Gate gate;
    auto service = started(gate.evaluate());
    const Submission first = submission(1000, 1), second = submission(1000, 2);
    ASSERT_TRUE(submit(*service, first));
    ASSERT_TRUE(submit(*service, second));
    ASSERT_TRUE(gate.wait_for(first.id));
    disk_.set(Fault::WriteFails);
    gate.open();
    service->stop();
    EXPECT_EQ(service->find(first.id, "alice")->state, State::Running);
    service.reset();
    disk_.set(Fault::None);
    service = started();
    for (const Submission& job : {first, second}) {
        ASSERT_TRUE(wait_final(*service, job.id));
        EXPECT_EQ(service->find(job.id, "alice")->outcome->result, transformed(*job.inputs));
    }
}

TEST_F(FullDisk, InputsThatCannotBeReadNowAreReadLater) {
    const Submission first = submission(10), second = submission(std::size_t{8} << 20);
    {
        const auto store = open_store(directory_);
        ASSERT_TRUE(apply(*store, Insert{first}));
        ASSERT_TRUE(apply(*store, Insert{second}));
    }
    Gate gate;
    auto service = started(gate.evaluate());
    ASSERT_TRUE(gate.wait_for(first.id));
    disk_.set(Fault::ReadFails);
    gate.open();
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (service->store_diagnostic().empty() && std::chrono::steady_clock::now() < deadline)
        std::this_thread::yield();
    EXPECT_NE(service->store_diagnostic(), "");
    disk_.set(Fault::None);
    ASSERT_TRUE(wait_final(*service, second.id));
    EXPECT_EQ(service->find(second.id, "alice")->outcome->result, transformed(*second.inputs));
}

}  // namespace
}  // namespace einfer::jobs::test
