// docs/api.md, "Validation order": of several faults the first in that order is reported.
#include "server/infer_upload.h"
#include "unit/server/requests.h"

#include <gtest/gtest.h>

#include <functional>

namespace einfer::test {
namespace {

constexpr double scale = 0x1p30;

/// Ciphertexts may be spoiled, too; they are encoded at the end.
struct Draft {
    RequestBody body;
    std::vector<Bytes> ciphertexts;

    [[nodiscard]] std::string text() const {
        RequestBody complete = body;
        for (std::size_t i = 0; i < ciphertexts.size(); ++i)
            complete.inputs[i].payload = input_of(ciphertexts[i]).payload + complete.inputs[i].payload;
        return complete.text();
    }
};

struct Fault {
    const char* name;
    std::function<void(Draft&)> apply;
    const char* verdict;  ///< how it begins
};

/// In the order of the documentation.
const Fault faults[] = {
    {"syntax", [](Draft& d) { d.body.tail = "]"; }, "MALFORMED_JSON: "},
    {"schema", [](Draft& d) { d.body.members += R"("rows":1,)"; }, "SCHEMA_VIOLATION: "},
    {"api_version", [](Draft& d) { d.body.members += R"("api_version":"2.0",)"; }, "UNSUPPORTED_API_VERSION: "},
    {"model", [](Draft& d) { d.body.version = "9.9.9"; }, "UNKNOWN_MODEL: "},
    {"batch", [](Draft& d) { d.body.members += R"("batch_size":9,)"; }, "BATCH_TOO_LARGE: "},
    {"count",
     [](Draft& d) {
         d.body.inputs.push_back({"hex", "00"});
     },
     "WRONG_INPUT_COUNT: "},
    {"result_format", [](Draft& d) { d.body.members += R"("result_format":"compact",)"; },
     "SCHEMA_VIOLATION: the model has no such result_format"},
    {"encoding", [](Draft& d) { d.body.inputs[1].payload += "!"; }, "INVALID_ENCODING: "},
    {"header", [](Draft& d) { d.ciphertexts[1][at::magic] ^= 1; },
     "INVALID_CIPHERTEXT: the bytes are no SEAL object: send what SEAL saves, unchanged"},
    {"SEAL versions differ", [](Draft& d) { set_minor(d.ciphertexts[1], 0); },
     "INVALID_CIPHERTEXT: the inputs were written by different SEAL versions"},
    {"metadata", [](Draft& d) { patch(d.ciphertexts[0], at::scale, 1.5 * scale); }, "INCOMPATIBLE_CIPHERTEXT: "},
    {"coefficient", [](Draft& d) { patch(d.ciphertexts[0], at::words, ~std::uint64_t{0}); },
     "INVALID_CIPHERTEXT: a word of the ciphertext is not below its prime"},
};

class ValidationOrder : public testing::Test {
protected:
    void SetUp() override {
        const he::Context& context = *(*catalog->find("small_v1", "1.0.0"))->context;
        const keys::Session session = make_session(context, keys::EncryptionMode::PublicKey);
        for (int i = 0; i < 2; ++i) {
            good.ciphertexts.push_back(session.encrypt(std::vector{1.0}, scale).value());
            good.body.inputs.push_back({"hex", ""});
        }
    }
    std::string verdict(const Draft& draft, std::size_t budget_bytes = 1u << 30) const {
        MemoryBudget budget(budget_bytes);
        std::string text;
        {
            server::InferUpload upload(*catalog, budget);
            upload.feed(draft.text());
            text = text_of(upload.finish("tenant"));
        }
        EXPECT_EQ(budget.used(), 0u);
        return text;
    }

    const std::unique_ptr<server::Catalog> catalog = make_catalog({std::string(small_entry), large_entry()});
    Draft good;
};

TEST_F(ValidationOrder, AGoodRequestIsAccepted) { EXPECT_EQ(verdict(good), "OK"); }

TEST_F(ValidationOrder, OfEveryTwoFaultsTheEarlierIsReported) {
    for (std::size_t first = 0; first < std::size(faults); ++first)
        for (std::size_t second = first; second < std::size(faults); ++second) {
            Draft draft = good;
            faults[second].apply(draft);
            if (second != first) faults[first].apply(draft);
            const std::string text = verdict(draft);
            EXPECT_EQ(text.find(faults[first].verdict), 0u)
                << faults[first].name << " and " << faults[second].name << ": " << text;
        }
}

TEST_F(ValidationOrder, OfAllFaultsFromOneOnThatOneIsReported) {
    for (std::size_t first = 0; first < std::size(faults); ++first) {
        Draft draft = good;
        for (std::size_t fault = std::size(faults); fault-- > first;) faults[fault].apply(draft);
        const std::string text = verdict(draft);
        EXPECT_EQ(text.find(faults[first].verdict), 0u) << faults[first].name << ": " << text;
    }
}

TEST_F(ValidationOrder, WhatTheEnvelopeSaysComesBeforeTheBudget) {
    constexpr std::size_t envelope = 4096;  // enough for that, and for no ciphertext
    EXPECT_EQ(verdict(good, envelope).find("OVERLOADED: "), 0u);
    for (const Fault& fault : faults) {
        Draft draft = good;
        fault.apply(draft);
        const std::string text = verdict(draft, envelope);
        if (&fault - faults <= 7)  // up to the encoding
            EXPECT_EQ(text.find(fault.verdict), 0u) << fault.name << ": " << text;
        else
            EXPECT_EQ(text.find("OVERLOADED: "), 0u) << fault.name << ": " << text;
    }
}

TEST_F(ValidationOrder, InputsAreJudgedInTheirOrder) {
    const auto input = [&](const Draft& draft) {
        MemoryBudget budget(1u << 30);
        server::InferUpload upload(*catalog, budget);
        upload.feed(draft.text());
        return detail_of(upload.finish("tenant").error(), "input");
    };
    for (const std::size_t first : {0u, 1u}) {
        Draft draft = good;
        for (std::size_t i = first; i < 2; ++i) draft.body.inputs[i].encoding = "HEX";
        EXPECT_EQ(input(draft), std::to_string(first));
        draft = good;
        for (std::size_t i = first; i < 2; ++i) draft.ciphertexts[i].pop_back();
        EXPECT_EQ(input(draft), std::to_string(first));
        draft = good;
        for (std::size_t i = first; i < 2; ++i) patch(draft.ciphertexts[i], at::scale, 2 * scale);
        EXPECT_EQ(input(draft), std::to_string(first));
    }
}

TEST_F(ValidationOrder, BoundariesOfBatchAndCount) {
    const auto with_members = [&](const std::string& members) {
        Draft draft = good;
        draft.body.members = members;
        return verdict(draft);
    };
    EXPECT_EQ(with_members(R"("batch_size":8,)"), "OK");
    EXPECT_EQ(with_members(R"("batch_size":9,)"),
              "BATCH_TOO_LARGE: batch_size is above the model's max_batch_size [max_batch_size=8]");
    EXPECT_EQ(with_members(R"("batch_size":2147483647,)").find("BATCH_TOO_LARGE"), 0u);
    EXPECT_EQ(with_members(R"("batch_size":0,)").find("SCHEMA_VIOLATION"), 0u);
    Draft one = good;
    one.body.inputs.pop_back();
    one.ciphertexts.pop_back();
    EXPECT_EQ(verdict(one), "WRONG_INPUT_COUNT: the model takes one ciphertext a feature [expected=2] [received=1]");
}

}  // namespace
}  // namespace einfer::test
