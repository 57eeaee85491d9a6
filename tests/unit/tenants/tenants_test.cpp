#include "tenants/tenants.h"

#include "support/files.h"

#include <gtest/gtest.h>

namespace einfer::tenants {
namespace {

class TenantsTest : public testing::Test {
protected:
    void write_keys(const NewKey& made, const std::string& tenant) {
        test::write_file(path, R"({"tenants":[{"tenant":")" + tenant + R"(","keys":[")" + made.hash + "\"]}]}");
    }
    std::unique_ptr<Tenants> with_keys() { return *Tenants::create({.key_file = path}); }

    test::TemporaryDirectory directory;
    std::filesystem::path path = directory.path() / "keys.json";
    NewKey key = make_key();
};

Result<Caller> identify(const Tenants& tenants, std::optional<std::string_view> authorization,
                        std::optional<std::string_view> tenant) {
    auto caller = tenants.authenticate(authorization);
    return caller ? tenants.act_as(*std::move(caller), tenant) : caller;
}

template <class Value>
ErrorCode code(const Result<Value>& result) {
    EXPECT_FALSE(result);
    return result ? ErrorCode::Internal : result.error().code;
}

TEST_F(TenantsTest, WithoutAKeyFileTheHeaderNamesTheTenant) {
    const auto tenants = *Tenants::create({});
    EXPECT_FALSE(tenants->authenticates());
    EXPECT_EQ(identify(*tenants, {}, {})->tenant, "default");
    EXPECT_EQ(identify(*tenants, {}, "clinic-7")->tenant, "clinic-7");
    EXPECT_EQ(identify(*tenants, "Bearer whatever", "clinic-7")->tenant, "clinic-7");
    for (const char* bad : {"", "a b", "a/b", "a,b", "\xc3\xa4"})
        EXPECT_EQ(code(identify(*tenants, {}, bad)), ErrorCode::SchemaViolation) << bad;
    EXPECT_EQ(code(identify(*tenants, {}, std::string(129, 'a'))), ErrorCode::SchemaViolation);
}

TEST_F(TenantsTest, WithAKeyFileTheKeyNamesTheTenant) {
    write_keys(key, "clinic-7");
    const auto tenants = with_keys();
    ASSERT_TRUE(tenants->authenticates());
    for (const std::string scheme : {"Bearer ", "bearer ", "BEARER ", "Bearer   "})
        EXPECT_EQ(identify(*tenants, scheme + key.key, {})->tenant, "clinic-7");
    EXPECT_EQ(identify(*tenants, "Bearer " + key.key, "clinic-7")->tenant, "clinic-7");
    EXPECT_EQ(code(identify(*tenants, "Bearer " + key.key, "other")), ErrorCode::Forbidden);
    EXPECT_EQ(code(identify(*tenants, "Bearer " + key.key, "a b")), ErrorCode::SchemaViolation);
}

TEST_F(TenantsTest, EverythingElseIsNoCredential) {
    write_keys(key, "clinic-7");
    const auto tenants = with_keys();
    for (const std::string& bad :
         std::vector<std::string>{"", "Bearer", "Bearer ", key.key, "Basic " + key.key, "Bearer" + key.key,
                                  "Bearer " + key.hash, "Bearer " + key.key + " ", "Bearer x" + key.key,
                                  "Bearer " + key.key + ",Bearer " + key.key, "Bearer\t" + key.key})
        EXPECT_EQ(code(identify(*tenants, bad, {})), ErrorCode::Unauthenticated) << bad;
    EXPECT_EQ(code(identify(*tenants, {}, "clinic-7")), ErrorCode::Unauthenticated);
    EXPECT_EQ(code(identify(*tenants, {}, {})), ErrorCode::Unauthenticated);
}

TEST_F(TenantsTest, AReloadTakesTheNewKeysAndABadFileKeepsTheOldOnes) {
    EXPECT_FALSE(Tenants::create({.key_file = path}));
    write_keys(key, "one");
    const auto tenants = with_keys();
    const NewKey other = make_key();
    write_keys(other, "two");
    EXPECT_EQ(identify(*tenants, "Bearer " + key.key, {})->tenant, "one");
    EXPECT_EQ(*tenants->reload(), 1u);
    EXPECT_EQ(code(identify(*tenants, "Bearer " + key.key, {})), ErrorCode::Unauthenticated);
    EXPECT_EQ(identify(*tenants, "Bearer " + other.key, {})->tenant, "two");

    test::write_file(path, "{");
    EXPECT_FALSE(tenants->reload());
    std::filesystem::remove(path);
    EXPECT_FALSE(tenants->reload());
    EXPECT_EQ(identify(*tenants, "Bearer " + other.key, {})->tenant, "two");
}

TEST_F(TenantsTest, RatesAreATenantsOwn) {
    const auto tenants = *Tenants::create({.limits = {.requests_per_second = 0.001, .burst = 3}});
    const Caller one = *identify(*tenants, {}, "one");
    for (int i = 0; i < 3; ++i) EXPECT_TRUE(tenants->take_request(one));
    const auto refused = tenants->take_request(one);
    ASSERT_EQ(code(refused), ErrorCode::RateLimited);
    ASSERT_EQ(refused.error().details.size(), 1u);
    EXPECT_EQ(refused.error().details[0].first, "retry_after");
    EXPECT_NEAR(std::stod(refused.error().details[0].second), 1000, 2);
    EXPECT_TRUE(tenants->take_request(*identify(*tenants, {}, "two")));
    EXPECT_TRUE(tenants->take_rows(one, 1'000'000)) << "rows have no limit here";
}

TEST_F(TenantsTest, RowsAreCountedAndGivenBack) {
    const auto tenants = *Tenants::create({.limits = {.rows_per_hour = 10'000}});
    const Caller one = *identify(*tenants, {}, "one");
    EXPECT_TRUE(tenants->take_rows(one, 8192));
    EXPECT_EQ(code(tenants->take_rows(one, 8192)), ErrorCode::RateLimited);
    tenants->give_back_rows(one, 8192);
    EXPECT_TRUE(tenants->take_rows(one, 8192));
    for (int i = 0; i < 1000; ++i) EXPECT_TRUE(tenants->take_request(one)) << "requests have no limit here";
}

}  // namespace
}  // namespace einfer::tenants
