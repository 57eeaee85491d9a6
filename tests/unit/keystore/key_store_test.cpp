// What is kept for whom, and for how long.
#include "unit/keystore/support.h"

#include "base/sha256.h"

#include <thread>

namespace einfer::test {
namespace {

constexpr UnixMillis hour = 3600'000;

TEST_F(KeyStoreTest, KeysAreNamedByTheirContentAndKeptOnce) {
    const auto store = open();
    const auto stored = put(*store, "alice", 1);
    ASSERT_TRUE(stored) << text_of(stored);
    const Bytes file = key_file(*small_header(), 1);
    Sha256 digest;
    digest.update(file);
    EXPECT_EQ(stored->key.id, digest.hex_digest());
    EXPECT_TRUE(keystore::is_key_id(stored->key.id));
    EXPECT_TRUE(stored->added);
    EXPECT_EQ(stored->key.bytes, file.size());
    EXPECT_EQ(stored->key.expires_at, now + 24 * hour);
    EXPECT_EQ(*stored->key.header, *small_header());
    EXPECT_EQ(content(*store, stored->key.id, "alice").value(), file);

    const auto again = put(*store, "alice", 1);
    ASSERT_TRUE(again) << text_of(again);
    EXPECT_FALSE(again->added);
    EXPECT_EQ(again->key.id, stored->key.id);
    EXPECT_EQ(files().size(), 1u);
    EXPECT_EQ(store->usage().keys, 1u);
    EXPECT_EQ(store->usage().bytes, file.size());
    EXPECT_EQ(store->usage().arriving, 0u);
}

TEST_F(KeyStoreTest, AnotherTenantsKeysAreUnknown) {
    const auto store = open();
    const std::string id = put(*store, "alice", 1)->key.id;
    for (const char* const tenant : {"bob", "alic", "alice2", ""}) {
        EXPECT_EQ(text_of(store->find(id, tenant)), text_of(store->find(std::string(64, '0'), "alice"))) << tenant;
        EXPECT_EQ(code_of(store->use(id, tenant)), "UNKNOWN_KEY");
        EXPECT_EQ(code_of(store->open_keys(id, tenant)), "UNKNOWN_KEY");
        EXPECT_EQ(code_of(erase(*store, id, tenant)), "UNKNOWN_KEY");
    }
    // The same bytes of another tenant are its own: it learns nothing from how they are taken.
    const auto bobs = put(*store, "bob", 1);
    EXPECT_TRUE(bobs->added);
    EXPECT_EQ(bobs->key.id, id);
    EXPECT_EQ(files().size(), 2u);
    EXPECT_EQ(code_of(erase(*store, id, "alice")), "OK");
    EXPECT_EQ(code_of(store->find(id, "alice")), "UNKNOWN_KEY");
    EXPECT_EQ(code_of(content(*store, id, "bob")), "OK");
}

TEST_F(KeyStoreTest, ARestartFindsThemAndNothingElse) {
    std::string id;
    {
        const auto store = open();
        id = put(*store, "alice", 1)->key.id;
        const auto unfinished = store->begin("alice", {}).value();
        EXPECT_FALSE(unfinished->append(Bytes(100'000)));
        EXPECT_EQ(files().size(), 2u);
        // As a kill -9 between the rename and the commit leaves it.
        write_file(path() / "0123456789abcdef0123456789abcdef.keys", "orphan");
        write_file(path() / "0123456789abcdef0123456789abcdef.part", "orphan");
    }
    const auto store = open();
    EXPECT_EQ(files().size(), 1u);
    EXPECT_EQ(content(*store, id, "alice").value(), key_file(*small_header(), 1));
    EXPECT_EQ(*store->find(id, "alice")->header, *small_header());
    EXPECT_EQ(store->usage().bytes, store->find(id, "alice")->bytes);
    EXPECT_FALSE(put(*store, "alice", 1)->added);
}

TEST_F(KeyStoreTest, NothingIsLeftOfAnUploadThatIsGivenUp) {
    const auto store = open();
    const std::string id = put(*store, "alice", 1)->key.id;
    const auto before = files();
    const Bytes kept = content(*store, id, "alice").value();
    {
        const auto upload = store->begin("alice", {}).value();
        EXPECT_FALSE(upload->append(std::span(kept).first(kept.size() - 1)));
        EXPECT_FALSE(upload->hold(0, kept));
        EXPECT_FALSE(upload->hold(1, kept));
        EXPECT_EQ(files().size(), 2u);
        EXPECT_GE(store->usage().arriving, 3 * kept.size() - 1);
    }
    EXPECT_EQ(files(), before);
    EXPECT_EQ(store->usage().arriving, 0u);
    EXPECT_EQ(content(*store, id, "alice").value(), kept);
}

TEST_F(KeyStoreTest, WhatIsHeldComesBackAndIsNotReadable) {
    const auto store = open();
    const auto upload = store->begin("alice", {}).value();
    std::array<Bytes, 2> held;
    for (int piece = 0; piece < 40; ++piece)
        for (const std::size_t place : {1u, 0u}) {
            const Bytes bytes(static_cast<std::size_t>(4999 * piece), static_cast<std::uint8_t>(2 * piece + place));
            held[place].insert(held[place].end(), bytes.begin(), bytes.end());
            ASSERT_FALSE(upload->hold(place, bytes));
        }
    EXPECT_EQ(files().size(), 1u);  // what is held has no name
    for (const std::size_t place : {0u, 1u}) {
        Bytes replayed;
        ASSERT_FALSE(upload->replay(place, [&](std::span<const std::uint8_t> bytes) {
            replayed.insert(replayed.end(), bytes.begin(), bytes.end());
        }));
        EXPECT_EQ(replayed, held[place]);
    }
}

TEST_F(KeyStoreTest, KeysExpireWhenTheyAreNotUsed) {
    const auto store = open({.ttl = std::chrono::hours(24), .tombstone_ttl = std::chrono::hours(10)});
    const std::string used = put(*store, "alice", 1)->key.id, unused = put(*store, "alice", 2)->key.id;
    now += 24 * hour - 1;
    EXPECT_EQ(code_of(store->find(unused, "alice")), "OK");
    EXPECT_EQ(store->use(used, "alice")->expires_at, now + 24 * hour);
    now += 1;
    for (int collected = 0; collected < 2; ++collected) {
        EXPECT_EQ(code_of(store->find(unused, "alice")), "KEY_EXPIRED");
        EXPECT_EQ(code_of(store->use(unused, "alice")), "KEY_EXPIRED");
        EXPECT_EQ(code_of(store->open_keys(unused, "alice")), "KEY_EXPIRED");
        EXPECT_EQ(code_of(store->find(unused, "bob")), "UNKNOWN_KEY");
        EXPECT_EQ(code_of(store->find(used, "alice")), "OK");
        store->look_after();
        EXPECT_EQ(files().size(), 1u);
    }
    EXPECT_EQ(store->usage().tombstones, 1u);
    now += 10 * hour;
    store->look_after();
    EXPECT_EQ(code_of(store->find(unused, "alice")), "UNKNOWN_KEY");
    EXPECT_EQ(code_of(store->find(used, "alice")), "OK");
}

TEST_F(KeyStoreTest, ExpiredKeysCanBeSentAgainOrErased) {
    const auto store = open({.ttl = std::chrono::hours(1)});
    const std::string id = put(*store, "alice", 1)->key.id;
    now += hour;
    store->look_after();
    EXPECT_TRUE(put(*store, "alice", 1)->added);
    EXPECT_EQ(code_of(content(*store, id, "alice")), "OK");
    now += hour;
    store->look_after();
    EXPECT_EQ(code_of(erase(*store, id, "alice")), "OK");
    EXPECT_EQ(code_of(erase(*store, id, "alice")), "UNKNOWN_KEY");
    EXPECT_TRUE(files().empty());
    EXPECT_EQ(store->usage().bytes, 0u);
}

TEST_F(KeyStoreTest, UsesOutliveARestart) {
    std::string id;
    const keystore::StoreOptions options{.ttl = std::chrono::hours(32)};
    {
        const auto store = open(options);
        id = put(*store, "alice", 1)->key.id;
        for (int i = 0; i < 100; ++i) {
            now += hour / 2;
            ASSERT_TRUE(store->use(id, "alice"));
            store->look_after();
        }
        now += hour / 2;
        ASSERT_TRUE(store->use(id, "alice"));  // not written down
    }
    const auto store = open(options);
    EXPECT_GE(store->find(id, "alice")->expires_at, now + 32 * hour);
    now += 32 * hour;
    EXPECT_EQ(code_of(store->find(id, "alice")), "KEY_EXPIRED");
}

TEST_F(KeyStoreTest, TombstonesOutliveARestartButNotInAnyNumber) {
    keystore::StoreOptions options{.ttl = std::chrono::hours(1), .max_tombstones = 2};
    std::vector<std::string> ids;
    {
        const auto store = open(options);
        for (unsigned seed = 0; seed < 4; ++seed) {
            ids.push_back(put(*store, "alice", seed)->key.id);
            now += hour;
            store->look_after();
        }
        store->look_after();
    }
    const auto store = open(options);
    EXPECT_EQ(store->usage().tombstones, 2u);
    EXPECT_EQ(code_of(store->find(ids[0], "alice")), "UNKNOWN_KEY");
    EXPECT_EQ(code_of(store->find(ids[3], "alice")), "KEY_EXPIRED");
}

TEST_F(KeyStoreTest, ExpiredKeysThatAreStillThereNeedRoomAgain) {
    const auto store = open({.ttl = std::chrono::hours(1)});
    const keystore::Quota one{.max_keys = 1};
    EXPECT_TRUE(put(*store, "alice", 1, one)->added);
    now += hour;
    EXPECT_TRUE(put(*store, "alice", 2, one)->added);
    EXPECT_EQ(code_of(put(*store, "alice", 1, one)), "RATE_LIMITED");
    EXPECT_EQ(code_of(put(*store, "alice", 1, {.max_keys = 2})), "OK");
    EXPECT_EQ(files().size(), 2u);
}

TEST_F(KeyStoreTest, QuotasAreKeptToTheByte) {
    const std::uint64_t bytes = key_file(*small_header(), 1).size();
    const auto store = open();
    EXPECT_EQ(text_of(put(*store, "alice", 1, {.max_bytes = bytes - 1})),
              "RATE_LIMITED: these evaluation keys are more "
              "than the tenant's quota");
    EXPECT_TRUE(files().empty());
    EXPECT_TRUE(put(*store, "alice", 1, {.max_bytes = 2 * bytes}));
    EXPECT_TRUE(put(*store, "alice", 2, {.max_bytes = 2 * bytes}));
    for (const keystore::Quota quota : {keystore::Quota{.max_bytes = 3 * bytes - 1}, {.max_keys = 2}}) {
        EXPECT_EQ(code_of(put(*store, "alice", 3, quota)), "RATE_LIMITED");
        EXPECT_EQ(files().size(), 2u);
        EXPECT_FALSE(put(*store, "alice", 2, quota)->added);  // a repetition takes nothing
        EXPECT_TRUE(put(*store, "bob", 3, quota));
        EXPECT_EQ(code_of(erase(*store, put(*store, "bob", 3, quota)->key.id, "bob")), "OK");
    }
    EXPECT_EQ(code_of(erase(*store, put(*store, "alice", 1)->key.id, "alice")), "OK");
    EXPECT_TRUE(put(*store, "alice", 3, {.max_keys = 2, .max_bytes = 2 * bytes}));
}

TEST_F(KeyStoreTest, AllTenantsShareOneBound) {
    const std::uint64_t bytes = key_file(*small_header(), 1).size();
    const auto store = open({.max_bytes = 3 * bytes});
    EXPECT_EQ(code_of(put(*store, "alice", 1)), "OK");
    const auto uploads = [&] {
        const auto upload = store->begin("bob", {}).value();
        const auto fault = upload->append(Bytes(2 * bytes + 1));
        return fault ? std::string(traits(fault->code).name) : "OK";
    };
    EXPECT_EQ(uploads(), "OVERLOADED");
    EXPECT_EQ(store->usage().arriving, 0u);
    EXPECT_EQ(code_of(put(*store, "bob", 2)), "OK");
}

TEST_F(KeyStoreTest, DamageIsNoticed) {
    const auto store = open();
    const std::string id = put(*store, "alice", 1)->key.id;
    const auto file = path() / *files().begin();
    {
        std::fstream stream(file, std::ios::in | std::ios::out | std::ios::binary);
        stream.seekp(5000);
        stream.put('!');
    }
    EXPECT_EQ(code_of(content(*store, id, "alice")), "UNKNOWN_KEY");
    store->discard(id, "alice");
    EXPECT_EQ(code_of(store->find(id, "alice")), "UNKNOWN_KEY");
    EXPECT_TRUE(files().empty());
    EXPECT_FALSE(reports.empty());
    EXPECT_TRUE(put(*store, "alice", 1)->added);
}

TEST_F(KeyStoreTest, AFileThatIsGoneOrCutOffIsReplacedOrForgotten) {
    {
        const auto store = open();
        const std::string id = put(*store, "alice", 1)->key.id;
        std::filesystem::remove(path() / *files().begin());
        EXPECT_EQ(code_of(store->open_keys(id, "alice")), "UNKNOWN_KEY");
        EXPECT_TRUE(put(*store, "alice", 1)->added);
        EXPECT_EQ(code_of(content(*store, id, "alice")), "OK");
        EXPECT_EQ(store->usage().bytes, store->find(id, "alice")->bytes);
        std::filesystem::resize_file(path() / *files().begin(), 1000);
    }
    const auto store = open();
    EXPECT_EQ(store->usage().keys, 0u);
    EXPECT_EQ(store->usage().bytes, 0u);
    EXPECT_TRUE(files().empty());
    EXPECT_TRUE(put(*store, "alice", 1)->added);
}

TEST_F(KeyStoreTest, WhoReadsReadsOnWhenTheKeysAreErased) {
    const auto store = open();
    const std::string id = put(*store, "alice", 1)->key.id;
    const auto reading = store->open_keys(id, "alice").value();
    EXPECT_EQ(code_of(erase(*store, id, "alice")), "OK");
    Bytes bytes(reading->bytes());
    EXPECT_TRUE(reading->read(bytes));
    EXPECT_TRUE(reading->verdict());
}

TEST_F(KeyStoreTest, AfterTheStopNothingIsTaken) {
    const auto store = open();
    const auto stored = put(*store, "alice", 1);
    auto upload = store->begin("alice", {}).value();
    store->stop();
    EXPECT_EQ(code_of(finish(*store, std::move(upload), small_header())), "SHUTTING_DOWN");
    EXPECT_EQ(code_of(erase(*store, stored->key.id, "alice")), "SHUTTING_DOWN");
    EXPECT_EQ(code_of(store->find(stored->key.id, "alice")), "OK");
    EXPECT_EQ(files().size(), 1u);
}

TEST_F(KeyStoreTest, ManyAtOnce) {
    const auto store = open({.ttl = std::chrono::hours(1)});
    std::vector<std::jthread> threads;
    for (unsigned thread = 0; thread < 4; ++thread)
        threads.emplace_back([this, thread, &store] {
            const std::string tenant = thread % 2 == 0 ? "alice" : "bob";
            for (unsigned round = 0; round < 6; ++round) {
                const auto stored = put(*store, tenant, round % 3);
                ASSERT_TRUE(stored) << text_of(stored);
                const auto read = content(*store, stored->key.id, tenant);
                EXPECT_TRUE(read || read.error().code == ErrorCode::UnknownKey) << text_of(read);
                if (round % 2 == 1) static_cast<void>(erase(*store, stored->key.id, tenant));
                store->look_after();
            }
        });
    threads.clear();
    EXPECT_EQ(store->usage().arriving, 0u);
    EXPECT_EQ(store->usage().keys, files().size());
}

}  // namespace
}  // namespace einfer::test
