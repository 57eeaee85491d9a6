#include "jobs/ready_queue.h"

#include <algorithm>
#include <iterator>

namespace einfer::jobs {

void ReadyQueue::push(Node node) {
    ++waiting_;
    const auto same = [&](const Ready& first) { return first.tenant == node.front().tenant; };
    const auto first = std::find_if(turns_.begin(), turns_.end(), same);
    auto& line = first == turns_.end() ? turns_ : first->behind;
    line.splice(line.end(), node);
}

ReadyQueue::Node ReadyQueue::take_first(Node::iterator first, Node::iterator turn) {
    --waiting_;
    Node node;
    node.splice(node.end(), turns_, first);
    if (Node behind = std::move(node.front().behind); !behind.empty()) {
        const auto next = behind.begin();
        turns_.splice(turn, behind, next);
        next->behind = std::move(behind);
    }
    return node;
}

ReadyQueue::Node ReadyQueue::pop() { return take_first(turns_.begin(), turns_.end()); }

ReadyQueue::Node ReadyQueue::find_and_take(std::string_view id) {
    const auto is_it = [id](const Ready& job) { return job.id == id; };
    for (auto first = turns_.begin(); first != turns_.end(); ++first) {
        if (is_it(*first)) return take_first(first, std::next(first));
        const auto found = std::find_if(first->behind.begin(), first->behind.end(), is_it);
        if (found == first->behind.end()) continue;
        --waiting_;
        Node node;
        node.splice(node.end(), first->behind, found);
        return node;
    }
    return {};
}

void ReadyQueue::remove(std::string_view id) {
    Node removed;  // destroyed after the lock is gone
    const std::scoped_lock lock(mutex_);
    removed = find_and_take(id);
    if (removed.empty()) return;
    if (removed.front().suspect) --suspects_;
    changed_.notify_all();
}

void ReadyQueue::recover(Ready job) {
    Node node;
    node.push_back(std::move(job));
    const std::scoped_lock lock(mutex_);
    if (node.front().suspect) ++suspects_;
    push(std::move(node));
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
    return suspects_ == 0 && idle_ >= waiting_ + announced_ ? Place::Claimed : Place::Queued;
}

void ReadyQueue::arrive(Node node) {
    const std::scoped_lock lock(mutex_);
    --announced_;
    if (!node.empty() && (node.front().claimed || !stopped_)) push(std::move(node));
    changed_.notify_all();
}

bool ReadyQueue::may_take() const {
    return waiting_ != 0 && !suspect_running_ && (!turns_.front().suspect || running_ == 0);
}

ReadyQueue::Node ReadyQueue::take() {
    std::unique_lock lock(mutex_);
    ++idle_;
    changed_.wait(lock, [this] { return may_take() || (stopped_ && waiting_ == 0 && announced_ == 0); });
    --idle_;
    if (waiting_ == 0) return {};
    Node node = pop();
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
    push(std::move(node));
}

bool ReadyQueue::pause(std::chrono::milliseconds time) {
    std::unique_lock lock(mutex_);
    return !changed_.wait_for(lock, time, [this] { return stopped_; });
}

std::size_t ReadyQueue::idle() const {
    const std::scoped_lock lock(mutex_);
    return idle_;
}

void ReadyQueue::stop() {
    std::unique_lock lock(mutex_);
    open_ = false;
    stopped_ = true;
    Node claimed;
    while (waiting_ != 0) {
        Node node = pop();
        if (node.front().claimed) claimed.splice(claimed.end(), node);
    }
    while (!claimed.empty()) {
        Node node;
        node.splice(node.end(), claimed, claimed.begin());
        push(std::move(node));
    }
    changed_.notify_all();
    changed_.wait(lock, [this] { return announced_ == 0; });
}

}  // namespace einfer::jobs
