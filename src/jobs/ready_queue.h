// The jobs that wait for a worker, and the rules by which workers take them. Private to src/jobs.
#pragma once

#include "jobs/job.h"
#include "jobs/sqlite_store.h"

#include <chrono>
#include <condition_variable>
#include <functional>
#include <list>
#include <mutex>
#include <string_view>

namespace einfer::jobs {

/// What is yet to be stored of a job that is evaluated first.
struct Unstored {
    SqliteStore::Insert insert;
    std::function<void(Result<Accepted>)> done;
    std::chrono::steady_clock::time_point submitted;
};

/// A job for a worker.
struct Ready {
    std::string id;
    std::string tenant{};
    int attempt = 0;                        ///< claims so far
    std::shared_ptr<const Bytes> inputs{};  ///< null: in the store
    bool claimed = false;                   ///< `attempt` is under way: stored as running, or in `unstored`
    std::shared_ptr<Unstored> unstored{};   ///< not in the store yet
    bool suspect = false;                   ///< was running when the process died
    std::optional<std::chrono::steady_clock::time_point> received_at{};
    std::optional<std::chrono::steady_clock::time_point> accepted_at{};  ///< on disk; not of an earlier process
    Durations durations{};
    std::list<Ready> behind{};  ///< the queue's own: what waits behind this job, of the same tenant
};

/// The tenants that have a job waiting are served in turn, and the jobs of one tenant first in, first out: however many
/// one tenant queues, another's job waits for one of them at most. But a suspect runs alone: it may be what killed the
/// process, and whatever ran beside it would lose an attempt each time. Thread-safe.
class ReadyQueue {
public:
    /// A list of none or one, so that handing a job on takes no memory and cannot fail.
    using Node = std::list<Ready>;

    /// Takes up a job of an earlier process. Before open().
    void recover(Ready job);
    void open();

    enum class Place {
        Closed,   ///< not open(), or stop() was called: nothing was announced
        Queued,   ///< it will wait for its turn
        Claimed,  ///< a worker that nothing else will occupy waits for it
    };
    /// Announces a job that is being written; arrive() has to follow unless the answer is Closed.
    [[nodiscard]] Place announce();
    /// An announced job is on disk or can be evaluated first (a node), or was not written (an empty one). After stop()
    /// only a claimed one is taken.
    void arrive(Node node);

    /// Forgets a job that waits, if it does.
    void remove(std::string_view id);

    /// Waits for a job; none when the queue has stopped and the claimed ones are gone. A job taken has to be given to
    /// release() or put_back().
    [[nodiscard]] Node take();
    void release(const Node& node);
    /// Puts a job at the end, to be claimed anew; forgets it when the queue has stopped.
    void put_back(Node node);

    /// Sleeps; false as soon as the queue has stopped.
    [[nodiscard]] bool pause(std::chrono::milliseconds time);

    /// Workers that wait for a job.
    [[nodiscard]] std::size_t idle() const;

    /// Drops the jobs that nobody has claimed (they are on disk), and waits for the announced ones to arrive.
    void stop();

private:
    bool may_take() const;
    void push(Node node);
    Node pop();
    /// Takes a tenant's first out of turns_; the one behind it gets its turn at `turn`.
    Node take_first(Node::iterator first, Node::iterator turn);
    Node find_and_take(std::string_view id);
    void end_run(const Node& node);

    mutable std::mutex mutex_;
    std::condition_variable changed_;
    /// Each tenant's first, in the order of their turns; the others hang behind it, so that queueing takes no memory.
    std::list<Ready> turns_;
    std::size_t waiting_ = 0;  ///< jobs in turns_ and behind
    bool open_ = false;
    bool stopped_ = false;
    std::size_t announced_ = 0;  ///< not yet arrived
    std::size_t idle_ = 0;       ///< workers in take()
    std::size_t running_ = 0;    ///< jobs taken
    std::size_t suspects_ = 0;   ///< waiting or taken
    bool suspect_running_ = false;
};

}  // namespace einfer::jobs
