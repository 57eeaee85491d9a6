// When memory runs out now and then, everywhere: no crash, no hang, and no accepted job is lost.
#include "unit/jobs/support.h"

#include <cstdlib>
#include <new>
#include <thread>

namespace {

std::atomic<bool> failing = false;
std::atomic<unsigned> allocations = 0;

/// One allocation in forty, scattered.
bool fails() {
    if (!failing.load(std::memory_order_relaxed)) return false;
    const unsigned hash = allocations.fetch_add(1) * 2654435761u;
    return (hash >> 20) % 40 == 0;
}

}  // namespace

// These replace the whole program's, and do nothing special unless `failing`. Not inline: gcc would see free() given
// what `new` made, and warn.
[[gnu::noinline]] void* operator new(std::size_t size) {
    void* memory = fails() ? nullptr : std::malloc(size == 0 ? 1 : size);
    if (memory == nullptr) throw std::bad_alloc();
    return memory;
}
[[gnu::noinline]] void operator delete(void* memory) noexcept { std::free(memory); }
[[gnu::noinline]] void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace einfer::jobs::test {
namespace {

TEST(AllocationFailure, AcceptedJobsComeToTheirEnd) {
    const TempDirectory directory;
    ServiceOptions options;
    options.workers = 2;
    JobService service(open_store(directory), transform, options, system_now);
    ASSERT_TRUE(service.start());
    std::vector<Submission> sent;
    for (std::size_t i = 0; i < 1000; ++i) {
        sent.push_back(submission(100, i));
        if (i % 2 == 0) sent.back().idempotency_key = "idempotency key " + std::to_string(i % 300);
        sent.back().batch_size = 1 + i % 9;
        sent.back().quota = {.max_queued_jobs = 40 + i % 50, .max_stored_bytes = 50'000 + i};
    }
    std::vector<std::atomic<bool>> accepted(sent.size());
    std::size_t admitted = 0;
    std::atomic<std::size_t> answered = 0;

    failing = true;
    for (std::size_t i = 0; i < sent.size(); ++i) {
        try {
            const auto taken = service.submit(sent[i], [&, i](const Result<Accepted>& written) {
                accepted[i] = written && !written->repeated;
                ++answered;
            });
            if (taken) ++admitted;
        } catch (const std::bad_alloc&) {
            // The test's own.
        }
        if (service.load().unfinished_jobs > 100) std::this_thread::yield();
    }
    failing = false;

    for (std::size_t i = 0; i < sent.size(); ++i) ASSERT_TRUE(wait_final(service, sent[i].id));
    service.stop();
    EXPECT_EQ(answered, admitted);
    EXPECT_GT(admitted, 10u) << "some got through";
    EXPECT_EQ(service.load().unfinished_jobs, 0u);
    for (std::size_t i = 0; i < sent.size(); ++i) {
        const auto job = service.find(sent[i].id, "alice");
        EXPECT_EQ(job.has_value(), accepted[i].load());
        if (job) {
            EXPECT_TRUE(job->state == State::Completed || job->state == State::Failed);
            EXPECT_TRUE(job->state == State::Failed || job->outcome->result == transformed(*sent[i].inputs));
        }
    }
}

TEST(AllocationFailure, EveryErasureIsAnswered) {
    const TempDirectory directory;
    ServiceOptions options;
    options.workers = 2;
    options.max_queued_jobs = 1000;
    JobService service(open_store(directory), transform, options, system_now);
    ASSERT_TRUE(service.start());
    std::vector<Submission> sent;
    for (std::size_t i = 0; i < 300; ++i) {
        sent.push_back(submission(100, i));
        ASSERT_TRUE(service.submit(sent.back(), [](const Result<Accepted>&) {}));
    }
    std::vector<std::atomic<bool>> erased(sent.size());
    std::size_t taken = 0;
    std::atomic<std::size_t> answered = 0;
    failing = true;
    for (std::size_t i = 0; i < sent.size(); ++i) {
        try {
            const auto begun =
                service.erase(sent[i].id, i % 9 == 0 ? "somebody else's" : "alice", [&, i](const Result<void>& told) {
                    erased[i] = told.has_value();
                    ++answered;
                });
            if (begun) ++taken;
        } catch (const std::bad_alloc&) {
            // The test's own.
        }
    }
    failing = false;
    service.stop();
    EXPECT_EQ(answered, taken);
    EXPECT_GT(taken, 10u) << "some got through";
    for (std::size_t i = 0; i < sent.size(); ++i) {
        const auto job = service.find(sent[i].id, "alice");
        EXPECT_FALSE(job && erased[i]) << "a job is back that was erased";
        EXPECT_TRUE(job || i % 9 != 0) << "a job is gone that nobody could erase";
    }
}

}  // namespace
}  // namespace einfer::jobs::test
