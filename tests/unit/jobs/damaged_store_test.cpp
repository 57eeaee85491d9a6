// Databases that something has overwritten: no crash, no wrong answer, and what is sound can be read.
#include "unit/jobs/sql.h"
#include "unit/jobs/support.h"

#include <fstream>
#include <map>
#include <random>

namespace einfer::jobs::test {
namespace {

using Insert = SqliteStore::Insert;
using Claim = SqliteStore::Claim;
using Finish = SqliteStore::Finish;

constexpr std::size_t page = 16384;

/// How many databases each test damages. More with EINFER_DAMAGE_ROUNDS.
unsigned rounds() {
    const char* more = std::getenv("EINFER_DAMAGE_ROUNDS");
    return more == nullptr ? 25 : static_cast<unsigned>(std::stoul(more));
}

std::string read_file(const std::filesystem::path& path) {
    std::ifstream file(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
}
void write_file(const std::filesystem::path& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc) << bytes;
}

/// Jobs in every state, as files.
class Damage : public ::testing::Test {
protected:
    Damage() {
        const auto store = open_store(original_);
        for (std::size_t i = 0; i < 24; ++i) {
            Submission job = submission(i % 3 * 30'000 + 10 * i, i);
            job.model_id = "model " + std::to_string(i);
            job.idempotency_key = "key " + std::to_string(i);
            if (i % 5 == 0) job.evaluation_key_id = std::string(64, static_cast<char>('0' + i % 10));
            if (i % 7 == 0) job.result_format = "compact";
            const std::string id = job.id;
            EXPECT_TRUE(apply(*store, Insert{job}));
            if (i % 4 != 0) {
                EXPECT_TRUE(apply(*store, Claim{id, 1}));
            }
            if (i % 4 == 2) {
                EXPECT_TRUE(apply(*store, Finish{id, 1, completed(transformed(*job.inputs), 0.5)}));
            }
            if (i % 4 == 3) {
                EXPECT_TRUE(apply(*store, Finish{id, 1, failed({ErrorCode::Internal, "no", {{"a", "b"}}})}));
            }
            sent_.emplace(id, std::move(job));
        }
        for (const auto& [id, job] : sent_) before_.emplace(id, store->find(id, "alice").value());
        log_ = read_file(original_.database().string() + "-wal");
        unfolded_ = read_file(original_.database());
    }

    /// What the store may answer about a job: all of the truth, or an error in `allowed`.
    void expect_truth(const std::string& id, const Result<Job>& job, const std::set<ErrorCode>& allowed) {
        if (!job) {
            EXPECT_TRUE(allowed.contains(job.error().code)) << job.error().message;
            return;
        }
        ++readable_;
        const Job& before = before_.at(id);
        const Submission& sent = sent_.at(id);
        EXPECT_EQ(job->submission.id, id);
        EXPECT_EQ(job->submission.model_id, sent.model_id);
        EXPECT_EQ(job->submission.batch_size, sent.batch_size);
        EXPECT_EQ(job->submission.request_digest, sent.request_digest);
        EXPECT_EQ(job->submission.evaluation_key_id, sent.evaluation_key_id);
        EXPECT_EQ(job->submission.result_format, sent.result_format);
        EXPECT_EQ(job->created_at, before.created_at);
        if (job->state == State::Completed) {
            EXPECT_EQ(job->outcome->result, transformed(*sent.inputs));
        }
        if (before.state == State::Completed || before.state == State::Failed) {
            EXPECT_EQ(job->state, before.state) << "a final state changed";
            EXPECT_EQ(job->finished_at, before.finished_at);
        }
    }

    /// Opens what `damage` has done to a copy, reads everything, and lets a service work on it.
    template <class DamageIt>
    void survive(DamageIt damage, const std::set<ErrorCode>& allowed) {
        TempDirectory copy;
        std::filesystem::create_directory(copy.data());
        damage(copy);
        auto store = SqliteStore::open(copy.data(), system_now);
        if (!store) {
            ++refused_;
            EXPECT_EQ(store.error().code, ErrorCode::Internal);
            EXPECT_NE(store.error().message.find("restore"), std::string::npos) << store.error().message;
            return;
        }
        for (const auto& [id, job] : sent_) {
            expect_truth(id, (*store)->find(id, "alice"), allowed);
            EXPECT_FALSE((*store)->find(id, "bob"));
            const auto inputs = (*store)->inputs(id);
            if (inputs) {
                EXPECT_EQ(**inputs, *job.inputs);
            }
        }
        std::atomic<bool> false_inputs = false;
        JobService service(
            std::move(*store),
            [&](const Job& job, const Bytes& inputs) {
                const auto sent = sent_.find(job.submission.id);
                if (sent != sent_.end() && *sent->second.inputs != inputs) false_inputs = true;
                return transform(job, inputs);
            },
            {.workers = 2, .expiry_interval = std::chrono::milliseconds(1)}, system_now);
        if (const auto started = service.start(); !started) {
            ++refused_;
            EXPECT_NE(started.error().message.find("restore"), std::string::npos) << started.error().message;
            return;
        }
        for (const auto& [id, job] : sent_) {
            ASSERT_TRUE(wait_final(service, id));
            Submission again = job;
            again.id = random_id();
            const auto repeated = submit(service, again);
            if (repeated && repeated->repeated) {
                EXPECT_EQ(repeated->job_id, id);
            }
        }
        for (const auto& [id, job] : sent_) expect_truth(id, service.find(id, "alice"), allowed);
        service.stop();
        EXPECT_FALSE(false_inputs);
    }

    TempDirectory original_;
    std::map<std::string, Submission> sent_;
    std::map<std::string, Job> before_;
    std::string unfolded_, log_;  ///< the files as a crash would leave them
    int refused_ = 0, readable_ = 0;
};

class DamagedPages : public Damage {
protected:
    /// A clean stop folds the log.
    DamagedPages() {
        TempDirectory copy;
        std::filesystem::create_directory(copy.data());
        write_file(copy.database(), unfolded_);
        write_file(copy.database().string() + "-wal", log_);
        open_store(copy).reset();
        folded_ = read_file(copy.database());
    }
    [[nodiscard]] std::size_t pages() const { return folded_.size() / page; }
    std::string folded_;
};

TEST_F(DamagedPages, WholePagesOfGarbage) {
    for (unsigned seed = 0; seed < rounds(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::minstd_rand random(seed + 1);
        survive(
            [&](const TempDirectory& copy) {
                std::string bytes = folded_;
                for (unsigned count = 1 + random() % 3; count > 0; --count) {
                    const std::size_t at = random() % pages() * page;
                    const Bytes garbage = random() % 4 == 0 ? Bytes(page) : pattern(page, random());
                    std::copy(garbage.begin(), garbage.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
                }
                write_file(copy.database(), bytes);
            },
            {ErrorCode::Internal});
        if (HasFailure()) return;
    }
    EXPECT_GT(readable_, 0);
    EXPECT_LT(refused_, static_cast<int>(rounds()));
}

// An index that has lost an entry cannot be told from one that never had it: UNKNOWN_JOB is possible here.
TEST_F(DamagedPages, SomeBytesAndMisplacedPages) {
    for (unsigned seed = 0; seed < rounds(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::minstd_rand random(seed + 1);
        survive(
            [&](const TempDirectory& copy) {
                std::string bytes = folded_;
                if (random() % 3 == 0) {
                    std::copy_n(folded_.begin() + static_cast<std::ptrdiff_t>(random() % pages() * page), page,
                                bytes.begin() + static_cast<std::ptrdiff_t>(random() % pages() * page));
                } else {
                    for (unsigned count = 1 + random() % 40; count > 0; --count)
                        bytes[random() % bytes.size()] ^= static_cast<char>(1 + random() % 255);
                }
                write_file(copy.database(), bytes);
            },
            {ErrorCode::Internal, ErrorCode::UnknownJob});
        if (HasFailure()) return;
    }
    EXPECT_GT(readable_, 0);
}

TEST_F(DamagedPages, ATruncatedFile) {
    for (std::size_t left = 1; left < pages(); left += 1 + pages() / 12) {
        for (const std::size_t more : {std::size_t{0}, page / 2}) {
            SCOPED_TRACE("pages " + std::to_string(left));
            survive(
                [&](const TempDirectory& copy) { write_file(copy.database(), folded_.substr(0, left * page + more)); },
                {ErrorCode::Internal});
        }
    }
}

TEST_F(Damage, ATornLogLosesItsEndOnly) {
    for (unsigned seed = 0; seed < rounds(); ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        std::minstd_rand random(seed + 1);
        TempDirectory copy;
        std::filesystem::create_directory(copy.data());
        std::string torn = log_.substr(0, random() % log_.size());
        if (random() % 2 == 0) {
            const Bytes garbage = pattern(random() % 100'000, seed);
            torn.append(garbage.begin(), garbage.end());
        }
        write_file(copy.database(), unfolded_);
        write_file(copy.database().string() + "-wal", torn);
        const auto store = open_store(copy);
        bool gone = false;
        // In the order of acceptance: what is there is a beginning, and each of it exact.
        std::map<std::string, const Submission*> by_number;
        for (const auto& [id, job] : sent_)
            by_number.emplace(std::string(job.model_id.size() < 8 ? "0" : "") + job.model_id.substr(6), &job);
        for (const auto& [number, sent] : by_number) {
            const auto job = store->find(sent->id, "alice");
            EXPECT_FALSE(job && gone) << "a later job survived an earlier one";
            gone = gone || !job;
            if (!job) {
                EXPECT_EQ(job.error().code, ErrorCode::UnknownJob);
            }
            if (job && job->outcome && job->state == State::Completed) {
                EXPECT_EQ(job->outcome->result, transformed(*sent->inputs));
            }
            if (job && !is_final(job->state)) {
                EXPECT_EQ(**store->inputs(sent->id), *sent->inputs);
            }
        }
        EXPECT_TRUE(apply(*store, Insert{submission()}));
    }
}

TEST_F(Damage, GarbageInsteadOfALog) {
    for (const std::size_t size : {std::size_t{1}, std::size_t{32}, page, std::size_t{100'000}}) {
        TempDirectory copy;
        std::filesystem::create_directory(copy.data());
        write_file(copy.database(), unfolded_);
        const Bytes garbage = pattern(size, size);
        write_file(copy.database().string() + "-wal", std::string(garbage.begin(), garbage.end()));
        const auto store = open_store(copy);
        EXPECT_TRUE(apply(*store, Insert{submission()}));
    }
}

class Tampered : public Store {
protected:
    std::string finished(Bytes result) {
        const std::string id = running(1000);
        EXPECT_TRUE(apply(*store_, Finish{id, 1, completed(std::move(result))}));
        return id;
    }
};

// Damage that leaves a sound database behind: only the checksums can tell.
TEST_F(Tampered, NoColumnOfARequestCanChange) {
    for (const char* change :
         {"id = lower('0123456789ABCDEF0123456789ABCDEF')", "model_id = 'other'", "model_version = '9'",
          "encoding = 'base64'", "request_digest = 'd'", "batch_size = 4", "seal_minor = 1", "created_at = 1",
          "idempotency_key = 'k'", "evaluation_key_id = '5'", "result_format = 'compact'", "state = 2", "state = 3",
          "state = 4", "state = 4, tenant = 'bob'"}) {
        const std::string id = running();
        run_sql(directory_, std::string("UPDATE jobs SET ") + change + " WHERE id = '" + id + "'");
        const std::string now = std::string_view(change).starts_with("id") ? "0123456789abcdef0123456789abcdef" : id;
        const std::string tenant = std::string_view(change).ends_with("'bob'") ? "bob" : "alice";
        EXPECT_EQ(find_error(now, tenant), ErrorCode::Internal) << change;
        EXPECT_FALSE(store_->load(now)) << change;
        EXPECT_NE(store_->last_diagnostic(), "");
    }
}

TEST_F(Tampered, NoOptionalMemberCanBeLost) {
    for (const char* change : {"evaluation_key_id = ''", "result_format = 'seal'",
                               "evaluation_key_id = '', result_format = 'seal'", "result_format = 'key'"}) {
        Submission job = submission();
        job.evaluation_key_id = "key";
        job.result_format = "compact";
        ASSERT_TRUE(apply(*store_, Insert{job}));
        ASSERT_EQ(store_->find(job.id, "alice")->submission.evaluation_key_id, "key");
        ASSERT_EQ(store_->load(job.id)->submission.result_format, "compact");
        run_sql(directory_, std::string("UPDATE jobs SET ") + change + " WHERE id = '" + job.id + "'");
        EXPECT_EQ(find_error(job.id), ErrorCode::Internal) << change;
    }
}

TEST_F(Tampered, NoColumnOfAnOutcomeCanChange) {
    for (const char* change : {"attempt = 2", "started_at = started_at + 1", "finished_at = finished_at + 1",
                               "error_bound = 0.125", "error_bound = NULL", "state = 1", "state = 0", "state = 3",
                               "state = 4", "outcome_checksum = NULL", "outcome_checksum = 1"}) {
        const std::string id = finished({1, 2, 3});
        ASSERT_TRUE(store_->find(id, "alice"));
        run_sql(directory_, std::string("UPDATE jobs SET ") + change + " WHERE id = '" + id + "'");
        EXPECT_EQ(find_error(id), ErrorCode::Internal) << change;
    }
    for (const char* change : {"error_code = 'UNKNOWN_JOB'", "error_message = 'yes'", "error_details = x'00'"}) {
        const std::string id = running();
        ASSERT_TRUE(apply(*store_, Finish{id, 1, failed({ErrorCode::Internal, "no", {{"a", "b"}}})}));
        ASSERT_TRUE(store_->find(id, "alice"));
        run_sql(directory_, std::string("UPDATE jobs SET ") + change + " WHERE id = '" + id + "'");
        EXPECT_EQ(find_error(id), ErrorCode::Internal) << change;
    }
}

TEST_F(Tampered, ResultsAndInputsAreHeldAgainstTheirChecksums) {
    const std::string where = " WHERE job = (SELECT seq FROM jobs WHERE id = '";
    for (const char* change : {"UPDATE job_results SET bytes = x'010204'", "UPDATE job_results SET bytes = x''",
                               "DELETE FROM job_results"}) {
        const std::string id = finished({1, 2, 3});
        run_sql(directory_, change + where + id + "')");
        EXPECT_EQ(find_error(id), ErrorCode::Internal) << change;
    }
    const std::string id = running(1000);
    run_sql(directory_, "UPDATE job_inputs SET bytes = zeroblob(1000)" + where + id + "')");
    EXPECT_EQ(store_->inputs(id).error().code, ErrorCode::Internal);
    EXPECT_TRUE(store_->find(id, "alice"));

    // One job's result in another's place.
    const std::string one = finished({1}), two = finished({2});
    run_sql(directory_, "UPDATE job_results SET bytes = x'01'" + where + two + "')");
    run_sql(directory_, "UPDATE jobs SET outcome_checksum = (SELECT outcome_checksum FROM jobs WHERE id = '" + one +
                            "') WHERE id = '" + two + "'");
    EXPECT_TRUE(store_->find(one, "alice"));
    EXPECT_EQ(find_error(two), ErrorCode::Internal);
}

TEST_F(Service, DamagedInputsFailTheirJobAndHoldNobodyUp) {
    Submission bad = submission(1000), good = submission(1000);
    {
        const auto store = open_store(directory_, clock_.clock());
        for (const Submission& job : {bad, good}) ASSERT_TRUE(apply(*store, Insert{job}));
    }
    run_sql(directory_, "UPDATE job_inputs SET bytes = zeroblob(1000) WHERE job = 1");
    JobService& service = start();
    for (const Submission& job : {bad, good}) ASSERT_TRUE(wait_final(service, job.id));
    EXPECT_EQ(find(bad.id).outcome->error->code, ErrorCode::Internal);
    EXPECT_EQ(find(good.id).outcome->result, transformed(*good.inputs));
}

}  // namespace
}  // namespace einfer::jobs::test
