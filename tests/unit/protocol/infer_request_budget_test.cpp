// Text that must be held until its encoding is known comes out of the budget, and goes back.
#include "unit/protocol/infer_request.h"

namespace einfer::test {
namespace {

constexpr std::size_t max_payload_bytes = 64;
constexpr std::string_view body =
    R"({"model_id":"m","version":"1.0.0","inputs":[{"payload":"00112233445566778899aabbccddeeff","encoding":"hex"}]})";
constexpr std::size_t needed = 2 * 32;  // the text's capacity doubles

/// The fault of the only payload, or "OK".
std::string verdict(MemoryBudget& budget, std::size_t chunk) {
    RecordingSink sink;
    protocol::InferRequestParser parser(max_payload_bytes, sink, &budget);
    for (std::size_t at = 0; at < body.size(); at += chunk) parser.feed(body.substr(at, chunk));
    const auto request = parser.finish();
    EXPECT_TRUE(request) << text_of(request);
    if (!request) return "";
    const auto& fault = request->payloads.at(0).fault;
    return fault ? std::string(traits(fault->code).name) : "OK";
}

TEST(InferRequestBudget, HeldTextThatDoesNotFitIsOverloadedInAnyPieces) {
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, body.size()}) {
        for (const std::size_t room : {std::size_t{0}, needed - 1}) {
            MemoryBudget budget(room);
            EXPECT_EQ(verdict(budget, chunk), "OVERLOADED") << room << " in pieces of " << chunk;
            EXPECT_EQ(budget.used(), 0u);
        }
        MemoryBudget budget(needed);
        EXPECT_EQ(verdict(budget, chunk), "OK");
        EXPECT_EQ(budget.used(), 0u);
    }
}

TEST(InferRequestBudget, EveryInputCounts) {
    RecordingSink sink;
    protocol::InferRequestParser parser(max_payload_bytes, sink);
    parser.feed(R"({"inputs":[)");
    constexpr std::size_t inputs = 1000;
    const std::size_t before = parser.envelope_memory();
    for (std::size_t i = 0; i < inputs; ++i) parser.feed(R"({"encoding":"hex","payload":"ab"},)");
    // Three values each, and what is noted of a payload.
    EXPECT_GE(parser.envelope_memory() - before, inputs * (3 * 64 + sizeof(protocol::Payload)));
}

}  // namespace
}  // namespace einfer::test
