// A few threads that share the work of one batch, kept from batch to batch.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace einfer {

class WorkerPool {
public:
    /// `index` of the work, and which of the threads does it: below threads().
    using Task = std::function<void(std::size_t index, std::size_t worker)>;

    /// At most so many threads, the caller's included; at least 1. They are started by run(), when first needed.
    explicit WorkerPool(std::size_t threads);
    /// Waits for the threads.
    ~WorkerPool();
    WorkerPool(const WorkerPool&) = delete;
    WorkerPool& operator=(const WorkerPool&) = delete;

    [[nodiscard]] std::size_t threads() const;

    /// Calls task(0, …) to task(count - 1, …), each once, on any of the threads, and returns when all have returned.
    /// Work is begun in order: when an index is begun, all below it have been. `task` does not throw. When the system
    /// has no more threads, those that there are do it. One caller at a time, not from a task.
    void run(std::size_t count, const Task& task);

private:
    class Impl;
    std::unique_ptr<Impl> impl_;
};

}  // namespace einfer
