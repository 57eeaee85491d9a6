// Waiting for jobs: woken once, at the right time, and never after the handle is gone.
#include "unit/jobs/support.h"

namespace einfer::jobs::test {
namespace {

class ServiceWait : public Service {};

TEST_F(ServiceWait, WaitersAreWokenOnceWhenTheJobIsFinal) {
    JobService& service = start(gate_.evaluate());
    const Submission sent = submission(), other = submission();
    ASSERT_TRUE(submit(service, sent));
    ASSERT_TRUE(submit(service, other));
    ASSERT_TRUE(gate_.wait_for(sent.id));

    std::atomic<int> calls = 0, dropped_calls = 0;
    std::promise<State> first;
    std::promise<void> second;
    const auto before = service.when_final(sent.id, [&] {
        ++calls;
        first.set_value(service.find(sent.id, "alice")->state);
    });
    const auto beside = service.when_final(sent.id, [&] { second.set_value(); });
    auto dropped = service.when_final(sent.id, [&] { ++dropped_calls; });
    dropped.reset();
    EXPECT_EQ(calls, 0);
    gate_.open();
    EXPECT_EQ(first.get_future().get(), State::Completed) << "the commit comes before the wake";
    second.get_future().get();

    bool at_once = false;
    const auto after = service.when_final(sent.id, [&] { at_once = true; });
    EXPECT_TRUE(at_once);
    at_once = false;
    const auto unknown = service.when_final(random_id(), [&] { at_once = true; });
    EXPECT_TRUE(at_once);
    service.stop();
    EXPECT_EQ(calls, 1);
    EXPECT_EQ(dropped_calls, 0);
}

TEST_F(ServiceWait, AWaiterMayDropItsOwnHandle) {
    JobService& service = start(gate_.evaluate());
    const Submission sent = submission();
    ASSERT_TRUE(submit(service, sent));
    std::shared_ptr<JobService::Wait> handle;
    std::promise<void> woken;
    handle = service.when_final(sent.id, [&] {
        handle.reset();
        woken.set_value();
    });
    gate_.open();
    EXPECT_EQ(woken.get_future().wait_for(patience), std::future_status::ready);
    service.stop();
}

TEST_F(ServiceWait, DroppingAHandleWaitsForItsCall) {
    JobService& service = start(gate_.evaluate());
    const Submission sent = submission();
    ASSERT_TRUE(submit(service, sent));
    Gate waking;
    std::atomic<bool> returned = false;
    auto handle = service.when_final(sent.id, [&] {
        waking.pass("wake");
        returned = true;
    });
    gate_.open();
    ASSERT_TRUE(waking.wait_for("wake"));
    auto drop = std::async(std::launch::async, [&] {
        handle.reset();
        return returned.load();
    });
    waking.open();
    EXPECT_TRUE(drop.get());
}

TEST_F(ServiceWait, RacingWaitersAreAllWokenOrDropped) {
    ServiceOptions options;
    options.workers = 2;
    JobService& service = start(transform, options);
    for (int round = 0; round < 50; ++round) {
        const Submission sent = submission();
        ASSERT_TRUE(submit(service, sent));
        auto pollers = std::async(std::launch::async, [&] {
            for (int i = 0; i < 20; ++i) (void)service.when_final(sent.id, [] {});  // dropped at once
        });
        ASSERT_TRUE(wait_final(service, sent.id));
        pollers.get();
    }
}

TEST_F(ServiceWait, AHandleMayOutliveTheService) {
    JobService& service = start(gate_.evaluate());
    const Submission first = submission(), queued = submission();
    ASSERT_TRUE(submit(service, first));
    ASSERT_TRUE(submit(service, queued));
    ASSERT_TRUE(gate_.wait_for(first.id));
    bool woken = false;
    auto handle = service.when_final(queued.id, [&] { woken = true; });
    gate_.open();
    service_.reset();
    handle.reset();
    (void)woken;  // whether `queued` was still run is a matter of timing
}

}  // namespace
}  // namespace einfer::jobs::test
