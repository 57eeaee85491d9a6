// A shared bound on memory taken for untrusted requests.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

namespace einfer {

/// Counts bytes against a fixed limit. Thread-safe. Outlives every Reservation made from it.
class MemoryBudget {
public:
    explicit MemoryBudget(std::size_t limit_bytes) : limit_(limit_bytes) {}
    MemoryBudget(const MemoryBudget&) = delete;
    MemoryBudget& operator=(const MemoryBudget&) = delete;

    [[nodiscard]] bool try_take(std::size_t bytes) {
        std::size_t used = used_.load(std::memory_order_relaxed);
        do {
            if (bytes > limit_ - used) return false;
        } while (!used_.compare_exchange_weak(used, used + bytes, std::memory_order_relaxed));
        return true;
    }
    void give_back(std::size_t bytes) { used_.fetch_sub(bytes, std::memory_order_relaxed); }
    [[nodiscard]] std::size_t used() const { return used_.load(std::memory_order_relaxed); }
    [[nodiscard]] std::size_t limit() const { return limit_; }

private:
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
