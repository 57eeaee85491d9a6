#include "tenants/key_file.h"

#include "support/files.h"

#include <gtest/gtest.h>

namespace einfer::tenants {
namespace {

const std::string hash_a = "sha256:ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb";  // of "a"
const std::string hash_b = "sha256:3e23e8160039594a33894f6564e1b1348bbd7a0088d42c4acb73eeaed59c009d";  // of "b"

TEST(KeyFile, FindsTheTenantOfAKey) {
    const auto file = KeyFile::parse(
        R"({"tenants":[{"tenant":"one","keys":[")" + hash_a + R"("]},{"tenant":"two","keys":[")" + hash_b + R"("]}]})",
        {});
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->keys(), 2u);
    ASSERT_NE(file->find("a"), nullptr);
    EXPECT_EQ(file->find("a")->tenant, "one");
    EXPECT_EQ(file->find("a")->key_id, "ca978112ca1b");
    EXPECT_EQ(file->find("b")->tenant, "two");
    for (const std::string& key : std::vector<std::string>{"", "c", "A", "a ", " a", hash_a, hash_a.substr(7)})
        EXPECT_EQ(file->find(key), nullptr) << key;
    EXPECT_EQ(file->find(std::string(1u << 20, 'a')), nullptr);
}

TEST(KeyFile, ATenantMayHaveManyKeysOrNone) {
    const auto file = KeyFile::parse(
        R"({"tenants":[{"tenant":"one","keys":[")" + hash_a + "\",\"" + hash_b + R"("]},{"tenant":"none","keys":[]}]})",
        {});
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->find("a")->tenant, "one");
    EXPECT_EQ(file->find("b")->tenant, "one");
    EXPECT_TRUE(KeyFile::parse(R"({"tenants":[]})", {}));
}

TEST(KeyFile, LimitsAreTheDefaultsUnlessTheEntrySaysElse) {
    TenantLimits defaults;
    defaults.requests_per_second = 7;
    defaults.max_stored_bytes = 9;
    const auto file =
        KeyFile::parse(R"({"tenants":[{"tenant":"one","keys":[")" + hash_a +
                           R"("],"limits":{"requests_per_second":2.5,"rows_per_hour":1e6,"max_queued_jobs":3}},
                                         {"tenant":"two","keys":[")" +
                           hash_b + R"("]}]})",
                       defaults);
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->find("a")->limits.requests_per_second, 2.5);
    EXPECT_EQ(file->find("a")->limits.rows_per_hour, 1e6);
    EXPECT_EQ(file->find("a")->limits.max_queued_jobs, 3u);
    EXPECT_EQ(file->find("a")->limits.max_stored_bytes, 9u);
    EXPECT_EQ(file->find("b")->limits.requests_per_second, 7);
}

struct Bad {
    std::string text;
    std::string says;
};

class BadKeyFile : public testing::TestWithParam<Bad> {};

TEST_P(BadKeyFile, IsRefusedWithThePlace) {
    const auto file = KeyFile::parse(GetParam().text, {});
    ASSERT_FALSE(file) << GetParam().text;
    EXPECT_NE(file.error().message.find(GetParam().says), std::string::npos) << file.error().message;
}

std::string entry(const std::string& members) { return R"({"tenants":[{"tenant":"one",)" + members + "}]}"; }
std::string limits(const std::string& members) { return entry(R"("keys":[],"limits":{)" + members + "}"); }

INSTANTIATE_TEST_SUITE_P(
    KeyFile, BadKeyFile,
    testing::Values(Bad{"", "JSON"}, Bad{"{", "JSON"}, Bad{"[]", "no object"}, Bad{"{}", "/tenants is missing"},
                    Bad{R"({"tenants":{}})", "/tenants is no array"}, Bad{R"({"tenants":[],"x":1})", "/x is unknown"},
                    Bad{R"({"tenants":[[]]})", "/tenants/0 is no object"},
                    Bad{R"({"tenants":[{"keys":[]}]})", "/tenants/0/tenant is missing"},
                    Bad{R"({"tenants":[{"tenant":"a b","keys":[]}]})", "/tenants/0/tenant is not"},
                    Bad{R"({"tenants":[{"tenant":7,"keys":[]}]})", "/tenants/0/tenant is not"},
                    Bad{R"({"tenants":[{"tenant":"a"}]})", "/tenants/0/keys is missing"},
                    Bad{R"({"tenants":[{"tenant":"a","keys":[]},{"tenant":"a","keys":[]}]})",
                        "/tenants/1/tenant is there"},
                    Bad{entry(R"("keys":"x")"), "/tenants/0/keys is no array"},
                    Bad{entry(R"("keys":[7])"), "/tenants/0/keys/0 is not"},
                    Bad{entry(R"("keys":["plain key"])"), "/tenants/0/keys/0 is not"},
                    Bad{entry("\"keys\":[\"" + hash_a.substr(0, 70) + "\"]"), "/tenants/0/keys/0 is not"},
                    Bad{entry("\"keys\":[\"" + hash_a + "0\"]"), "/tenants/0/keys/0 is not"},
                    Bad{entry("\"keys\":[\"" + hash_a + "\",\"" + hash_a + "\"]"), "/tenants/0/keys/1 is there"},
                    Bad{entry(R"("keys":[],"key":1)"), "/tenants/0/key is unknown"},
                    Bad{limits(R"("requests":1)"), "/tenants/0/limits/requests is unknown"},
                    Bad{limits(R"("burst":-1)"), "/tenants/0/limits/burst is no number"},
                    Bad{limits(R"("burst":1e400)"), "/tenants/0/limits/burst is no number"},
                    Bad{limits(R"("burst":"1")"), "/tenants/0/limits/burst is no number"},
                    Bad{limits(R"("max_queued_jobs":1.5)"), "/tenants/0/limits/max_queued_jobs is no whole"}));

TEST(KeyFile, IsReadFromAFile) {
    const test::TemporaryDirectory directory;
    const auto path = directory.path() / "keys.json";
    EXPECT_FALSE(KeyFile::load(path, {}));
    test::write_file(path, R"({"tenants":[{"tenant":"one","keys":[")" + hash_a + R"("]}]})");
    const auto file = KeyFile::load(path, {});
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_EQ(file->keys(), 1u);
    EXPECT_FALSE(KeyFile::load(directory.path(), {}));
}

TEST(KeyFile, ANewKeyFitsIntoTheFile) {
    const NewKey made = make_key();
    EXPECT_NE(made.key, make_key().key);
    const auto file = KeyFile::parse(entry("\"keys\":[\"" + made.hash + "\"]"), {});
    ASSERT_TRUE(file) << file.error().message;
    EXPECT_NE(file->find(made.key), nullptr);
}

}  // namespace
}  // namespace einfer::tenants
