// The threads that evaluate: each claims a job, runs it and has its outcome written. Private to src/jobs.
#pragma once

#include "jobs/observer.h"
#include "jobs/ready_queue.h"
#include "jobs/store_thread.h"
#include "jobs/unfinished_jobs.h"

#include <optional>
#include <thread>
#include <vector>

namespace einfer::jobs {

class Workers {
public:
    Workers(Evaluate evaluate, std::size_t max_attempts, Clock clock, SqliteStore& store, UnfinishedJobs& unfinished,
            ReadyQueue& ready, StoreThread& writer, const Observer& observer)
        : evaluate_(std::move(evaluate)),
          max_attempts_(max_attempts),
          clock_(std::move(clock)),
          store_(store),
          unfinished_(unfinished),
          ready_(ready),
          writer_(writer),
          observer_(observer) {}

    /// Throws std::system_error; then join() all the same.
    void start(std::size_t count);
    /// Waits until they have ended, as they do once the queue has stopped.
    void join();

private:
    void work();
    void run(Ready& job);
    [[nodiscard]] bool claim(Ready& job);
    [[nodiscard]] std::optional<Outcome> evaluate(Ready& job);
    [[nodiscard]] Outcome call_evaluate(const Job& job, const Bytes& inputs) const;
    void conclude(Ready& job, Outcome outcome);
    void evaluate_first(Ready& ready);
    void finished_at_once(Job& job, Event event, Result<Accepted> result,
                          const std::function<void(Result<Accepted>)>& done);
    template <class Read>
    auto read_patiently(Read read) -> decltype(read());

    const Evaluate evaluate_;
    const std::size_t max_attempts_;
    const Clock clock_;
    SqliteStore& store_;
    UnfinishedJobs& unfinished_;
    ReadyQueue& ready_;
    StoreThread& writer_;
    const Observer& observer_;
    std::vector<std::thread> threads_;
};

}  // namespace einfer::jobs
