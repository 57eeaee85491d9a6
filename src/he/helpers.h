// The machine's other cores, lent to an evaluation that is alone: for latency, never at the cost of throughput.
#pragma once

#include "base/worker_pool.h"

#include <cstddef>

namespace einfer::he {

class Helpers {
public:
    /// Threads that may work on one evaluation, its own included. 1, the default, lends none. While none is under way;
    /// else it does nothing.
    static void set_threads(std::size_t threads);

    /// What share_out() may use at once: for buffers.
    [[nodiscard]] static std::size_t threads();

    /// Calls task(0, …) to task(count - 1, …), each once, with the number of the thread, below threads(); returns when
    /// all have returned. On this thread alone when another evaluation is under way: then no core is idle. `task` does
    /// not throw and does not call this.
    static void share_out(std::size_t count, const WorkerPool::Task& task);

    /// An evaluation under way, for as long as it lives.
    class Evaluation {
    public:
        Evaluation();
        ~Evaluation();
        Evaluation(const Evaluation&) = delete;
        Evaluation& operator=(const Evaluation&) = delete;
    };
};

}  // namespace einfer::he
