// Databases that earlier versions wrote.
#include "jobs/checksum.h"
#include "unit/jobs/faulty_disk.h"
#include "unit/jobs/sql.h"
#include "unit/jobs/support.h"

namespace einfer::jobs::test {
namespace {

using Insert = SqliteStore::Insert;
using Claim = SqliteStore::Claim;
using Finish = SqliteStore::Finish;

// The tables as version 1 made them, and a job in each state. Never to be changed.
constexpr const char* version_1 = R"sql(
    PRAGMA page_size = 16384;
    PRAGMA auto_vacuum = INCREMENTAL;
    PRAGMA journal_mode = WAL;
    CREATE TABLE jobs(
        seq            INTEGER PRIMARY KEY,
        id             TEXT    NOT NULL UNIQUE,
        tenant         TEXT    NOT NULL,
        model_id       TEXT    NOT NULL,
        model_version  TEXT    NOT NULL,
        encoding       TEXT    NOT NULL,
        request_digest TEXT    NOT NULL,
        batch_size     INTEGER NOT NULL,
        seal_minor     INTEGER NOT NULL,
        state          INTEGER NOT NULL CHECK (state BETWEEN 0 AND 4),
        attempt        INTEGER NOT NULL,
        created_at     INTEGER NOT NULL,
        started_at     INTEGER,
        finished_at    INTEGER,
        error_code     TEXT,
        error_message  TEXT,
        error_details  BLOB,
        error_bound    REAL
    ) STRICT;
    CREATE TABLE job_inputs(
        job   INTEGER PRIMARY KEY REFERENCES jobs(seq) ON DELETE CASCADE,
        bytes BLOB NOT NULL
    ) STRICT;
    CREATE TABLE job_results(
        job   INTEGER PRIMARY KEY REFERENCES jobs(seq) ON DELETE CASCADE,
        bytes BLOB NOT NULL
    ) STRICT;
    CREATE INDEX jobs_unfinished ON jobs(seq) WHERE state IN (0, 1);
    CREATE INDEX jobs_finished ON jobs(finished_at) WHERE state IN (2, 3);
    CREATE INDEX jobs_expired ON jobs(finished_at) WHERE state = 4;
    PRAGMA user_version = 1;

    INSERT INTO jobs VALUES(1, 'queued', 'alice', 'm', '1.0.0', 'hex', 'd1', 1, 1, 0, 0, 1000,
                            NULL, NULL, NULL, NULL, NULL, NULL);
    INSERT INTO job_inputs VALUES(1, x'0102');
    INSERT INTO jobs VALUES(2, 'running', 'alice', 'm', '1.0.0', 'hex', 'd2', 2, 2, 1, 1, 1000,
                            1001, NULL, NULL, NULL, NULL, NULL);
    INSERT INTO job_inputs VALUES(2, zeroblob(50000));
    INSERT INTO jobs VALUES(3, 'completed', 'bob', 'm', '1.0.0', 'base64', 'd3', 3, 2, 2, 1, 1000,
                            1001, 1002, NULL, NULL, NULL, 0.5);
    INSERT INTO job_results VALUES(3, x'030303');
    INSERT INTO jobs VALUES(4, 'failed', 'bob', 'm', '1.0.0', 'hex', 'd4', 4, 2, 3, 1, 1000,
                            1001, 1002, 'INCOMPATIBLE_CIPHERTEXT', 'no', x'01000000610100000062', NULL);
    INSERT INTO jobs VALUES(5, 'expired', 'carol', 'm', '1.0.0', 'hex', 'd5', 5, 2, 4, 1, 1000,
                            1001, 1002, NULL, NULL, NULL, NULL);
)sql";

// What version 2 made of them. Never to be changed.
constexpr const char* version_2 = R"sql(
    ALTER TABLE jobs ADD COLUMN idempotency_key TEXT;
    ALTER TABLE jobs ADD COLUMN stored_bytes INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE jobs ADD COLUMN request_checksum INTEGER;
    ALTER TABLE jobs ADD COLUMN input_checksum INTEGER;
    ALTER TABLE jobs ADD COLUMN outcome_checksum INTEGER;
    CREATE UNIQUE INDEX jobs_keys ON jobs(tenant, idempotency_key) WHERE idempotency_key IS NOT NULL;
    UPDATE jobs SET stored_bytes = coalesce((SELECT length(bytes) FROM job_inputs WHERE job = seq), 0)
                                 + coalesce((SELECT length(bytes) FROM job_results WHERE job = seq), 0)
        WHERE state IN (0, 1, 2, 3);

    CREATE TABLE tenants(
        tenant       TEXT PRIMARY KEY,
        stored_bytes INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE all_tenants(
        row          INTEGER PRIMARY KEY CHECK (row = 1),
        stored_bytes INTEGER NOT NULL
    ) STRICT;
    INSERT INTO all_tenants VALUES(1, 0);
    CREATE TRIGGER jobs_inserted AFTER INSERT ON jobs WHEN NEW.stored_bytes <> 0 BEGIN
        INSERT INTO tenants VALUES(NEW.tenant, NEW.stored_bytes)
            ON CONFLICT(tenant) DO UPDATE SET stored_bytes = stored_bytes + excluded.stored_bytes;
        UPDATE all_tenants SET stored_bytes = stored_bytes + NEW.stored_bytes;
    END;
    CREATE TRIGGER jobs_updated AFTER UPDATE OF stored_bytes ON jobs WHEN NEW.stored_bytes <> OLD.stored_bytes BEGIN
        INSERT INTO tenants VALUES(NEW.tenant, NEW.stored_bytes - OLD.stored_bytes)
            ON CONFLICT(tenant) DO UPDATE SET stored_bytes = stored_bytes + excluded.stored_bytes;
        DELETE FROM tenants WHERE tenant = NEW.tenant AND stored_bytes = 0;
        UPDATE all_tenants SET stored_bytes = stored_bytes + NEW.stored_bytes - OLD.stored_bytes;
    END;
    CREATE TRIGGER jobs_deleted AFTER DELETE ON jobs WHEN OLD.stored_bytes <> 0 BEGIN
        UPDATE tenants SET stored_bytes = stored_bytes - OLD.stored_bytes WHERE tenant = OLD.tenant;
        DELETE FROM tenants WHERE tenant = OLD.tenant AND stored_bytes = 0;
        UPDATE all_tenants SET stored_bytes = stored_bytes - OLD.stored_bytes;
    END;
    PRAGMA user_version = 2;
)sql";

/// The checksum that version 2 wrote for a request.
std::int64_t checksum_of_version_2(const Submission& job, UnixMillis created_at) {
    return Checksum()
        .add(job.id)
        .add(job.tenant)
        .add(job.model_id)
        .add(job.model_version)
        .add(job.encoding)
        .add(job.request_digest)
        .add(std::int64_t{job.batch_size})
        .add(std::int64_t{job.seal_minor})
        .add(job.idempotency_key)
        .add(created_at)
        .value();
}

class Migration : public ::testing::Test {
protected:
    Migration() {
        std::filesystem::create_directory(directory_.data());
        run_sql(directory_, version_1);
    }
    FaultyDisk disk_;
    TempDirectory directory_;
};

TEST_F(Migration, KeepsEveryJob) {
    for (int opened = 0; opened < 2; ++opened) {
        const auto store = open_store(directory_);
        EXPECT_EQ(store->find("queued", "alice")->state, State::Queued);
        EXPECT_EQ(store->find("queued", "alice")->submission.idempotency_key, "");
        EXPECT_EQ(**store->inputs("queued"), (Bytes{1, 2}));
        EXPECT_EQ(store->find("running", "alice")->started_at, 1001);
        EXPECT_EQ(**store->inputs("running"), Bytes(50'000));
        EXPECT_EQ(store->find("completed", "bob")->outcome->result, (Bytes{3, 3, 3}));
        EXPECT_EQ(store->find("completed", "bob")->outcome->error_bound, 0.5);
        EXPECT_EQ(store->find("failed", "bob")->outcome->error->code, ErrorCode::IncompatibleCiphertext);
        EXPECT_EQ(store->find("failed", "bob")->outcome->error->details.front().second, "b");
        EXPECT_EQ(store->find("expired", "carol").error().code, ErrorCode::JobExpired);
        ASSERT_EQ(store->unfinished()->size(), 2u);
        EXPECT_EQ(store->unfinished()->at(1).tenant, "alice");
        EXPECT_EQ(store->unfinished()->at(1).input_bytes, 50'000u);
        EXPECT_EQ(store->stored_bytes("alice")->of_tenant, 50'002u);
        EXPECT_EQ(store->stored_bytes("bob")->of_tenant, 3u);
        EXPECT_EQ(store->stored_bytes("carol")->of_tenant, 0u);
        EXPECT_EQ(store->stored_bytes("carol")->of_all, 50'005u);
    }
    EXPECT_EQ(run_sql(directory_, "PRAGMA user_version").front().front(), "3");
    EXPECT_EQ(run_sql(directory_, "PRAGMA integrity_check").front().front(), "ok");
}

TEST_F(Migration, FromVersion2) {
    run_sql(directory_, version_2);
    Submission job;
    job.id = "of version 2";
    job.tenant = "dave";
    job.model_id = "m";
    job.model_version = "1.0.0";
    job.encoding = "hex";
    job.request_digest = "d6";
    job.seal_minor = 3;
    job.idempotency_key = "k";
    run_sql(directory_,
            "INSERT INTO jobs(seq, id, tenant, model_id, model_version, encoding, request_digest, batch_size, "
            "seal_minor, state, attempt, created_at, idempotency_key, stored_bytes, request_checksum) VALUES(6, 'of "
            "version 2', 'dave', 'm', '1.0.0', 'hex', 'd6', 1, 3, 0, 0, 1000, 'k', 2, " +
                std::to_string(checksum_of_version_2(job, 1000)) + ")");
    run_sql(directory_, "INSERT INTO job_inputs VALUES(6, x'0102')");
    for (int opened = 0; opened < 2; ++opened) {
        const auto store = open_store(directory_);
        const auto found = store->find(job.id, "dave");
        ASSERT_TRUE(found) << store->last_diagnostic();
        EXPECT_EQ(found->submission.evaluation_key_id, "");
        EXPECT_EQ(found->submission.result_format, "seal");
        EXPECT_EQ(store->find("completed", "bob")->outcome->result, (Bytes{3, 3, 3}));
        EXPECT_EQ(store->find("expired", "carol").error().code, ErrorCode::JobExpired);
        EXPECT_EQ(store->stored_bytes("dave")->of_tenant, 2u);
        job.inputs = std::make_shared<const Bytes>();
        EXPECT_EQ(apply(*store, Insert{job})->repeats, job.id) << "the same body as before there were the new members";
    }
    EXPECT_EQ(run_sql(directory_, "PRAGMA user_version").front().front(), "3");
    EXPECT_EQ(run_sql(directory_, "SELECT count(*) FROM sqlite_schema WHERE name LIKE '%tenants' OR type = 'trigger'")
                  .front()
                  .front(),
              "0")
        << "sums are not on disk any more";
    const auto store = open_store(directory_);
    for (const char* id : {"queued", "running"}) EXPECT_TRUE(apply(*store, SqliteStore::Erase{id, "alice"}));
    EXPECT_EQ(store->stored_bytes("alice")->of_tenant, 0u);
}

TEST_F(Migration, OldJobsLiveOnAndNewOnesCome) {
    const auto store = open_store(directory_);
    ASSERT_TRUE(apply(*store, Claim{"running", 2}));
    ASSERT_TRUE(apply(*store, Finish{"running", 2, completed({7})}));
    EXPECT_EQ(store->find("running", "alice")->outcome->result, Bytes{7});
    EXPECT_EQ(store->stored_bytes("alice")->of_tenant, 3u);
    ASSERT_TRUE(store->expire(2000, 0, 10));
    EXPECT_EQ(store->find("completed", "bob").error().code, ErrorCode::JobExpired);
    EXPECT_EQ(store->stored_bytes("bob")->of_tenant, 0u);
    Submission sent = submission();
    sent.idempotency_key = "k";
    ASSERT_TRUE(apply(*store, Insert{sent}));
    EXPECT_EQ(store->find(sent.id, "alice")->submission.idempotency_key, "k");
}

TEST_F(Migration, IsAllOrNothing) {
    for (const auto fault : {FaultyDisk::Fault::WriteFails, FaultyDisk::Fault::SyncFails}) {
        disk_.set(fault);
        EXPECT_FALSE(SqliteStore::open(directory_.data(), system_now));
        disk_.set(FaultyDisk::Fault::None);
        EXPECT_EQ(run_sql(directory_, "PRAGMA user_version").front().front(), "1");
        EXPECT_EQ(run_sql(directory_, "SELECT count(*) FROM pragma_table_info('jobs')").front().front(), "18");
    }
    EXPECT_EQ(open_store(directory_)->find("completed", "bob")->outcome->result, (Bytes{3, 3, 3}));
}

TEST_F(Migration, AnUpToDateFileOpensOnAFullDisk) {
    open_store(directory_).reset();
    open_store(directory_).reset();
    disk_.set(FaultyDisk::Fault::Full);
    const auto store = SqliteStore::open(directory_.data(), system_now);
    ASSERT_TRUE(store) << store.error().message;
    EXPECT_TRUE((*store)->find("completed", "bob"));
}

}  // namespace
}  // namespace einfer::jobs::test
