// The rules by which workers take jobs.
#include "jobs/ready_queue.h"
#include "unit/jobs/support.h"

#include <list>
#include <random>
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

/// Queues "a1", "a2", "b1", …: the letter is the tenant.
void queue_up(ReadyQueue& queue, std::initializer_list<const char*> ids) {
    for (const char* id : ids) {
        ASSERT_NE(queue.announce(), Place::Closed);
        auto one = node(id);
        one.front().tenant = id[0];
        queue.arrive(std::move(one));
    }
}

std::vector<std::string> take_all(ReadyQueue& queue, std::size_t count) {
    std::vector<std::string> order;
    for (std::size_t i = 0; i < count; ++i) {
        const auto taken = queue.take();
        order.push_back(id_of(taken));
        EXPECT_TRUE(taken.front().behind.empty());
        queue.release(taken);
    }
    return order;
}

using Order = std::vector<std::string>;

TEST(ReadyQueue, TenantsAreServedInTurn) {
    ReadyQueue queue;
    queue.open();
    queue_up(queue, {"a1", "a2", "a3", "a4", "b1", "c1", "c2"});
    EXPECT_EQ(take_all(queue, 2), (Order{"a1", "b1"}));
    queue_up(queue, {"b2", "d1"});
    EXPECT_EQ(take_all(queue, 7), (Order{"c1", "a2", "b2", "d1", "c2", "a3", "a4"}));
}

TEST(ReadyQueue, OneJobWaitsForOneTurnOfATenantWithMany) {
    ReadyQueue queue;
    queue.open();
    for (int i = 0; i < 200; ++i) queue_up(queue, {"a"});
    const auto under_way = queue.take();
    queue_up(queue, {"b"});
    EXPECT_EQ(take_all(queue, 2), (Order{"a", "b"}));
    for (int i = 0; i < 50; ++i) {
        queue_up(queue, {"c"});
        EXPECT_EQ(take_all(queue, 2), (Order{"a", "c"}));
    }
}

// The order of all jobs, some of which are removed, against a plain model.
TEST(ReadyQueue, AnyHistoryIsInTurnAndInOrder) {
    std::minstd_rand random(11);
    ReadyQueue queue;
    queue.open();
    std::list<std::pair<std::string, std::list<std::string>>> turns;
    std::size_t waiting = 0;
    for (int step = 0; step < 5000; ++step) {
        if (random() % 8 == 0) {
            ASSERT_NO_FATAL_FAILURE(queue.remove("not there"));
            if (waiting == 0) continue;
            auto turn = std::next(turns.begin(), static_cast<std::ptrdiff_t>(random() % turns.size()));
            auto job = std::next(turn->second.begin(), static_cast<std::ptrdiff_t>(random() % turn->second.size()));
            queue.remove(*job);
            queue.remove(*job);
            turn->second.erase(job);
            if (turn->second.empty()) turns.erase(turn);
            --waiting;
        } else if (random() % 100 < 57 || waiting == 0) {
            const std::string tenant(1, static_cast<char>('a' + random() % 6)), id = tenant + std::to_string(step);
            queue_up(queue, {id.c_str()});
            auto found = std::find_if(turns.begin(), turns.end(), [&](auto& turn) { return turn.first == tenant; });
            if (found == turns.end()) found = turns.insert(turns.end(), {tenant, {}});
            found->second.push_back(id);
            ++waiting;
        } else {
            auto turn = std::move(turns.front());
            turns.pop_front();
            ASSERT_EQ(take_all(queue, 1), Order{turn.second.front()});
            turn.second.pop_front();
            if (!turn.second.empty()) turns.push_back(std::move(turn));
            --waiting;
        }
    }
}

TEST(ReadyQueue, ASuspectRunsAloneAmongTenants) {
    ReadyQueue queue;
    queue.recover({.id = "a1", .tenant = "a"});
    queue.recover({.id = "a2", .tenant = "a", .attempt = 1, .suspect = true});
    queue.recover({.id = "b1", .tenant = "b"});
    queue.open();
    auto first = queue.take(), second = queue.take();
    EXPECT_EQ(id_of(first), "a1");
    EXPECT_EQ(id_of(second), "b1") << "the suspect is behind a1";
    auto suspect = std::async(std::launch::async, [&] { return queue.take(); });
    queue_up(queue, {"c1"});
    queue.release(first);
    queue.release(second);
    const auto alone = suspect.get();
    EXPECT_EQ(id_of(alone), "a2");
    auto next = std::async(std::launch::async, [&] { return id_of(queue.take()); });
    EXPECT_EQ(next.wait_for(std::chrono::milliseconds(20)), std::future_status::timeout);
    queue.release(alone);
    EXPECT_EQ(next.get(), "c1");
}

TEST(ReadyQueue, ARemovedSuspectHoldsNobodyUp) {
    ReadyQueue queue;
    queue.recover({.id = "a1", .tenant = "a", .attempt = 1, .suspect = true});
    queue.recover({.id = "a2", .tenant = "a"});
    queue.open();
    queue.remove("a1");
    auto worker = std::async(std::launch::async, [&] { return take_all(queue, 1); });
    EXPECT_EQ(worker.get(), Order{"a2"});
    auto other = std::async(std::launch::async, [&] { return take_all(queue, 1); });
    while (queue.idle() == 0) std::this_thread::yield();
    EXPECT_EQ(queue.announce(), Place::Claimed) << "there is no suspect left";
    queue.arrive(node("b", true));
    EXPECT_EQ(other.get(), Order{"b"});
}

TEST(ReadyQueue, ARemovedJobNoLongerKeepsStopWaiting) {
    ReadyQueue queue;
    queue.open();
    ASSERT_EQ(queue.announce(), Place::Queued);
    queue.arrive(node("a", true));
    queue.remove("a");
    queue.stop();
    EXPECT_TRUE(queue.take().empty());
}

TEST(ReadyQueue, StopKeepsWhatIsClaimedBehindWhatIsNot) {
    ReadyQueue queue;
    queue.open();
    queue_up(queue, {"a1", "a2", "b1"});
    ASSERT_EQ(queue.announce(), Place::Queued);
    auto claimed = node("a3", true);
    claimed.front().tenant = 'a';
    queue.arrive(std::move(claimed));
    queue.stop();
    EXPECT_EQ(take_all(queue, 1), Order{"a3"});
    EXPECT_TRUE(queue.take().empty());
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
