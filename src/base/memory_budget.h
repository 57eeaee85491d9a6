// A shared bound on memory taken for untrusted requests.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <utility>

namespace einfer {

/// Counts bytes against a limit. Thread-safe. Outlives every Reservation made from it.
class MemoryBudget {
public:
    explicit MemoryBudget(std::size_t limit_bytes) : limit_(limit_bytes) {}
    /// A share of `whole`, which outlives it. It holds at most `greed` times what the whole has left, so that the more
    /// is used, the less one may take (dynamic thresholds: Choudhury and Hahne, IEEE/ACM Trans. Networking 6(2), 1998).
    MemoryBudget(MemoryBudget& whole, std::size_t greed) : whole_(&whole), greed_(greed), limit_(whole.limit_) {}
    MemoryBudget(const MemoryBudget&) = delete;
    MemoryBudget& operator=(const MemoryBudget&) = delete;

    [[nodiscard]] bool try_take(std::size_t bytes) {
        std::size_t used = used_.load(std::memory_order_relaxed);
        do {
            if (bytes > limit_ - used || !is_modest(used + bytes, bytes)) return false;
        } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
        if (whole_ == nullptr || whole_->try_take(bytes)) return true;
        used_.fetch_sub(bytes, std::memory_order_relaxed);
        return false;
    }
    void give_back(std::size_t bytes) {
        used_.fetch_sub(bytes, std::memory_order_relaxed);
        if (whole_ != nullptr) whole_->give_back(bytes);
    }
    [[nodiscard]] std::size_t used() const { return used_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::size_t limit() const { return limit_; }

private:
    [[nodiscard]] bool is_modest(std::size_t wanted, std::size_t more) const {
        if (whole_ == nullptr) return true;
        const std::size_t left = whole_->limit_ - std::min(whole_->limit_, whole_->used());
        return more <= left && wanted / greed_ <= left - more;
    }

    MemoryBudget* const whole_ = nullptr;
    const std::size_t greed_ = 1;
    const std::size_t limit_;
    std::atomic<std::size_t> used_{0};
};

/// Bytes taken from a budget, given back on destruction. Grows; moves.
class Reservation {
public:
    Reservation() = default;
    explicit Reservation(MemoryBudget& budget) : budget_(&budget) {}
    Reservation(Reservation&& other) noexcept
        : budget_(std::exchange(other.budget_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Reservation& operator=(Reservation&& other) noexcept {
        if (this != &other) {
            release();
            budget_ = std::exchange(other.budget_, nullptr);
            bytes_ = std::exchange(other.bytes_, 0);
        }
        return *this;
    }
    ~Reservation() { release(); }

    /// Takes `bytes` more; false, with nothing taken, when the budget is full. Without a budget: always true.
    [[nodiscard]] bool grow(std::size_t bytes) {
        if (budget_ == nullptr) return true;
        if (!budget_->try_take(bytes)) return false;
        bytes_ += bytes;
        return true;
    }
    /// Gives back all but `bytes` (no effect when fewer are held).
    void shrink_to(std::size_t bytes) {
        if (budget_ == nullptr || bytes >= bytes_) return;
        budget_->give_back(bytes_ - bytes);
        bytes_ = bytes;
    }
    void release() { shrink_to(0); }
    [[nodiscard]] std::size_t bytes() const { return bytes_; }

private:
    MemoryBudget* budget_ = nullptr;
    std::size_t bytes_ = 0;
};

}  // namespace einfer
