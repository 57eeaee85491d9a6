// Clocks that jump.
#include "jobs/expiry_clock.h"
#include "unit/jobs/support.h"

#include <map>
#include <random>

namespace einfer::jobs::test {
namespace {

using std::chrono::milliseconds;

class Clocks : public ::testing::Test {
protected:
    /// Time passes; the wall clock shows `jump` more than that.
    UnixMillis pass(UnixMillis time, UnixMillis jump = 0) {
        steady_ += milliseconds(time);
        wall_ += time + jump;
        return clock_.now(wall_, steady_);
    }
    static constexpr UnixMillis hour = 3600'000;
    ExpiryClock clock_{milliseconds(hour)};
    ExpiryClock::Time steady_{milliseconds(5000)};
    UnixMillis wall_ = 1'700'000'000'000;
};

TEST_F(Clocks, FollowTheWallClock) {
    EXPECT_EQ(pass(0), wall_);
    EXPECT_EQ(pass(1000), wall_);
    EXPECT_EQ(pass(1000, 900), wall_) << "a clock is adjusted now and then";
    EXPECT_EQ(pass(1000, -900), wall_);
}

TEST_F(Clocks, AJumpForwardThatIsTakenBackIsNeverBelieved) {
    const UnixMillis start = pass(0);
    EXPECT_EQ(pass(1000, 48 * hour), start + 1000);
    EXPECT_EQ(pass(1000), start + 2000);
    EXPECT_EQ(pass(1000, -48 * hour), start + 3000);
    EXPECT_EQ(pass(2 * hour), wall_);
}

TEST_F(Clocks, AJumpForwardThatLastsIsBelievedInTheEnd) {
    const UnixMillis start = pass(0);
    EXPECT_EQ(pass(1000, 5 * hour), start + 1000);
    EXPECT_EQ(pass(hour / 2), start + 1000 + hour / 2);
    EXPECT_EQ(pass(hour / 2), wall_);
    EXPECT_EQ(pass(1000), wall_);
}

TEST_F(Clocks, AClockSetBackIsBelievedAtOnce) {
    pass(0);
    EXPECT_EQ(pass(1000, -5 * hour), wall_);
    EXPECT_EQ(pass(1000), wall_);
}

// Whatever the clock does, a job's times are in order, and what is final does not change.
TEST(ClockJumps, NoJobRunsBackwards) {
    const TempDirectory directory;
    ManualClock clock;
    auto store = open_store(directory, clock.clock());
    std::minstd_rand random(7);
    std::vector<std::string> ids;
    std::map<std::string, Job> finals;
    for (int step = 0; step < 200; ++step) {
        clock.advance(static_cast<UnixMillis>(random() % 2'000'000) - 1'000'000);
        const std::string id = ids.empty() ? "" : ids[random() % ids.size()];
        const int attempt = static_cast<int>(1 + random() % 2);
        switch (random() % 4) {
            case 0: {
                Submission job = submission();
                ids.push_back(job.id);
                ASSERT_TRUE(apply(*store, SqliteStore::Insert{std::move(job), random() % 2 == 0}));
                break;
            }
            case 1: (void)apply(*store, SqliteStore::Claim{id, attempt}); break;
            case 2: (void)apply(*store, SqliteStore::Finish{id, attempt, completed(Bytes{1, 2})}); break;
            default: (void)apply(*store, SqliteStore::Finish{id, attempt, failed({ErrorCode::Internal, "no"})});
        }
        if (step % 50 == 49) {
            store.reset();
            store = open_store(directory, clock.clock());
        }
        if (step % 10 != 0) continue;
        for (const std::string& each : ids) {
            const Job job = store->find(each, "alice").value();
            EXPECT_LE(job.created_at, job.started_at.value_or(job.created_at));
            EXPECT_LE(job.started_at.value_or(0), job.finished_at.value_or(job.started_at.value_or(0)));
            if (!is_final(job.state)) continue;
            const Job& first = finals.emplace(each, job).first->second;
            EXPECT_EQ(job.state, first.state);
            EXPECT_EQ(job.finished_at, first.finished_at);
            EXPECT_EQ(job.outcome->result, first.outcome->result);
        }
    }
    EXPECT_GT(finals.size(), 5u) << "the test has tested something";
}

// The service, too: the clock jumps by days, an expiry step comes, and the result is still there.
TEST_F(Service, AJumpForwardExpiresNothing) {
    ServiceOptions options;
    options.expiry_interval = milliseconds(1);
    JobService& service = start(transform, options);
    const Submission sent = submission();
    ASSERT_TRUE(submit(service, sent));
    ASSERT_TRUE(wait_final(service, sent.id));
    clock_.advance(UnixMillis{5} * 24 * 3600'000);
    for (int i = 0; i < 5; ++i) {
        ASSERT_TRUE(submit(service, submission()));  // through the store thread, which expires in between
        std::this_thread::sleep_for(milliseconds(3));
    }
    EXPECT_TRUE(service.find(sent.id, "alice"));
}

}  // namespace
}  // namespace einfer::jobs::test
