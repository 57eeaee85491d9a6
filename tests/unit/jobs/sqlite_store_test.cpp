// What becomes of jobs in the store.
#include "unit/jobs/support.h"

#include <cmath>
#include <limits>

namespace einfer::jobs::test {
namespace {

using Insert = SqliteStore::Insert;
using Claim = SqliteStore::Claim;
using Finish = SqliteStore::Finish;

TEST_F(Store, KeepsWhatWasSubmitted) {
    const Submission sent = submission(1000, 7);
    ASSERT_TRUE(apply(*store_, Insert{sent}));
    reopen();

    const auto job = store_->find(sent.id, sent.tenant);
    ASSERT_TRUE(job);
    EXPECT_EQ(job->submission.id, sent.id);
    EXPECT_EQ(job->submission.tenant, sent.tenant);
    EXPECT_EQ(job->submission.model_id, sent.model_id);
    EXPECT_EQ(job->submission.model_version, sent.model_version);
    EXPECT_EQ(job->submission.encoding, sent.encoding);
    EXPECT_EQ(job->submission.request_digest, sent.request_digest);
    EXPECT_EQ(job->submission.batch_size, sent.batch_size);
    EXPECT_EQ(job->submission.seal_minor, sent.seal_minor);
    EXPECT_EQ(job->submission.inputs, nullptr);
    EXPECT_EQ(job->state, State::Queued);
    EXPECT_EQ(job->attempt, 0);
    EXPECT_EQ(job->created_at, clock_.now());
    EXPECT_FALSE(job->started_at || job->finished_at || job->outcome);
    EXPECT_EQ(**store_->inputs(sent.id), *sent.inputs);
}

TEST_F(Store, LifeOfACompletedJob) {
    Submission sent = submission();
    const std::string id = sent.id;
    const UnixMillis created = clock_.now();
    ASSERT_TRUE(apply(*store_, Insert{std::move(sent)}));
    clock_.advance(5);
    ASSERT_TRUE(apply(*store_, Claim{id, 1}));
    auto job = store_->find(id, "alice");
    EXPECT_EQ(job->state, State::Running);
    EXPECT_EQ(job->attempt, 1);
    EXPECT_EQ(job->started_at, created + 5);
    clock_.advance(7);
    ASSERT_TRUE(apply(*store_, Finish{id, 1, completed({1, 2, 3}, 1e-7)}));

    for (int opened = 0; opened < 2; ++opened, reopen()) {
        job = store_->find(id, "alice");
        ASSERT_TRUE(job);
        EXPECT_EQ(job->state, State::Completed);
        EXPECT_EQ(job->created_at, created);
        EXPECT_EQ(job->started_at, created + 5);
        EXPECT_EQ(job->finished_at, created + 12);
        ASSERT_TRUE(job->outcome);
        EXPECT_EQ(job->outcome->result, (Bytes{1, 2, 3}));
        EXPECT_EQ(job->outcome->error_bound, 1e-7);
        EXPECT_FALSE(job->outcome->error);
    }
    EXPECT_EQ(store_->inputs(id).error().code, ErrorCode::UnknownJob) << "inputs go when the job is final";
    EXPECT_TRUE(store_->unfinished()->empty());
}

TEST_F(Store, LifeOfAFailedJob) {
    const std::string id = running();
    const Error error{ErrorCode::IncompatibleCiphertext, "other parameters", {{"rule", "scale"}, {"input", "3"}}};
    ASSERT_TRUE(apply(*store_, Finish{id, 1, failed(error)}));
    const auto job = store_->find(id, "alice");
    EXPECT_EQ(job->state, State::Failed);
    ASSERT_TRUE(job->outcome && job->outcome->error);
    EXPECT_EQ(job->outcome->error->code, error.code);
    EXPECT_EQ(job->outcome->error->message, error.message);
    EXPECT_EQ(job->outcome->error->details, error.details);
    EXPECT_TRUE(job->outcome->result.empty());
    EXPECT_EQ(store_->inputs(id).error().code, ErrorCode::UnknownJob);
}

TEST_F(Store, InsertAlreadyClaimed) {
    const Submission sent = submission();
    ASSERT_TRUE(apply(*store_, Insert{sent, true}));
    const auto job = store_->find(sent.id, "alice");
    EXPECT_EQ(job->state, State::Running);
    EXPECT_EQ(job->attempt, 1);
    EXPECT_EQ(job->started_at, clock_.now());
    EXPECT_TRUE(apply(*store_, Finish{sent.id, 1, completed({})}));
}

TEST_F(Store, StrangeErrorBounds) {
    for (const double bound : {0.0, -0.0, std::numeric_limits<double>::denorm_min(), 1e308,
                               std::numeric_limits<double>::infinity(), std::numeric_limits<double>::quiet_NaN()}) {
        const std::string id = running();
        ASSERT_TRUE(apply(*store_, Finish{id, 1, completed({}, bound)}));
        const double read = store_->find(id, "alice")->outcome->error_bound;
        EXPECT_TRUE(read == bound || (std::isnan(read) && std::isnan(bound))) << bound;
    }
}

TEST_F(Store, LateResultChangesNothing) {
    const std::string id = running();
    ASSERT_TRUE(apply(*store_, Claim{id, 2}));
    EXPECT_FALSE(apply(*store_, Finish{id, 1, completed({9, 9})})) << "of an earlier attempt";
    EXPECT_FALSE(apply(*store_, Finish{id, 3, completed({9, 9})})) << "of an attempt that never began";
    EXPECT_EQ(store_->find(id, "alice")->state, State::Running);

    const Bytes first = pattern(100'000, 3);
    ASSERT_TRUE(apply(*store_, Finish{id, 2, completed(first)}));
    clock_.advance(1000);
    for (const int attempt : {1, 2, 3}) {
        EXPECT_FALSE(apply(*store_, Finish{id, attempt, completed(pattern(50, 4))}));
        EXPECT_FALSE(apply(*store_, Finish{id, attempt, failed({ErrorCode::Internal, "late"})}));
        EXPECT_FALSE(apply(*store_, Claim{id, attempt}));
    }
    const auto job = store_->find(id, "alice");
    EXPECT_EQ(job->outcome->result, first);
    EXPECT_EQ(job->finished_at, clock_.now() - 1000);
    EXPECT_EQ(job->attempt, 2);
}

TEST_F(Store, ClaimIsCompareAndSet) {
    Submission sent = submission();
    const std::string id = sent.id;
    ASSERT_TRUE(apply(*store_, Insert{std::move(sent)}));
    EXPECT_FALSE(apply(*store_, Finish{id, 0, completed({})})) << "a queued job cannot finish";
    EXPECT_FALSE(apply(*store_, Claim{id, 0}));
    EXPECT_FALSE(apply(*store_, Claim{id, 2}));
    EXPECT_TRUE(apply(*store_, Claim{id, 1}));
    EXPECT_FALSE(apply(*store_, Claim{id, 1})) << "claimed already";
    EXPECT_EQ(apply(*store_, Claim{random_id(), 1}).error().code, ErrorCode::UnknownJob);
}

TEST_F(Store, ClaimAfterACrashIsNotSeen) {
    const std::string id = running();
    const auto started = store_->find(id, "alice")->started_at;
    reopen();
    clock_.advance(10'000);
    ASSERT_TRUE(apply(*store_, Claim{id, 2}));
    const auto job = store_->find(id, "alice");
    EXPECT_EQ(job->state, State::Running);
    EXPECT_EQ(job->started_at, started);
    EXPECT_EQ(job->attempt, 2);
}

TEST_F(Store, TimesDoNotRunBackwards) {
    Submission sent = submission();
    const std::string id = sent.id;
    ASSERT_TRUE(apply(*store_, Insert{std::move(sent)}));
    clock_.advance(-60'000);
    ASSERT_TRUE(apply(*store_, Claim{id, 1}));
    ASSERT_TRUE(apply(*store_, Finish{id, 1, completed({})}));
    const auto job = store_->find(id, "alice");
    EXPECT_EQ(job->started_at, job->created_at);
    EXPECT_EQ(job->finished_at, job->created_at);
}

TEST_F(Store, OtherTenantsSeeNothing) {
    const std::string id = running();
    ASSERT_TRUE(apply(*store_, Finish{id, 1, completed({1})}));
    const auto unknown = store_->find(random_id(), "alice");
    ASSERT_FALSE(unknown);
    for (const std::string_view tenant : {"bob", "", "Alice", "alice "}) {
        const auto foreign = store_->find(id, tenant);
        ASSERT_FALSE(foreign);
        EXPECT_EQ(foreign.error().code, ErrorCode::UnknownJob);
        EXPECT_EQ(foreign.error().message, unknown.error().message);
        EXPECT_EQ(foreign.error().details, unknown.error().details);
    }
    EXPECT_TRUE(store_->load(id)) << "the server itself need not know the tenant";
}

TEST_F(Store, StrangeIdsAreUnknown) {
    using std::string_literals::operator""s;
    for (const std::string& id : {""s, "../x"s, "\0"s, "' OR 1=1 --"s, std::string(10'000, 'a'), "\xff\xfe"s})
        EXPECT_EQ(find_error(id), ErrorCode::UnknownJob);
}

TEST_F(Store, TextsAreKeptByteForByte) {
    using std::string_literals::operator""s;
    Submission sent = submission();
    sent.tenant = "a\0b"s;
    sent.model_id = "";
    sent.encoding = "\xc3\xa9\"'";
    ASSERT_TRUE(apply(*store_, Insert{sent}));
    const auto job = store_->find(sent.id, sent.tenant);
    ASSERT_TRUE(job);
    EXPECT_EQ(job->submission.tenant, sent.tenant);
    EXPECT_EQ(job->submission.model_id, sent.model_id);
    EXPECT_EQ(job->submission.encoding, sent.encoding);
    EXPECT_FALSE(store_->find(sent.id, "a"));
}

TEST_F(Store, ResultThenTombstoneThenNothing) {
    const std::string done = running();
    const std::string bad = running();
    const std::string open = running();
    ASSERT_TRUE(apply(*store_, Finish{done, 1, completed(pattern(100'000, 1))}));
    ASSERT_TRUE(apply(*store_, Finish{bad, 1, failed({ErrorCode::Internal, "no"})}));
    const UnixMillis finished = clock_.now();

    EXPECT_EQ(*store_->expire(finished, finished, 10), 0u) << "before is not at";
    EXPECT_TRUE(store_->find(done, "alice"));
    EXPECT_EQ(*store_->expire(finished + 1, finished, 10), 2u);
    for (const auto& id : {done, bad}) {
        EXPECT_EQ(find_error(id), ErrorCode::JobExpired);
        EXPECT_EQ(find_error(id, "bob"), ErrorCode::UnknownJob);
        EXPECT_EQ(store_->load(id)->state, State::Expired);
        EXPECT_FALSE(apply(*store_, Claim{id, 2}));
        EXPECT_FALSE(apply(*store_, Finish{id, 1, completed({})}));
    }
    reopen();
    EXPECT_EQ(find_error(done), ErrorCode::JobExpired);
    EXPECT_EQ(*store_->expire(finished + 1, finished + 1, 10), 2u);
    for (const auto& id : {done, bad}) EXPECT_EQ(find_error(id), ErrorCode::UnknownJob);
    EXPECT_EQ(*store_->expire(finished + 1, finished + 1, 10), 0u);
    EXPECT_EQ(store_->find(open, "alice")->state, State::Running) << "unfinished jobs never expire";
}

TEST_F(Store, ExpiryGoesInBoundedStepsOldestFirst) {
    std::vector<std::string> ids;
    for (int i = 0; i < 5; ++i) {
        ids.push_back(running());
        ASSERT_TRUE(apply(*store_, Finish{ids.back(), 1, completed({1})}));
        clock_.advance(1);
    }
    EXPECT_EQ(*store_->expire(clock_.now(), 0, 2), 2u);
    for (std::size_t i = 0; i < ids.size(); ++i)
        EXPECT_EQ(find_error(ids[i]), i < 2 ? ErrorCode::JobExpired : ErrorCode::NotFound);
    EXPECT_EQ(*store_->expire(clock_.now(), 0, 2), 2u);
    EXPECT_EQ(*store_->expire(clock_.now(), 0, 2), 1u);
}

TEST_F(Store, UnfinishedOldestFirst) {
    std::vector<std::string> ids;
    for (std::size_t i = 0; i < 4; ++i) {
        Submission sent = submission(100 * i);
        ids.push_back(sent.id);
        ASSERT_TRUE(apply(*store_, Insert{std::move(sent)}));
        clock_.advance(-10);  // the order is of acceptance, whatever the clock says
    }
    ASSERT_TRUE(apply(*store_, Claim{ids[0], 1}));
    ASSERT_TRUE(apply(*store_, Claim{ids[1], 1}));
    ASSERT_TRUE(apply(*store_, Finish{ids[1], 1, completed({})}));
    ASSERT_TRUE(apply(*store_, Claim{ids[3], 1}));
    ASSERT_TRUE(apply(*store_, Claim{ids[3], 2}));
    reopen();

    const auto found = store_->unfinished();
    ASSERT_EQ(found->size(), 3u);
    EXPECT_EQ(found->at(0).id, ids[0]);
    EXPECT_EQ(found->at(1).id, ids[2]);
    EXPECT_EQ(found->at(2).id, ids[3]);
    EXPECT_EQ(found->at(0).attempt, 1);
    EXPECT_EQ(found->at(1).attempt, 0);
    EXPECT_EQ(found->at(2).attempt, 2);
    EXPECT_EQ(found->at(1).input_bytes, 200u);
}

TEST_F(Store, BlobsOfEverySize) {
    constexpr std::size_t page = 16384;
    for (const std::size_t size : {std::size_t{0}, std::size_t{1}, page - 1, page, page + 1, std::size_t{1} << 20,
                                   (std::size_t{8} << 20) - 1, std::size_t{8} << 20}) {
        const Submission sent = submission(size, size);
        ASSERT_TRUE(apply(*store_, Insert{sent}));
        EXPECT_EQ(store_->unfinished()->front().input_bytes, size);
        EXPECT_EQ(**store_->inputs(sent.id), *sent.inputs) << size;
        ASSERT_TRUE(apply(*store_, Claim{sent.id, 1}));
        const Bytes result = pattern(size, size + 1);
        ASSERT_TRUE(apply(*store_, Finish{sent.id, 1, completed(result)}));
        EXPECT_EQ(store_->find(sent.id, "alice")->outcome->result, result) << size;
    }
}

TEST_F(Store, ABadWriteLeavesTheOthersOfItsBatch) {
    const std::string known = running();
    const Submission fresh = submission(), again = fresh, empty = [] {
        Submission job = submission();
        job.inputs = nullptr;
        return job;
    }();
    const SqliteStore::Write writes[] = {
        Insert{fresh},
        Insert{again},
        Claim{random_id(), 1},
        Insert{empty},
        Finish{known, 7, completed({1})},
        Claim{fresh.id, 1},
        Finish{known, 1, completed({2})},
    };
    const auto results = store_->apply(writes);
    ASSERT_TRUE(results);
    const bool expected[] = {true, false, false, false, false, true, true};
    ASSERT_EQ(results->size(), std::size(expected));
    for (std::size_t i = 0; i < std::size(expected); ++i) EXPECT_EQ((*results)[i].has_value(), expected[i]) << i;
    reopen();
    EXPECT_EQ(store_->find(fresh.id, "alice")->state, State::Running);
    EXPECT_EQ(store_->find(known, "alice")->outcome->result, Bytes{2});
    EXPECT_EQ(find_error(empty.id), ErrorCode::UnknownJob);
    EXPECT_EQ(**store_->inputs(fresh.id), *fresh.inputs) << "the second insert with its id did nothing";
}

TEST_F(Store, AnEmptyBatchIsNothing) {
    const auto results = store_->apply({});
    ASSERT_TRUE(results);
    EXPECT_TRUE(results->empty());
}

}  // namespace
}  // namespace einfer::jobs::test
