// Jobs that an idle worker evaluates before anything is written: one write, the same promises.
#include "unit/jobs/support.h"

#include <thread>

namespace einfer::jobs::test {
namespace {

Submission cheap(std::size_t bytes = 100) {
    Submission made = submission(bytes);
    made.evaluate_first = true;
    return made;
}

/// Workers begin to wait shortly after the service has started, or the last job is done.
void wait_until_idle(const JobService& service, std::size_t workers = 1) {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (service.load().idle_workers < workers && std::chrono::steady_clock::now() < until)
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    ASSERT_EQ(service.load().idle_workers, workers);
}

class EvaluateFirst : public Service {
protected:
    /// The jobs whose inputs were on disk when they were evaluated.
    std::atomic<int> from_disk{0};

    JobService& start_watching(ServiceOptions options = {}) {
        return start(
            [this](const Job& job, const Bytes& inputs) {
                if (stored(job.submission.id)) ++from_disk;
                return transform(job, inputs);
            },
            std::move(options));
    }
    bool stored(const std::string& id) { return service_->find(id, "alice").has_value(); }
};

TEST_F(EvaluateFirst, IsFinalWhenItIsAcknowledged) {
    JobService& service = start_watching();
    wait_until_idle(service);
    const Submission sent = cheap(100'000);
    ASSERT_TRUE(submit(service, sent));
    EXPECT_EQ(from_disk, 0);
    const Job job = find(sent.id);
    EXPECT_EQ(job.state, State::Completed);
    EXPECT_EQ(job.attempt, 1);
    EXPECT_EQ(job.outcome->result, transformed(*sent.inputs));
    EXPECT_GE(*job.started_at, job.created_at);
    EXPECT_GE(*job.finished_at, *job.started_at);
    EXPECT_TRUE(wait_final(service, sent.id)) << "nobody waits in vain";
    EXPECT_EQ(service.load().unfinished_jobs, 0u);
    EXPECT_EQ(service.load().unfinished_bytes, 0u);
}

TEST_F(EvaluateFirst, BusyWorkersTakeStoredJobs) {
    JobService& service = start(gate_.evaluate());
    wait_until_idle(service);
    const Submission first = submission(), second = cheap();
    ASSERT_TRUE(submit(service, first));
    ASSERT_TRUE(gate_.wait_for(first.id));
    ASSERT_TRUE(submit(service, second)) << "acknowledged while the only worker is busy";
    EXPECT_EQ(find(second.id).state, State::Queued);
    gate_.open();
    ASSERT_TRUE(wait_final(service, second.id));
    EXPECT_EQ(find(second.id).state, State::Completed);
}

TEST_F(EvaluateFirst, WhateverIsThrownFailsTheJobOnly) {
    JobService& service = start([](const Job&, const Bytes&) -> Outcome { throw std::runtime_error("a fault"); });
    wait_until_idle(service);
    const Submission sent = cheap();
    ASSERT_TRUE(submit(service, sent));
    EXPECT_EQ(find(sent.id).state, State::Failed);
    EXPECT_EQ(find(sent.id).outcome->error->code, ErrorCode::Internal);
}

TEST_F(EvaluateFirst, WithoutMemoryNothingIsAccepted) {
    JobService& service = start([](const Job&, const Bytes&) -> Outcome { throw std::bad_alloc(); });
    wait_until_idle(service);
    const Submission sent = cheap();
    EXPECT_EQ(submit(service, sent).error().code, ErrorCode::Overloaded);
    EXPECT_EQ(service.find(sent.id, "alice").error().code, ErrorCode::UnknownJob);
    EXPECT_EQ(service.load().unfinished_jobs, 0u);
}

TEST_F(EvaluateFirst, ARepetitionIsAnsweredWithTheFirst) {
    JobService& service = start_watching();
    wait_until_idle(service);
    Submission first = cheap();
    first.idempotency_key = "once";
    Submission again = first;
    again.id = random_id();
    ASSERT_TRUE(submit(service, first));
    wait_until_idle(service);
    const auto repeated = submit(service, again);
    ASSERT_TRUE(repeated);
    EXPECT_TRUE(repeated->repeated);
    EXPECT_EQ(repeated->job_id, first.id);
    EXPECT_EQ(service.find(again.id, "alice").error().code, ErrorCode::UnknownJob);
    EXPECT_EQ(service.load().unfinished_jobs, 0u);
}

TEST_F(EvaluateFirst, QuotasHold) {
    JobService& service = start_watching();
    wait_until_idle(service);
    Submission sent = cheap(1000);
    sent.quota.max_stored_bytes = 500;
    EXPECT_EQ(submit(service, sent).error().code, ErrorCode::RateLimited) << "its result is as long as its inputs";
    sent.quota.max_stored_bytes = 1000;
    wait_until_idle(service);
    EXPECT_TRUE(submit(service, sent));
}

TEST_F(EvaluateFirst, ObserversSeeTheLifeOfAJob) {
    std::mutex mutex;
    std::vector<std::pair<Event, State>> seen;
    ServiceOptions options;
    options.observe = [&](Event event, const Job& job) {
        const std::scoped_lock lock(mutex);
        seen.emplace_back(event, job.state);
    };
    JobService& service = start_watching(std::move(options));
    wait_until_idle(service);
    ASSERT_TRUE(submit(service, cheap()));
    service.stop();
    EXPECT_EQ(seen, (std::vector<std::pair<Event, State>>{{Event::Accepted, State::Running},
                                                          {Event::Started, State::Running},
                                                          {Event::Completed, State::Completed}}));
}

TEST_F(EvaluateFirst, AStopWaitsForWhatIsBeingEvaluated) {
    JobService& service = start(gate_.evaluate());
    wait_until_idle(service);
    const Submission sent = cheap();
    auto submitted = std::async(std::launch::async, [&] { return submit(service, sent); });
    ASSERT_TRUE(gate_.wait_for(sent.id));
    EXPECT_EQ(service.find(sent.id, "alice").error().code, ErrorCode::UnknownJob) << "not before it is written";
    auto stopped = std::async(std::launch::async, [&] { service.stop(); });
    gate_.open();
    stopped.get();
    ASSERT_TRUE(submitted.get());
    EXPECT_EQ(find(sent.id).state, State::Completed);
}

TEST_F(EvaluateFirst, ManyFromManyThreadsMixedWithOthers) {
    ServiceOptions options;
    options.workers = 3;
    JobService& service = start_watching(std::move(options));
    std::vector<std::future<std::vector<Submission>>> senders;
    for (std::size_t t = 0; t < 4; ++t)
        senders.push_back(std::async(std::launch::async, [&service, t] {
            std::vector<Submission> sent;
            for (std::size_t i = 0; i < 60; ++i) {
                sent.push_back(submission(i * 97, t * 60 + i));
                sent.back().evaluate_first = i % 3 != 0;
                EXPECT_TRUE(submit(service, sent.back()));
                EXPECT_TRUE(service.find(sent.back().id, "alice")) << "acknowledged means stored";
            }
            return sent;
        }));
    for (auto& sender : senders)
        for (const Submission& sent : sender.get()) {
            ASSERT_TRUE(wait_final(service, sent.id));
            EXPECT_EQ(find(sent.id).outcome->result, transformed(*sent.inputs));
        }
    EXPECT_EQ(service.load().unfinished_jobs, 0u);
}

}  // namespace
}  // namespace einfer::jobs::test
