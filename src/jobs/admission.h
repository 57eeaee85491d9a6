// How jobs come in, and are erased: bounds first, then the store thread, and only then the answer. Private to src/jobs.
#pragma once

#include "jobs/observer.h"
#include "jobs/ready_queue.h"
#include "jobs/store_thread.h"
#include "jobs/unfinished_jobs.h"

#include <chrono>
#include <functional>
#include <string>

namespace einfer::jobs {

/// Thread-safe.
class Admission {
public:
    Admission(std::uint64_t max_stored_bytes, Clock clock, UnfinishedJobs& unfinished, ReadyQueue& ready,
              StoreThread& writer, const Observer& observer)
        : max_stored_bytes_(max_stored_bytes),
          clock_(std::move(clock)),
          unfinished_(unfinished),
          ready_(ready),
          writer_(writer),
          observer_(observer) {}

    // As JobService has them; but they throw, with nothing done, when there is no memory.
    [[nodiscard]] Result<void> submit(Submission submission, std::function<void(Result<Accepted>)> done);
    [[nodiscard]] Result<void> erase(std::string id, std::string tenant, std::function<void(Result<void>)> done);

private:
    using Done = std::function<void(Result<Accepted>)>;
    using Time = std::chrono::steady_clock::time_point;

    void look_up(SqliteStore::Insert insert, Done done);
    void inserted(Submission submission, ReadyQueue::Node& node, Time submitted, Result<Accepted> result,
                  const Done& done);

    const std::uint64_t max_stored_bytes_;
    const Clock clock_;
    UnfinishedJobs& unfinished_;
    ReadyQueue& ready_;
    StoreThread& writer_;
    const Observer& observer_;
};

}  // namespace einfer::jobs
