// The error table is the contract's.
#include "base/error.h"

#include "support/files.h"

#include <gtest/gtest.h>

#include <map>
#include <set>
#include <sstream>
#include <tuple>

namespace einfer::test {
namespace {

/// Every "UPPER_CASE" word in the first `enum` of the error schema.
std::set<std::string> codes_in_schema() {
    const std::string text = read_file(source_dir / "schemas" / "error.schema.json");
    const std::size_t begin = text.find('[', text.find("\"enum\""));
    std::istringstream words(text.substr(begin + 1, text.find(']', begin) - begin - 1));
    std::set<std::string> codes;
    for (std::string word; std::getline(words, word, ',');) {
        const std::size_t open = word.find('"');
        codes.insert(word.substr(open + 1, word.rfind('"') - open - 1));
    }
    return codes;
}

// Written down a second time, from the contract's page on errors: status and Retry-After of every code.
const std::map<std::string, std::pair<int, bool>> contract{
    {"MALFORMED_JSON", {400, false}},
    {"SCHEMA_VIOLATION", {400, false}},
    {"INVALID_ENCODING", {400, false}},
    {"INVALID_CIPHERTEXT", {400, false}},
    {"BATCH_TOO_LARGE", {400, false}},
    {"WRONG_INPUT_COUNT", {400, false}},
    {"UNSUPPORTED_API_VERSION", {400, false}},
    {"UNAUTHENTICATED", {401, false}},
    {"FORBIDDEN", {403, false}},
    {"UNKNOWN_MODEL", {404, false}},
    {"UNKNOWN_JOB", {404, false}},
    {"UNKNOWN_KEY", {404, false}},
    {"NOT_FOUND", {404, false}},
    {"METHOD_NOT_ALLOWED", {405, false}},
    {"REQUEST_TIMEOUT", {408, true}},
    {"LENGTH_REQUIRED", {411, false}},
    {"PAYLOAD_TOO_LARGE", {413, false}},
    {"UNSUPPORTED_MEDIA_TYPE", {415, false}},
    {"HEADERS_TOO_LARGE", {431, false}},
    {"INCOMPATIBLE_CIPHERTEXT", {409, false}},
    {"EVALUATION_KEY_REQUIRED", {409, false}},
    {"IDEMPOTENCY_CONFLICT", {409, false}},
    {"JOB_EXPIRED", {410, false}},
    {"KEY_EXPIRED", {410, false}},
    {"RATE_LIMITED", {429, true}},
    {"INTERNAL", {500, false}},
    {"OVERLOADED", {503, true}},
    {"SHUTTING_DOWN", {503, true}},
    {"CRYPTO_CONTEXT_UNAVAILABLE", {503, true}},
};

TEST(ErrorTable, HoldsTheContract) {
    ASSERT_EQ(all_error_codes().size(), contract.size());
    for (const ErrorTraits& row : all_error_codes()) {
        const auto found = contract.find(std::string(row.name));
        ASSERT_NE(found, contract.end()) << row.name;
        EXPECT_EQ(row.http_status, found->second.first) << row.name;
        EXPECT_EQ(row.retryable, found->second.second) << row.name;
    }
}

TEST(ErrorTable, NamesAreUniqueAndThoseOfTheSchema) {
    std::set<std::string> names;
    for (const ErrorTraits& row : all_error_codes())
        EXPECT_TRUE(names.insert(std::string(row.name)).second) << row.name;
    EXPECT_EQ(names, codes_in_schema());
}

TEST(ErrorTable, RowsAreFoundByCodeAndByName) {
    for (const ErrorTraits& row : all_error_codes()) {
        EXPECT_EQ(&traits(row.code), &row);
        EXPECT_EQ(find_error_code(row.name), &row);
    }
    for (const char* unknown : {"", "internal", "INTERNAL ", "INTERNA", "INTERNAL_"})
        EXPECT_EQ(find_error_code(unknown), nullptr) << unknown;
}

TEST(ErrorTable, RetryableIsWhatCarriesRetryAfter) {
    for (const ErrorTraits& row : all_error_codes())
        EXPECT_EQ(row.retryable, row.http_status == 408 || row.http_status == 429 || row.http_status == 503)
            << row.name;
}

TEST(Result, ValueOfAFailureThrowsItsMessage) {
    const Result<int> failed = Error{ErrorCode::Internal, "said so"};
    try {
        static_cast<void>(failed.value());
        FAIL() << "no exception";
    } catch (const std::runtime_error& thrown) {
        EXPECT_STREQ(thrown.what(), "said so");
    }
    EXPECT_EQ(Result<int>(7).value(), 7);
}

}  // namespace
}  // namespace einfer::test
