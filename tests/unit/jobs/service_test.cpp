// Jobs through a running service: admission, evaluation, expiry.
#include "unit/jobs/support.h"

#include <map>
#include <thread>

namespace einfer::jobs::test {
namespace {

TEST_F(Service, EvaluatesWhatIsSubmitted) {
    std::promise<Job> seen;
    JobService& service = start([&](const Job& job, const Bytes& inputs) {
        seen.set_value(job);
        return completed(transformed(inputs), 1e-6);
    });
    const Submission sent = submission(100'000);
    ASSERT_TRUE(submit(service, sent));
    ASSERT_TRUE(wait_final(service, sent.id));

    const Job evaluated = seen.get_future().get();
    EXPECT_EQ(evaluated.submission.model_id, sent.model_id);
    EXPECT_EQ(evaluated.submission.batch_size, sent.batch_size);
    EXPECT_EQ(evaluated.submission.seal_minor, sent.seal_minor);
    EXPECT_EQ(evaluated.state, State::Running);
    EXPECT_EQ(evaluated.attempt, 1);
    const Job job = find(sent.id);
    EXPECT_EQ(job.state, State::Completed);
    EXPECT_EQ(job.attempt, 1);
    EXPECT_EQ(job.outcome->result, transformed(*sent.inputs));
    EXPECT_EQ(job.outcome->error_bound, 1e-6);
    EXPECT_EQ(service.load().unfinished_jobs, 0u);
    EXPECT_EQ(service.load().unfinished_bytes, 0u);
}

TEST_F(Service, ManyJobsFromManyThreads) {
    ServiceOptions options;
    options.workers = 3;
    JobService& service = start(transform, options);
    constexpr std::size_t threads = 4, each = 50;
    std::vector<std::future<std::vector<Submission>>> senders;
    for (std::size_t t = 0; t < threads; ++t)
        senders.push_back(std::async(std::launch::async, [&service, t] {
            std::vector<Submission> sent;
            for (std::size_t i = 0; i < each; ++i) {
                sent.push_back(submission(i * 97, t * each + i));
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

TEST_F(Service, OneWorkerKeepsTheOrder) {
    std::vector<std::string> order;
    JobService& service = start([&](const Job& job, const Bytes& inputs) {
        order.push_back(job.submission.id);
        gate_.pass(job.submission.id);
        return transform(job, inputs);
    });
    std::vector<std::string> ids;
    for (int i = 0; i < 20; ++i) {
        Submission sent = submission();
        ids.push_back(sent.id);
        ASSERT_TRUE(submit(service, std::move(sent)));
    }
    gate_.open();
    for (const auto& id : ids) ASSERT_TRUE(wait_final(service, id));
    service.stop();
    EXPECT_EQ(order, ids);
}

TEST_F(Service, ManyJobsOfOneTenantDoNotHoldUpAnother) {
    std::vector<std::string> order;
    JobService& service = start([&](const Job& job, const Bytes& inputs) {
        order.push_back(job.submission.id);
        gate_.pass(job.submission.id);
        return transform(job, inputs);
    });
    std::vector<std::string> ids;
    for (int i = 0; i < 200; ++i) {
        Submission sent = submission();
        ids.push_back(sent.id);
        ASSERT_TRUE(submit(service, std::move(sent)));
    }
    ASSERT_TRUE(gate_.wait_for(ids[0]));
    Submission other = submission();
    other.tenant = "bob";
    ASSERT_TRUE(submit(service, other));
    gate_.open();
    for (const auto& id : ids) ASSERT_TRUE(wait_final(service, id));
    service.stop();
    EXPECT_EQ(std::find(order.begin(), order.end(), other.id) - order.begin(), 2);
}

TEST_F(Service, AdmissionIsBoundedInCount) {
    ServiceOptions options;
    options.max_queued_jobs = 3;
    JobService& service = start(gate_.evaluate(), options);
    std::vector<std::string> ids;
    for (int i = 0; i < 3; ++i) {
        Submission sent = submission();
        ids.push_back(sent.id);
        ASSERT_TRUE(submit(service, std::move(sent)));
    }
    ASSERT_TRUE(gate_.wait_for(ids[0]));
    const Submission refused = submission();
    EXPECT_EQ(submit(service, refused).error().code, ErrorCode::Overloaded) << "a running job counts";
    EXPECT_EQ(service.find(refused.id, "alice").error().code, ErrorCode::UnknownJob);
    EXPECT_EQ(service.load().unfinished_jobs, 3u);
    gate_.open();
    for (const auto& id : ids) ASSERT_TRUE(wait_final(service, id));
    EXPECT_TRUE(submit(service, refused)) << "room again";
}

TEST_F(Service, AdmissionIsBoundedInBytes) {
    ServiceOptions options;
    options.max_queued_bytes = 1000;
    JobService& service = start(gate_.evaluate(), options);
    const Submission first = submission(600), second = submission(400);
    ASSERT_TRUE(submit(service, first));
    EXPECT_EQ(submit(service, submission(401)).error().code, ErrorCode::Overloaded);
    ASSERT_TRUE(submit(service, second)) << "exactly full";
    EXPECT_EQ(submit(service, submission(1)).error().code, ErrorCode::Overloaded);
    EXPECT_EQ(service.load().unfinished_bytes, 1000u);
    EXPECT_TRUE(submit(service, submission(0))) << "bytes are not jobs";
    gate_.open();
    for (const auto& id : {first.id, second.id}) {
        ASSERT_TRUE(wait_final(service, id));
        EXPECT_EQ(find(id).state, State::Completed);
    }
    EXPECT_EQ(submit(service, submission(1001)).error().code, ErrorCode::Overloaded) << "never fits";
}

TEST_F(Service, WhateverIsThrownFailsTheJobOnly) {
    JobService& service = start([](const Job& job, const Bytes& inputs) -> Outcome {
        if (job.submission.model_id == "exception") throw std::runtime_error("secret text of a library");
        if (job.submission.model_id == "number") throw 42;
        if (job.submission.model_id == "error") return failed({ErrorCode::InvalidCiphertext, "not a ciphertext"});
        return transform(job, inputs);
    });
    std::map<std::string, std::string> ids;
    for (const char* model : {"exception", "number", "error", "good"}) {
        Submission sent = submission();
        sent.model_id = model;
        ids[model] = sent.id;
        ASSERT_TRUE(submit(service, std::move(sent)));
    }
    for (const auto& [model, id] : ids) ASSERT_TRUE(wait_final(service, id));
    for (const char* model : {"exception", "number"}) {
        const Job job = find(ids[model]);
        EXPECT_EQ(job.state, State::Failed);
        EXPECT_EQ(job.outcome->error->code, ErrorCode::Internal);
        EXPECT_EQ(job.outcome->error->message, "the evaluation failed");
    }
    EXPECT_EQ(find(ids["error"]).outcome->error->code, ErrorCode::InvalidCiphertext);
    EXPECT_EQ(find(ids["good"]).state, State::Completed);
}

TEST_F(Service, FaultySubmissionsAreRefused) {
    JobService& service = start(gate_.evaluate());
    Submission sent = submission();
    ASSERT_TRUE(submit(service, sent));
    EXPECT_EQ(submit(service, sent).error().code, ErrorCode::Internal) << "its id is taken, unfinished";
    gate_.open();
    ASSERT_TRUE(wait_final(service, sent.id));
    EXPECT_EQ(submit(service, sent).error().code, ErrorCode::Internal) << "its id is taken, finished";
    EXPECT_EQ(find(sent.id).state, State::Completed);
    sent = submission();
    sent.inputs = nullptr;
    EXPECT_EQ(submit(service, sent).error().code, ErrorCode::Internal);
    EXPECT_EQ(service.load().unfinished_jobs, 0u);
}

TEST_F(Service, ACallbackThatThrowsHarmsNobody) {
    JobService& service = start();
    const Submission sent = submission();
    ASSERT_TRUE(service.submit(sent, [](const Result<Accepted>&) { throw std::runtime_error("careless"); }));
    const Submission next = submission();
    ASSERT_TRUE(submit(service, next));
    for (const auto& id : {sent.id, next.id}) ASSERT_TRUE(wait_final(service, id));
    EXPECT_EQ(find(sent.id).state, State::Completed);
}

TEST_F(Service, InputsAreLetGo) {
    JobService& service = start();
    auto inputs = std::make_shared<const Bytes>(pattern(1000, 1));
    const std::weak_ptr<const Bytes> watch = inputs;
    Submission sent = submission();
    sent.inputs = std::move(inputs);
    const std::string id = sent.id;
    ASSERT_TRUE(submit(service, std::move(sent)));
    ASSERT_TRUE(wait_final(service, id));
    EXPECT_TRUE(watch.expired());
}

TEST_F(Service, ObserversSeeTheLifeOfAJob) {
    using Seen = std::vector<std::pair<Event, State>>;
    std::mutex mutex;
    std::map<std::string, Seen> seen;
    ServiceOptions options;
    options.observe = [&](Event event, const Job& job) {
        const std::scoped_lock lock(mutex);
        seen[job.submission.id].emplace_back(event, job.state);
        EXPECT_EQ(job.submission.tenant, "alice");
        EXPECT_EQ(job.submission.inputs, nullptr);
        EXPECT_TRUE(!job.outcome || job.outcome->result.empty());
        throw std::runtime_error("a log that fails");
    };
    JobService& service = start(
        [&](const Job& job, const Bytes& inputs) -> Outcome {
            gate_.pass(job.submission.id);
            if (job.submission.model_id == "bad") throw 1;
            return transform(job, inputs);
        },
        options);
    Submission good = submission(), bad = submission();
    bad.model_id = "bad";
    ASSERT_TRUE(submit(service, good));
    ASSERT_TRUE(gate_.wait_for(good.id));
    ASSERT_TRUE(submit(service, bad));
    gate_.open();
    ASSERT_TRUE(wait_final(service, good.id) && wait_final(service, bad.id));
    service.stop();
    // The first may have been claimed with its insert, if the worker was waiting by then.
    const State first = seen[good.id].front().second;
    EXPECT_TRUE(first == State::Queued || first == State::Running);
    EXPECT_EQ(seen[good.id],
              (Seen{{Event::Accepted, first}, {Event::Started, State::Running}, {Event::Completed, State::Completed}}));
    EXPECT_EQ(
        seen[bad.id],
        (Seen{{Event::Accepted, State::Queued}, {Event::Started, State::Running}, {Event::Failed, State::Failed}}));
}

TEST_F(Service, ObserversHearHowLongItTook) {
    std::mutex mutex;
    std::map<Event, jobs::Durations> heard;
    ServiceOptions options;
    options.observe = [&](Event event, const Job& job) {
        const std::scoped_lock lock(mutex);
        heard[event] = job.durations;
    };
    JobService& service = start(
        [&](const Job& job, const Bytes& inputs) {
            Outcome outcome = transform(job, inputs);
            outcome.evaluate = std::chrono::nanoseconds(7);
            outcome.serialise = std::chrono::nanoseconds(5);
            return outcome;
        },
        options);
    Submission sent = submission();
    sent.received_at = std::chrono::steady_clock::now();
    ASSERT_TRUE(submit(service, sent));
    ASSERT_TRUE(wait_final(service, sent.id));
    service.stop();
    EXPECT_TRUE(heard[Event::Accepted].store);
    EXPECT_FALSE(heard[Event::Accepted].total);
    const jobs::Durations& spent = heard[Event::Completed];
    EXPECT_EQ(spent.evaluate, std::chrono::nanoseconds(7));
    EXPECT_EQ(spent.serialise, std::chrono::nanoseconds(5));
    ASSERT_TRUE(spent.store && spent.queue && spent.total);
    EXPECT_GE(*spent.queue, std::chrono::nanoseconds(0));
    EXPECT_GE(*spent.total, *spent.store + *spent.queue);
}

TEST_F(Service, ResultsExpire) {
    ServiceOptions options;
    options.result_ttl = std::chrono::milliseconds(1000);
    options.tombstone_ttl = std::chrono::milliseconds(5000);
    options.expiry_interval = std::chrono::milliseconds(1);
    JobService& service = start(transform, options);
    const Submission sent = submission();
    ASSERT_TRUE(submit(service, sent));
    ASSERT_TRUE(wait_final(service, sent.id));

    const auto wait_for_error = [&](ErrorCode code) {
        const auto deadline = std::chrono::steady_clock::now() + patience;
        for (;;) {
            const auto job = service.find(sent.id, "alice");
            if (!job && job.error().code == code) return true;
            if (std::chrono::steady_clock::now() > deadline) return false;
            std::this_thread::yield();
        }
    };
    clock_.advance(1000);
    EXPECT_TRUE(service.find(sent.id, "alice")) << "not before its time";
    clock_.advance(1);
    EXPECT_TRUE(wait_for_error(ErrorCode::JobExpired));
    clock_.advance(4999);
    EXPECT_EQ(service.find(sent.id, "alice").error().code, ErrorCode::JobExpired);
    clock_.advance(1);
    EXPECT_TRUE(wait_for_error(ErrorCode::UnknownJob));
}

}  // namespace
}  // namespace einfer::jobs::test
