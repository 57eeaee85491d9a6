// What the tests of src/jobs share.
#pragma once

#include "base/ids.h"
#include "jobs/service.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <future>
#include <mutex>
#include <set>
#include <string>

namespace einfer::jobs::test {

/// Generous: only a test that has already failed waits this long.
inline constexpr std::chrono::seconds patience{60};

class TempDirectory {
public:
    TempDirectory() {
        std::string name = (std::filesystem::temp_directory_path() / "einfer-jobs-XXXXXX").string();
        if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("no temporary directory");
        path_ = name;
    }
    ~TempDirectory() {
        std::error_code ignored;
        std::filesystem::remove_all(path_, ignored);
    }
    TempDirectory(const TempDirectory&) = delete;
    TempDirectory& operator=(const TempDirectory&) = delete;
    /// A directory that does not exist yet.
    [[nodiscard]] std::filesystem::path data() const { return path_ / "data"; }
    [[nodiscard]] std::filesystem::path database() const { return data() / "jobs.sqlite3"; }

private:
    std::filesystem::path path_;
};

/// A clock that stands still until it is moved.
class ManualClock {
public:
    [[nodiscard]] Clock clock() const {
        return [now = now_] { return now->load(); };
    }
    [[nodiscard]] UnixMillis now() const { return now_->load(); }
    void advance(UnixMillis by) { now_->fetch_add(by); }

private:
    std::shared_ptr<std::atomic<UnixMillis>> now_ = std::make_shared<std::atomic<UnixMillis>>(1'700'000'000'000);
};

/// `size` bytes that depend on `seed`. Eight at a time: sanitizers make a loop over bytes slow.
inline Bytes pattern(std::size_t size, std::uint64_t seed) {
    Bytes bytes(size);
    std::uint64_t state = seed * 2 + 1;
    for (std::size_t at = 0; at < size; at += sizeof state) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        std::memcpy(bytes.data() + at, &state, std::min(sizeof state, size - at));
    }
    return bytes;
}

inline Submission submission(std::size_t size = 16, std::uint64_t seed = 1) {
    Submission job;
    job.id = random_id();
    job.tenant = "alice";
    job.model_id = "logistic_v1";
    job.model_version = "1.0.0";
    job.encoding = "hex";
    job.request_digest = std::string(64, 'd');
    job.batch_size = 3;
    job.seal_minor = 2;
    job.inputs = std::make_shared<const Bytes>(pattern(size, seed));
    return job;
}

inline Outcome completed(Bytes result, double error_bound = 0.25) {
    Outcome outcome;
    outcome.result = std::move(result);
    outcome.error_bound = error_bound;
    return outcome;
}

inline Outcome failed(Error error) {
    Outcome outcome;
    outcome.error = std::move(error);
    return outcome;
}

/// An evaluation whose result depends on all of the input.
inline Bytes transformed(const Bytes& inputs) {
    Bytes result(inputs.rbegin(), inputs.rend());
    for (auto& byte : result) byte = static_cast<std::uint8_t>(byte ^ 0x5a);
    return result;
}

inline Outcome transform(const Job&, const Bytes& inputs) { return completed(transformed(inputs)); }

inline std::unique_ptr<SqliteStore> open_store(const TempDirectory& directory, Clock clock = system_now) {
    auto store = SqliteStore::open(directory.data(), std::move(clock));
    if (!store) throw std::runtime_error(store.error().message);
    return std::move(*store);
}

/// Applies one write, and flattens the two layers of its result.
inline Result<SqliteStore::Written> apply(SqliteStore& store, SqliteStore::Write write) {
    auto results = store.apply(std::span(&write, 1));
    if (!results) return results.error();
    return results->front();
}

/// A store on a clock that stands still.
class Store : public ::testing::Test {
protected:
    /// Inserts a job and brings it to `running`.
    std::string running(std::size_t size = 16) {
        Submission job = submission(size);
        const std::string id = job.id;
        EXPECT_TRUE(apply(*store_, SqliteStore::Insert{std::move(job)}));
        EXPECT_TRUE(apply(*store_, SqliteStore::Claim{id, 1}));
        return id;
    }
    void reopen() {
        store_.reset();
        store_ = open_store(directory_, clock_.clock());
    }
    ErrorCode find_error(std::string_view id, std::string_view tenant = "alice") {
        const auto job = store_->find(id, tenant);
        return job ? ErrorCode::NotFound : job.error().code;  // NotFound: no error of the store's
    }

    TempDirectory directory_;
    ManualClock clock_;
    std::unique_ptr<SqliteStore> store_ = open_store(directory_, clock_.clock());
};

/// Submits, and waits for the commit.
inline Result<Accepted> submit(JobService& service, Submission job) {
    auto written = std::make_shared<std::promise<Result<Accepted>>>();
    auto future = written->get_future();
    auto refused =
        service.submit(std::move(job), [written](Result<Accepted> result) { written->set_value(std::move(result)); });
    if (!refused) return refused.error();
    if (future.wait_for(patience) != std::future_status::ready) throw std::runtime_error("the commit does not come");
    return future.get();
}

inline bool wait_final(JobService& service, const std::string& id) {
    auto woken = std::make_shared<std::promise<void>>();
    auto future = woken->get_future();
    const auto handle = service.when_final(id, [woken] { woken->set_value(); });
    return future.wait_for(patience) == std::future_status::ready;
}

/// Holds evaluations back until it is opened, and tells who has arrived.
class Gate {
public:
    void pass(const std::string& who) {
        std::unique_lock lock(mutex_);
        arrived_.insert(who);
        changed_.notify_all();
        changed_.wait(lock, [this] { return open_; });
    }
    void open() {
        const std::scoped_lock lock(mutex_);
        open_ = true;
        changed_.notify_all();
    }
    [[nodiscard]] bool wait_for(const std::string& who) {
        std::unique_lock lock(mutex_);
        return changed_.wait_for(lock, patience, [&] { return arrived_.contains(who); });
    }
    [[nodiscard]] bool has_arrived(const std::string& who) {
        const std::scoped_lock lock(mutex_);
        return arrived_.contains(who);
    }
    [[nodiscard]] Evaluate evaluate() {
        return [this](const Job& job, const Bytes& inputs) {
            pass(job.submission.id);
            return transform(job, inputs);
        };
    }

private:
    std::mutex mutex_;
    std::condition_variable changed_;
    std::set<std::string> arrived_;
    bool open_ = false;
};

/// A running service, on a clock that stands still.
class Service : public ::testing::Test {
protected:
    JobService& start(Evaluate evaluate = transform, ServiceOptions options = {}) {
        service_ = std::make_unique<JobService>(open_store(directory_, clock_.clock()), std::move(evaluate),
                                                std::move(options), clock_.clock());
        const auto started = service_->start();
        if (!started) throw std::runtime_error(started.error().message);
        return *service_;
    }
    Job find(const std::string& id) {
        auto job = service_->find(id, "alice");
        if (!job) throw std::runtime_error(job.error().message);
        return std::move(*job);
    }

    TempDirectory directory_;
    ManualClock clock_;
    Gate gate_;  // before the service, whose workers may still pass it when the test is over
    std::unique_ptr<JobService> service_;
};

}  // namespace einfer::jobs::test
