// A model's circuit on ciphertexts, as the server runs it: check, pack, unpack, evaluate; then decrypt.
#pragma once

#include "he/evaluator.h"
#include "inference/circuit.h"
#include "inference/packed_inputs.h"
#include "support/encryption.h"

#include <vector>

namespace einfer::test {

/// Decrypted answers, one a row. `columns`: one a feature.
[[nodiscard]] inline std::vector<double> run_encrypted(const inference::Plan& plan, double scale,
                                                       const keys::Session& session,
                                                       const std::vector<std::vector<double>>& columns) {
    const he::Context& context = session.context();
    std::vector<wire::Ciphertext> inputs;
    for (const auto& column : columns) {
        inputs.push_back(parse(session.encrypt(column, scale).value(), context));
        EXPECT_EQ(text_of(wire::check_ciphertext(inputs.back(), rules_of(context, scale))), "OK");
    }
    const auto packed = inference::pack_inputs(inputs, plan.input_primes);
    const auto unpacked = inference::unpack_inputs(packed, context, plan.input_primes, scale).value();
    const auto evaluated = [&](he::EvaluatorKind kind) {
        const auto evaluator = he::make_evaluator(kind, context).value();
        return inference::run(plan, *evaluator, std::span<const he::CiphertextView>(unpacked.views));
    };
    const auto result = evaluated(he::EvaluatorKind::Native), oracle = evaluated(he::EvaluatorKind::Seal);
    EXPECT_EQ(text_of(result), "OK");
    if (!result || !oracle) return {};
    EXPECT_TRUE(result->words == oracle->words) << "not SEAL's answer, bit for bit";
    EXPECT_EQ(result->scale, oracle->scale);
    EXPECT_EQ(result->prime_count, plan.result_primes);
    EXPECT_EQ(result->size, plan.result_size);
    EXPECT_NEAR(result->scale / plan.result_scale, 1, 0.01);
    return session.decrypt(*result, columns.front().size()).value();
}

}  // namespace einfer::test
