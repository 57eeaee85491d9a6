#include "he/helpers.h"

#include <atomic>
#include <memory>
#include <mutex>

namespace einfer::he {
namespace {

struct Shared {
    std::mutex mutex;  ///< held by the evaluation that the pool works for
    std::unique_ptr<WorkerPool> pool = std::make_unique<WorkerPool>(1);
    std::atomic<std::size_t> evaluations{0};
};

/// Never destroyed: evaluations may outlive main().
Shared& shared() {
    static Shared& all = *new Shared;
    return all;
}

}  // namespace

void Helpers::set_threads(std::size_t threads) {
    const std::scoped_lock lock(shared().mutex);
    if (shared().evaluations == 0) shared().pool = std::make_unique<WorkerPool>(threads);
}

std::size_t Helpers::threads() { return shared().pool->threads(); }

void Helpers::share_out(std::size_t count, const WorkerPool::Task& task) {
    Shared& all = shared();
    std::unique_lock lock(all.mutex, std::defer_lock);
    if (all.evaluations <= 1 && lock.try_lock()) return all.pool->run(count, task);
    for (std::size_t i = 0; i < count; ++i) task(i, 0);
}

Helpers::Evaluation::Evaluation() { ++shared().evaluations; }
Helpers::Evaluation::~Evaluation() { --shared().evaluations; }

}  // namespace einfer::he
