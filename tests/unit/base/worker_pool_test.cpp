// Work that is shared out: all of it, once, begun in order.
#include "base/worker_pool.h"

#include <gtest/gtest.h>

#include <atomic>
#include <latch>
#include <mutex>
#include <numeric>
#include <set>
#include <thread>
#include <vector>

namespace einfer {
namespace {

TEST(WorkerPool, DoesEverythingOnce) {
    for (const std::size_t threads : {1, 2, 3, 8}) {
        WorkerPool pool(threads);
        EXPECT_EQ(pool.threads(), threads);
        for (const std::size_t count : {0, 1, 2, 7, 100, 3}) {  // one pool, many batches
            std::vector<std::atomic<int>> times(count);
            pool.run(count, [&](std::size_t index, std::size_t worker) {
                EXPECT_LT(worker, threads);
                ++times.at(index);
            });
            for (const auto& done : times) EXPECT_EQ(done, 1);
        }
    }
}

TEST(WorkerPool, OneThreadIsTheCallers) {
    for (const std::size_t threads : {0, 1}) {
        WorkerPool pool(threads);
        std::vector<std::size_t> order;
        pool.run(5, [&, caller = std::this_thread::get_id()](std::size_t index, std::size_t worker) {
            EXPECT_EQ(std::this_thread::get_id(), caller);
            EXPECT_EQ(worker, 0u);
            order.push_back(index);
        });
        EXPECT_EQ(order, (std::vector<std::size_t>{0, 1, 2, 3, 4}));
    }
}

TEST(WorkerPool, ThreadsWorkAtTheSameTime) {
    WorkerPool pool(4);
    std::latch all(4);
    std::mutex mutex;
    std::set<std::size_t> workers;
    pool.run(4, [&](std::size_t, std::size_t worker) {
        all.arrive_and_wait();  // for ever, if they took turns
        const std::lock_guard lock(mutex);
        workers.insert(worker);
    });
    EXPECT_EQ(workers, (std::set<std::size_t>{0, 1, 2, 3}));
}

TEST(WorkerPool, MoreThreadsThanWorkAreNotUsed) {
    WorkerPool pool(64);
    pool.run(2, [](std::size_t, std::size_t worker) { EXPECT_LT(worker, 2u); });
}

TEST(WorkerPool, WorkIsBegunInOrder) {
    WorkerPool pool(4);
    std::atomic<std::size_t> begun = 0;
    // Each waits for the one before it: none does so for ever, because that one has been begun.
    pool.run(200, [&](std::size_t index, std::size_t) {
        for (std::size_t seen = begun; seen != index; seen = begun) begun.wait(seen);
        ++begun;
        begun.notify_all();
    });
    EXPECT_EQ(begun, 200u);
}

}  // namespace
}  // namespace einfer
