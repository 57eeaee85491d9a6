// The rules by which workers take jobs.
#include "jobs/ready_queue.h"
#include "unit/jobs/support.h"

#include <thread>

namespace einfer::jobs::test {
namespace {

using Place = ReadyQueue::Place;

ReadyQueue::Node node(std::string id, bool claimed = false) {
    ReadyQueue::Node one;
    one.push_back({.id = std::move(id), .claimed = claimed});
    return one;
}

std::string id_of(const ReadyQueue::Node& taken) { return taken.empty() ? "" : taken.front().id; }

TEST(ReadyQueue, ClosedUntilOpenedAndAfterStop) {
    ReadyQueue queue;
    EXPECT_EQ(queue.announce(), Place::Closed);
    queue.open();
    EXPECT_EQ(queue.announce(), Place::Queued) << "no worker waits";
    queue.arrive(node("a"));
    EXPECT_EQ(id_of(queue.take()), "a");
    queue.stop();
    EXPECT_EQ(queue.announce(), Place::Closed);
    queue.open();
    EXPECT_EQ(queue.announce(), Place::Closed);
    EXPECT_FALSE(queue.pause(patience));
    EXPECT_TRUE(queue.take().empty());
}

TEST(ReadyQueue, FirstInFirstOut) {
    ReadyQueue queue;
    queue.recover({.id = "old"});
    queue.open();
    for (const char* id : {"a", "b"}) {
        ASSERT_EQ(queue.announce(), Place::Queued);
        queue.arrive(node(id));
    }
    ASSERT_EQ(queue.announce(), Place::Queued);
    queue.arrive({});  // was not written
    for (const char* id : {"old", "a", "b"}) {
        auto taken = queue.take();
        EXPECT_EQ(id_of(taken), id);
        queue.release(taken);
    }
}

TEST(ReadyQueue, AWaitingWorkerIsPromisedOnce) {
    ReadyQueue queue;
    queue.open();
    auto worker = std::async(std::launch::async, [&] { return id_of(queue.take()); });
    // Until the worker waits, jobs are queued; taken back, they leave no trace.
    while (queue.announce() != Place::Claimed) {
        queue.arrive({});
        std::this_thread::yield();
    }
    EXPECT_EQ(queue.announce(), Place::Queued) << "the one idle worker is spoken for";
    queue.arrive(node("first", true));
    EXPECT_EQ(worker.get(), "first");
    queue.arrive(node("second"));
    EXPECT_EQ(id_of(queue.take()), "second");
}

TEST(ReadyQueue, StopKeepsOnlyWhatIsClaimed) {
    ReadyQueue queue;
    queue.open();
    for (int i = 0; i < 3; ++i) ASSERT_EQ(queue.announce(), Place::Queued);
    queue.arrive(node("queued"));
    auto stopped = std::async(std::launch::async, [&] { queue.stop(); });
    EXPECT_FALSE(queue.pause(patience));
    queue.arrive(node("late"));
    EXPECT_EQ(stopped.wait_for(std::chrono::seconds(0)), std::future_status::timeout) << "one is still announced";
    queue.arrive(node("claimed", true));
    stopped.get();
    auto taken = queue.take();
    EXPECT_EQ(id_of(taken), "claimed");
    queue.put_back(std::move(taken));
    EXPECT_TRUE(queue.take().empty());
}

TEST(ReadyQueue, ASuspectRunsAlone) {
    ReadyQueue queue;
    queue.recover({.id = "innocent"});
    queue.recover({.id = "suspect", .attempt = 1, .suspect = true});
    queue.recover({.id = "next"});
    queue.open();
    const auto innocent = queue.take();
    ASSERT_EQ(id_of(innocent), "innocent");

    std::mutex mutex;
    std::vector<std::string> order;
    const auto note = [&](std::string what) {
        const std::scoped_lock lock(mutex);
        order.push_back(std::move(what));
    };
    auto run = [&] {
        const auto taken = queue.take();
        note("begin " + id_of(taken));
        note("end " + id_of(taken));
        queue.release(taken);
    };
    auto one = std::async(std::launch::async, run);
    auto two = std::async(std::launch::async, run);
    EXPECT_EQ(queue.announce(), Place::Queued) << "nothing is promised a worker beside a suspect";
    queue.arrive({});
    note("end innocent");
    queue.release(innocent);
    one.get();
    two.get();
    EXPECT_EQ(order,
              (std::vector<std::string>{"end innocent", "begin suspect", "end suspect", "begin next", "end next"}));
}

TEST(ReadyQueue, PutBackGoesToTheEndUnclaimed) {
    ReadyQueue queue;
    queue.recover({.id = "a", .attempt = 1, .suspect = true});
    queue.recover({.id = "b"});
    queue.put_back(queue.take());
    EXPECT_EQ(id_of(queue.take()), "b");
    const auto again = queue.take();
    EXPECT_EQ(id_of(again), "a");
    EXPECT_FALSE(again.front().claimed);
    EXPECT_FALSE(again.front().suspect);
}

}  // namespace
}  // namespace einfer::jobs::test
