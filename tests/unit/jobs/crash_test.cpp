// kill -9 at random times. What was acknowledged exists, ends, and ends once.
#include "unit/jobs/support.h"

#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <functional>
#include <map>
#include <random>
#include <thread>

namespace einfer::jobs::test {
namespace {

/// Inputs that can be told from the id, so that whoever finds a job can check its result.
Bytes inputs_of(const std::string& id) {
    const auto seed = std::stoull(id.substr(0, 8), nullptr, 16);
    return pattern(seed % 60'000, seed);
}

Submission submission_of(const std::string& id) {
    Submission job = submission();
    job.id = id;
    job.inputs = std::make_shared<const Bytes>(inputs_of(id));
    return job;
}

/// Every eighth.
bool will_be_erased(const std::string& id) { return id[0] == '0' || id[0] == '8'; }

/// What a child tells its parent: one letter and an id, in one write, which a pipe does not tear.
constexpr std::size_t record_size = 33;

void tell(int pipe, char what, const std::string& id) {
    const std::string record = what + id;
    if (::write(pipe, record.data(), record.size()) != static_cast<ssize_t>(record.size())) _exit(3);
}

/// A server process that is killed sooner or later. No test macros in here: it shares the parent's output.
[[noreturn]] void serve(const TempDirectory& directory, int pipe) {
    auto store = SqliteStore::open(directory.data(), system_now);
    if (!store) _exit(2);
    ServiceOptions options;
    options.workers = 2;
    options.max_queued_jobs = 24;
    options.max_attempts = 1000;
    options.observe = [pipe](Event event, const Job& job) {
        if (event == Event::Completed || event == Event::Failed) tell(pipe, 'f', job.submission.id);
    };
    JobService service(std::move(*store), transform, options, system_now);
    if (!service.start()) _exit(2);
    for (;;) {
        const std::string id = random_id();
        const auto taken = service.submit(submission_of(id), [pipe, id, &service](const Result<Accepted>& written) {
            if (!written) return;
            tell(pipe, 'a', id);
            if (!will_be_erased(id)) return;
            (void)service.erase(id, "alice", [pipe, id](const Result<void>& erased) {
                if (erased) tell(pipe, 'e', id);
            });
        });
        if (!taken) std::this_thread::sleep_for(std::chrono::microseconds(500));
    }
}

struct Child {
    pid_t process = -1;
    int pipe = -1;
};

Child fork_child(const std::function<void(int)>& run) {
    int ends[2];
    if (::pipe(ends) != 0) throw std::runtime_error("no pipe");
    const pid_t process = ::fork();
    if (process < 0) throw std::runtime_error("no child");
    if (process == 0) {
        ::close(ends[0]);
        run(ends[1]);
        _exit(0);
    }
    ::close(ends[1]);
    return {process, ends[0]};
}

/// Reads whole records until `count` of them or the end.
std::vector<std::string> read_records(int pipe, std::size_t count) {
    std::vector<std::string> records;
    std::string buffer;
    char block[record_size];
    while (records.size() < count) {
        const ssize_t got = ::read(pipe, block, record_size - buffer.size());
        if (got <= 0) break;
        buffer.append(block, static_cast<std::size_t>(got));
        if (buffer.size() == record_size) records.push_back(std::exchange(buffer, {}));
    }
    return records;
}

struct Final {
    State state;
    UnixMillis finished_at;
    int attempt;
    Bytes result;
    bool operator==(const Final&) const = default;
};

class History {
public:
    void note(const std::vector<std::string>& records) {
        for (const std::string& record : records) {
            const std::string id = record.substr(1);
            accepted_.insert(id);  // a final one was accepted, even if that message was lost in the crash
            if (record[0] == 'f') reported_.insert(id);
            if (record[0] == 'e') erased_.insert(id);
        }
    }
    void check(SqliteStore& store) {
        for (const std::string& id : accepted_) {
            const auto job = store.find(id, "alice");
            if (!job && job.error().code == ErrorCode::JobExpired && will_be_erased(id)) {
                erased_.insert(id);  // it was, even if that message was lost in the crash; from now on it has to be
                EXPECT_FALSE(store.inputs(id));
                continue;
            }
            ASSERT_TRUE(job) << "an acknowledged job is gone";
            EXPECT_FALSE(erased_.contains(id)) << "an erased job is back";
            if (!is_final(job->state)) {
                EXPECT_FALSE(reported_.contains(id)) << "a reported end is gone";
                EXPECT_FALSE(finals_.contains(id)) << "an end was taken back";
                EXPECT_EQ(**store.inputs(id), inputs_of(id));
                continue;
            }
            const Final now{job->state, *job->finished_at, job->attempt, job->outcome->result};
            const auto [first, fresh] = finals_.emplace(id, now);
            EXPECT_TRUE(first->second == now) << "an end has changed";
            if (fresh) {
                EXPECT_EQ(now.state, State::Completed);
                EXPECT_EQ(now.result, transformed(inputs_of(id)));
            }
        }
    }
    [[nodiscard]] const std::set<std::string>& accepted() const { return accepted_; }
    /// Jobs that have come to an end, of one kind or the other.
    [[nodiscard]] std::size_t ended() const {
        std::set<std::string> all = erased_;
        for (const auto& [id, end] : finals_) all.insert(id);
        return all.size();
    }
    [[nodiscard]] std::size_t erased() const { return erased_.size(); }

private:
    std::set<std::string> accepted_;
    std::set<std::string> reported_;
    std::set<std::string> erased_;
    std::map<std::string, Final> finals_;
};

TEST(Crash, KilledAtRandomTimes) {
    const TempDirectory directory;
    History history;
    const unsigned seed = std::random_device{}();
    SCOPED_TRACE("seed " + std::to_string(seed));
    std::minstd_rand random(seed);
    for (int round = 0; round < 15; ++round) {
        const Child child = fork_child([&](int pipe) { serve(directory, pipe); });
        // Every second round early, while the child still recovers.
        const std::size_t records = 1 + random() % (round % 2 == 0 ? 3 : 80);
        history.note(read_records(child.pipe, records));
        // Every third round at the very moment of an acknowledgement.
        if (round % 3 != 0) std::this_thread::sleep_for(std::chrono::microseconds(random() % 5000));
        ::kill(child.process, SIGKILL);
        history.note(read_records(child.pipe, SIZE_MAX));
        ::close(child.pipe);
        int status = 0;
        ASSERT_EQ(::waitpid(child.process, &status, 0), child.process);
        ASSERT_TRUE(WIFSIGNALED(status)) << "the child failed by itself: " << status;
        const auto store = open_store(directory);
        history.check(*store);
        if (HasFatalFailure()) return;
    }

    ServiceOptions options;
    options.workers = 2;
    options.max_attempts = 1000;
    {
        JobService service(open_store(directory), transform, options, system_now);
        ASSERT_TRUE(service.start());
        for (const std::string& id : history.accepted()) ASSERT_TRUE(wait_final(service, id));
    }
    EXPECT_GT(history.accepted().size(), 100u) << "the test has tested something";
    EXPECT_GT(history.erased(), 3u);
    const auto store = open_store(directory);
    history.check(*store);
    EXPECT_EQ(history.ended(), history.accepted().size());
}

TEST(Crash, EveryAcceptedJobIsFinalInTheEnd) {
    const TempDirectory directory;
    History history;
    for (int round = 0; round < 2; ++round) {
        const Child child = fork_child([&](int pipe) { serve(directory, pipe); });
        history.note(read_records(child.pipe, 60));
        ::kill(child.process, SIGKILL);
        history.note(read_records(child.pipe, SIZE_MAX));
        ::close(child.pipe);
        ::waitpid(child.process, nullptr, 0);
    }
    {
        JobService service(open_store(directory), transform, {}, system_now);
        ASSERT_TRUE(service.start());
        for (const std::string& id : history.accepted()) ASSERT_TRUE(wait_final(service, id));
    }
    const auto store = open_store(directory);
    history.check(*store);
    EXPECT_EQ(history.ended(), history.accepted().size());
}

// A job that kills the process takes the jobs that run beside it along. It must not take them along for good.
TEST(Crash, APoisonJobFailsAndItsNeighboursFinish) {
    const TempDirectory directory;
    std::vector<Submission> sent;
    for (std::size_t i = 0; i < 5; ++i) sent.push_back(submission(1000, i));
    const std::string poison = sent[1].id;
    {
        const auto store = open_store(directory);
        for (const Submission& job : sent) ASSERT_TRUE(apply(*store, SqliteStore::Insert{job}));
    }
    ServiceOptions options;
    options.workers = 3;
    options.max_attempts = 3;

    int deaths = 0;
    for (; deaths < 20; ++deaths) {
        const Child child = fork_child([&](int) {
            // At the first time three jobs run at once; later, the poison must be alone.
            std::atomic<int> running = 0;
            auto store = SqliteStore::open(directory.data(), system_now);
            if (!store) _exit(2);
            JobService service(
                std::move(*store),
                [&](const Job& job, const Bytes& inputs) {
                    ++running;
                    if (deaths == 0)
                        while (running < 3) std::this_thread::yield();
                    if (job.submission.id == poison) ::raise(SIGKILL);
                    if (deaths == 0)
                        for (;;) ::pause();
                    --running;
                    return transform(job, inputs);
                },
                options, system_now);
            if (!service.start()) _exit(2);
            for (const Submission& job : sent)
                if (!wait_final(service, job.id)) _exit(4);
        });
        int status = 0;
        ASSERT_EQ(::waitpid(child.process, &status, 0), child.process);
        ::close(child.pipe);
        if (WIFEXITED(status)) {
            ASSERT_EQ(WEXITSTATUS(status), 0);
            break;
        }
    }
    EXPECT_EQ(deaths, 3);
    const auto store = open_store(directory);
    for (const Submission& job : sent) {
        const auto found = store->find(job.id, "alice");
        ASSERT_TRUE(found);
        if (job.id == poison) {
            EXPECT_EQ(found->state, State::Failed);
            EXPECT_EQ(found->attempt, 3);
            EXPECT_EQ(found->outcome->error->code, ErrorCode::Internal);
        } else {
            EXPECT_EQ(found->state, State::Completed);
            EXPECT_EQ(found->outcome->result, transformed(*job.inputs));
            EXPECT_LE(found->attempt, 2);
        }
    }
}

}  // namespace
}  // namespace einfer::jobs::test
