// What one tenant may have, and all of them together.
#include "jobs/sqlite_schema.h"
#include "unit/jobs/faulty_disk.h"
#include "unit/jobs/sql.h"
#include "unit/jobs/support.h"

#include <map>
#include <random>

namespace einfer::jobs::test {
namespace {

using Insert = SqliteStore::Insert;
using Claim = SqliteStore::Claim;
using Finish = SqliteStore::Finish;

Submission of(std::string tenant, std::size_t size = 16, Quota quota = {}) {
    Submission job = submission(size);
    job.tenant = std::move(tenant);
    job.quota = quota;
    return job;
}

class Quotas : public Service {};

TEST_F(Quotas, QueuedJobsAreCountedPerTenant) {
    const Quota two{.max_queued_jobs = 2};
    JobService& service = start(gate_.evaluate());
    const Submission first = of("alice", 16, two), second = of("alice", 16, two);
    ASSERT_TRUE(submit(service, first));
    ASSERT_TRUE(submit(service, second));
    const auto refused = submit(service, of("alice", 16, two));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::RateLimited);
    EXPECT_EQ(refused.error().details.front().second, "queued_jobs");
    EXPECT_TRUE(submit(service, of("alice", 16, {.max_queued_jobs = 3}))) << "the quota is the request's";
    EXPECT_TRUE(submit(service, of("bob", 16, {.max_queued_jobs = 1}))) << "the others' jobs do not count";
    EXPECT_TRUE(submit(service, of("carol")));
    gate_.open();
    for (const auto& job : {first, second}) ASSERT_TRUE(wait_final(service, job.id));
    EXPECT_TRUE(submit(service, of("alice", 16, two))) << "room again";
}

TEST_F(Quotas, JobsOfAnEarlierProcessCount) {
    {
        const auto store = open_store(directory_, clock_.clock());
        for (int i = 0; i < 3; ++i) ASSERT_TRUE(apply(*store, Insert{of("alice")}));
    }
    JobService& service = start(gate_.evaluate());
    EXPECT_EQ(submit(service, of("alice", 16, {.max_queued_jobs = 3})).error().code, ErrorCode::RateLimited);
    EXPECT_TRUE(submit(service, of("alice", 16, {.max_queued_jobs = 4})));
    gate_.open();
}

TEST_F(Quotas, StoredBytesOfATenant) {
    ServiceOptions options;
    options.result_ttl = std::chrono::milliseconds(1000);
    options.expiry_interval = std::chrono::milliseconds(1);
    JobService& service = start(transform, options);
    const Quota quota{.max_stored_bytes = 1000};
    const Submission first = of("alice", 600, quota);
    ASSERT_TRUE(submit(service, first));
    ASSERT_TRUE(wait_final(service, first.id));
    const auto refused = submit(service, of("alice", 401, quota));
    ASSERT_FALSE(refused) << "its result is as large as its inputs";
    EXPECT_EQ(refused.error().code, ErrorCode::RateLimited);
    EXPECT_EQ(refused.error().details.front().second, "stored_bytes");
    EXPECT_EQ(service.load().unfinished_jobs, 0u);
    EXPECT_TRUE(submit(service, of("bob", 401, quota)));
    const Submission second = of("alice", 400, quota);
    EXPECT_TRUE(submit(service, second)) << "exactly full";
    ASSERT_TRUE(wait_final(service, second.id));
    EXPECT_EQ(submit(service, of("alice", 1, quota)).error().code, ErrorCode::RateLimited);

    clock_.advance(1001);
    const auto deadline = std::chrono::steady_clock::now() + patience;
    while (!submit(service, of("alice", 1000, quota)) && std::chrono::steady_clock::now() < deadline)
        std::this_thread::yield();
    EXPECT_LT(std::chrono::steady_clock::now(), deadline) << "expiry gives bytes back";
}

TEST_F(Quotas, StoredBytesOfAllTenants) {
    ServiceOptions options;
    options.max_stored_bytes = 1000;
    JobService& service = start(gate_.evaluate(), options);
    ASSERT_TRUE(submit(service, of("alice", 500)));
    ASSERT_TRUE(submit(service, of("bob", 500)));
    EXPECT_EQ(submit(service, of("carol", 1)).error().code, ErrorCode::Overloaded);
    EXPECT_TRUE(submit(service, of("carol", 0)));
    gate_.open();
}

TEST_F(Quotas, StoredBytesCountTheResultThatIsToCome) {
    ServiceOptions options;
    options.max_stored_bytes = 3000;
    JobService& service = start(gate_.evaluate(), options);
    const auto large_answer = [this](const std::string& tenant, const Quota& quota) {
        Submission made = of(tenant, 100, quota);
        made.result_bytes = 1000;
        return made;
    };
    const Quota quota{.max_stored_bytes = 2500};
    EXPECT_TRUE(submit(service, large_answer("alice", quota)));
    EXPECT_TRUE(submit(service, large_answer("alice", quota)));
    EXPECT_EQ(submit(service, large_answer("alice", quota)).error().code, ErrorCode::RateLimited);
    EXPECT_TRUE(submit(service, large_answer("bob", quota)));
    EXPECT_EQ(submit(service, large_answer("carol", quota)).error().code, ErrorCode::Overloaded);
    EXPECT_EQ(service.load().unfinished_bytes, 300u) << "in memory they are what they are";
    gate_.open();
}

TEST_F(Quotas, AResultIsStoredWhateverTheQuota) {
    JobService& service = start([](const Job&, const Bytes&) { return completed(pattern(100'000, 1)); });
    const Submission sent = of("alice", 10, {.max_stored_bytes = 10});
    ASSERT_TRUE(submit(service, sent));
    ASSERT_TRUE(wait_final(service, sent.id));
    EXPECT_EQ(find(sent.id).outcome->result.size(), 100'000u);
    EXPECT_EQ(submit(service, of("alice", 0, {.max_stored_bytes = 10})).error().code, ErrorCode::RateLimited);
}

/// What the counters say, held against what the tables hold.
void expect_exact(SqliteStore& store, const TempDirectory& directory) {
    std::uint64_t all = 0;
    const auto sums = run_sql(directory, R"sql(
        SELECT tenant, sum(size) FROM
            (SELECT job, length(bytes) AS size FROM job_inputs UNION ALL SELECT job, length(bytes) FROM job_results)
            JOIN jobs ON job = seq
        GROUP BY tenant HAVING sum(size) > 0 ORDER BY tenant)sql");
    for (const auto& row : sums) {
        EXPECT_EQ(store.stored_bytes(row[0])->of_tenant, std::stoull(row[1]));
        all += std::stoull(row[1]);
    }
    EXPECT_EQ(store.stored_bytes("nobody")->of_tenant, 0u);
    EXPECT_EQ(store.stored_bytes("nobody")->of_all, all);
}

TEST(StoredBytes, AreExactAfterAnyHistory) {
    for (unsigned seed = 0; seed < 4; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::minstd_rand random(seed + 1);
        FaultyDisk disk;
        auto directory = std::make_unique<TempDirectory>();
        ManualClock clock;
        auto store = open_store(*directory, clock.clock());
        std::vector<std::string> ids;
        for (int step = 0; step < 120; ++step) {
            clock.advance(static_cast<UnixMillis>(random() % 100));
            std::vector<SqliteStore::Write> writes;
            for (auto count = random() % 4; count > 0; --count) {
                const int attempt = static_cast<int>(1 + random() % 2);
                const std::string id = ids.empty() ? random_id() : ids[random() % ids.size()];
                switch (random() % 5) {
                    case 0:
                    case 1: {
                        Submission job = of("tenant " + std::to_string(random() % 5), random() % 3 * 7000);
                        job.quota.max_stored_bytes = 60'000;
                        job.idempotency_key = random() % 2 == 0 ? "" : std::to_string(random() % 10);
                        ids.push_back(job.id);
                        writes.push_back(Insert{std::move(job), random() % 2 == 0, 200'000});
                        break;
                    }
                    case 2: writes.push_back(Claim{id, attempt}); break;
                    case 3: writes.push_back(Finish{id, attempt, completed(Bytes(random() % 9000))}); break;
                    default: writes.push_back(Finish{id, attempt, failed({ErrorCode::Internal, "no"})});
                }
            }
            const bool faulty = random() % 6 == 0;
            if (faulty) disk.set(FaultyDisk::Fault::WriteFails);
            (void)store->apply(writes);
            if (random() % 3 == 0) (void)store->expire(clock.now() - 500, clock.now() - 1000, 1 + random() % 5);
            disk.set(FaultyDisk::Fault::None);

            if (random() % 30 == 0) {  // what a crash leaves
                auto crashed = std::make_unique<TempDirectory>();
                std::filesystem::copy(directory->data(), crashed->data());
                store.reset();
                directory = std::move(crashed);
                store = open_store(*directory, clock.clock());
            }
            if (step % 10 == 0) expect_exact(*store, *directory);
        }
        expect_exact(*store, *directory);
        for (const auto& job : *store->unfinished()) {
            ASSERT_TRUE(apply(*store, Claim{job.id, job.attempt + 1}));
            ASSERT_TRUE(apply(*store, Finish{job.id, job.attempt + 1, completed({1})}));
        }
        ASSERT_TRUE(store->expire(clock.now() + 1, 0, 1000));
        expect_exact(*store, *directory);
    }
}

TEST(StoredBytes, AreCountedAnewWhenTheStoreIsOpened) {
    const TempDirectory directory;
    {
        const auto store = open_store(directory);
        ASSERT_TRUE(apply(*store, Insert{of("alice", 100)}));
        ASSERT_TRUE(apply(*store, Insert{of("bob", 200)}));
    }
    const auto store = open_store(directory);
    expect_exact(*store, directory);
    EXPECT_EQ(store->stored_bytes("bob")->of_tenant, 200u);
}

// Or memory would grow with the tenants' ids.
TEST(StoredBytes, OfTenantsWithoutAnyAreNotKept) {
    const TempDirectory directory;
    { const auto store = open_store(directory); }
    SqliteConnection connection(directory.data() / "jobs.sqlite3");
    ASSERT_TRUE(prepare_writer(connection));
    connection.execute(R"sql(
        INSERT INTO jobs(id, tenant, model_id, model_version, encoding, request_digest, batch_size, seal_minor, state,
                         attempt, created_at, stored_bytes)
        SELECT 'job ' || value, 'tenant ' || (value % 10), 'm', '1', 'hex', '', 1, 1, 0, 0, 0, value % 4 * 100
        FROM (WITH RECURSIVE n(value) AS (SELECT 0 UNION ALL SELECT value + 1 FROM n LIMIT 100) SELECT * FROM n))sql");
    EXPECT_EQ(connection.integer("SELECT count(*) FROM tenants"), 10);
    EXPECT_EQ(connection.integer("SELECT stored_bytes FROM all_tenants"), 25 * 600);
    connection.execute("UPDATE jobs SET stored_bytes = 0 WHERE tenant > 'tenant 4'");
    EXPECT_EQ(connection.integer("SELECT count(*) FROM tenants"), 5);
    connection.execute("BEGIN; DELETE FROM jobs; ROLLBACK");
    EXPECT_EQ(connection.integer("SELECT count(*) FROM tenants"), 5);
    connection.execute("DELETE FROM jobs");
    EXPECT_EQ(connection.integer("SELECT count(*) FROM tenants"), 0);
    EXPECT_EQ(connection.integer("SELECT stored_bytes FROM all_tenants"), 0);
}

}  // namespace
}  // namespace einfer::jobs::test
