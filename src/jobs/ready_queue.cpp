#include "jobs/ready_queue.h"

namespace einfer::jobs {

void ReadyQueue::recover(Ready job) {
    const std::scoped_lock lock(mutex_);
    jobs_.push_back(std::move(job));
    if (jobs_.back().suspect) ++suspects_;
}

void ReadyQueue::open() {
    const std::scoped_lock lock(mutex_);
    open_ = !stopped_;
}

ReadyQueue::Place ReadyQueue::announce() {
    const std::scoped_lock lock(mutex_);
    if (!open_) return Place::Closed;
    ++announced_;
    // Idle workers are spoken for by what waits and by what was announced before. Beside a suspect nothing is claimed.
    return suspects_ == 0 && idle_ >= jobs_.size() + announced_ ? Place::Claimed : Place::Queued;
}

void ReadyQueue::arrive(Node node) {
    const std::scoped_lock lock(mutex_);
    --announced_;
    if (!node.empty() && (node.front().claimed || !stopped_)) jobs_.splice(jobs_.end(), node);
    changed_.notify_all();
}

bool ReadyQueue::may_take() const {
    return !jobs_.empty() && !suspect_running_ && (!jobs_.front().suspect || running_ == 0);
}

ReadyQueue::Node ReadyQueue::take() {
    std::unique_lock lock(mutex_);
    ++idle_;
    changed_.wait(lock, [this] { return may_take() || (stopped_ && jobs_.empty() && announced_ == 0); });
    --idle_;
    Node node;
    if (jobs_.empty()) return node;
    node.splice(node.end(), jobs_, jobs_.begin());
    ++running_;
    suspect_running_ = node.front().suspect;
    return node;
}

void ReadyQueue::end_run(const Node& node) {
    --running_;
    if (node.front().suspect) {
        --suspects_;
        suspect_running_ = false;
    }
    changed_.notify_all();
}

void ReadyQueue::release(const Node& node) {
    const std::scoped_lock lock(mutex_);
    end_run(node);
}

void ReadyQueue::put_back(Node node) {
    const std::scoped_lock lock(mutex_);
    end_run(node);
    if (stopped_) return;
    node.front().claimed = false;
    node.front().suspect = false;
    jobs_.splice(jobs_.end(), node);
}

bool ReadyQueue::pause(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, time, [this] { return stopped_; });
}

void ReadyQueue::stop() {
    std::unique_lock lock(mutex_);
    open_ = false;
    stopped_ = true;
    jobs_.remove_if([](const Ready& job) { return !job.claimed; });
    changed_.notify_all();
    changed_.wait(lock, [this] { return announced_ == 0; });
}

}  // namespace einfer::jobs
