#include "base/worker_pool.h"

#include <signal.h>  // pthread_sigmask

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <system_error>
#include <thread>
#include <vector>

namespace einfer {
namespace {

/// Threads that are made meanwhile get no signals: those are for the program's own threads.
class SignalsBlocked {
public:
    SignalsBlocked() {
        sigset_t all;
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &before_);
    }
    ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
    SignalsBlocked(const SignalsBlocked&) = delete;
    SignalsBlocked& operator=(const SignalsBlocked&) = delete;

private:
    sigset_t before_{};
};

}  // namespace

class WorkerPool::Impl {
public:
    explicit Impl(std::size_t most) : threads(std::max<std::size_t>(most, 1)) {}
    Impl(const Impl&) = delete;
    Impl& operator=(const Impl&) = delete;
    ~Impl() {
        {
            const std::lock_guard lock(mutex_);
            ending_ = true;
        }
        wake_.notify_all();
        for (std::thread& helper : helpers_) helper.join();
    }

    void run(std::size_t count, const Task& task) {
        start_helpers(std::min(threads, count));
        {
            const std::lock_guard lock(mutex_);
            task_ = &task;
            next_ = 0;
            count_ = count;
        }
        if (count > 1) wake_.notify_all();
        std::unique_lock lock(mutex_);
        work(lock, 0);
        idle_.wait(lock, [this] { return busy_ == 0; });
        task_ = nullptr;
    }

    const std::size_t threads;

private:
    void start_helpers(std::size_t wanted) {
        const SignalsBlocked scope;
        try {
            helpers_.reserve(threads - 1);
            while (helpers_.size() + 1 < wanted) {
                const std::size_t worker = helpers_.size() + 1;
                helpers_.emplace_back([this, worker] { serve(worker); });
            }
        } catch (const std::system_error&) {  // NOLINT(bugprone-empty-catch): the others do it
        }
    }

    void serve(std::size_t worker) {
        std::unique_lock lock(mutex_);
        for (;;) {
            wake_.wait(lock, [this] { return ending_ || next_ < count_; });
            if (ending_) return;
            work(lock, worker);
        }
    }

    /// Until nothing is left to be begun; `lock` is held before and after.
    void work(std::unique_lock<std::mutex>& lock, std::size_t worker) {
        ++busy_;
        while (next_ < count_) {
            const std::size_t index = next_++;
            lock.unlock();
            (*task_)(index, worker);
            lock.lock();
        }
        if (--busy_ == 0) idle_.notify_all();
    }

    std::mutex mutex_;
    std::condition_variable wake_;
    std::condition_variable idle_;
    const Task* task_ = nullptr;  // changes only while nobody is busy and nothing is left
    std::size_t next_ = 0;
    std::size_t count_ = 0;
    std::size_t busy_ = 0;
    bool ending_ = false;
    std::vector<std::thread> helpers_;
};

WorkerPool::WorkerPool(std::size_t threads) : impl_(std::make_unique<Impl>(threads)) {}
WorkerPool::~WorkerPool() = default;

std::size_t WorkerPool::threads() const { return impl_->threads; }
void WorkerPool::run(std::size_t count, const Task& task) { impl_->run(count, task); }

}  // namespace einfer
