// The key store's thread: what waits for the disk runs on it, in order. Private to src/keystore.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <thread>

namespace einfer::keystore {

class TaskThread {
public:
    TaskThread() = default;
    ~TaskThread() { stop(); }
    TaskThread(const TaskThread&) = delete;
    TaskThread& operator=(const TaskThread&) = delete;

    void start();
    /// False after stop(): the task is not run. It does not throw.
    [[nodiscard]] bool post(std::function<void()> task);
    /// Runs what was posted, and ends the thread. Idempotent.
    void stop();

private:
    void run();

    std::mutex mutex_;
    std::condition_variable wake_;
    std::deque<std::function<void()>> tasks_;
    bool stopping_ = false;
    std::jthread thread_;
};

}  // namespace einfer::keystore
