// Threads that get ready, start together and end together.
#pragma once

#include <atomic>
#include <barrier>
#include <chrono>
#include <cstddef>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace einfer::bench {

using SteadyClock = std::chrono::steady_clock;

[[nodiscard]] inline double seconds_between(SteadyClock::time_point from, SteadyClock::time_point to) {
    return std::chrono::duration<double>(to - from).count();
}

/// `prepare(number)`, then, when all have done that, `work(number, start)`; each number on its own thread. Returns the
/// seconds from the common start to the last end. The first exception is thrown again, when all threads have ended.
template <class Prepare, class Work>
double run_crew(std::size_t count, Prepare prepare, Work work) {
    std::exception_ptr failure;
    std::mutex failure_mutex;
    std::atomic<bool> failed = false;
    const auto guarded = [&](auto&& act) {
        try {
            act();
        } catch (...) {
            const std::scoped_lock lock(failure_mutex);
            if (!failure) failure = std::current_exception();
            failed = true;
        }
    };

    SteadyClock::time_point start;
    std::barrier ready(static_cast<std::ptrdiff_t>(count), [&]() noexcept { start = SteadyClock::now(); });
    std::vector<std::jthread> threads;
    threads.reserve(count);
    for (std::size_t number = 0; number < count; ++number)
        threads.emplace_back([&, number] {
            guarded([&] { prepare(number); });
            ready.arrive_and_wait();
            if (!failed) guarded([&] { work(number, start); });
        });
    threads.clear();
    const double wall = seconds_between(start, SteadyClock::now());
    if (failure) std::rethrow_exception(failure);
    return wall;
}

}  // namespace einfer::bench
