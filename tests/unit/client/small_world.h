// A model small enough for tests, its keys, and results as a right server would make them.
#pragma once

#include "client/reply.h"
#include "he/seal_evaluator.h"
#include "keys/session.h"
#include "protocol/messages.h"
#include "protocol/model.h"
#include "wire/ciphertext.h"

#include <string>
#include <vector>

namespace einfer::client_test {

/// y = c0 + c1 z with c1 = 1; or y = z² when `quadratic`.
[[nodiscard]] inline protocol::ModelDescription small_model(bool quadratic = false) {
    protocol::ModelDescription model;
    model.model_id = quadratic ? "small_square" : "small_linear";
    model.version = "1.0.0";
    model.description = "For tests.";
    model.encryption = {4096, 16777216.0, {30, 24, 24, 30}, 2};
    model.input_dimension = 3;
    model.weights = {0.5, -0.25, 1.0};
    model.bias = 0.125;
    model.coefficients = quadratic ? std::array<double, 3>{0, 0, 1} : std::array<double, 3>{0.25, 1, 0};
    model.max_batch_size = 4;
    return model;
}

[[nodiscard]] inline double in_clear(const protocol::ModelDescription& model, const std::vector<double>& row) {
    double z = model.bias;
    for (std::size_t i = 0; i < row.size(); ++i) z += model.weights[i] * row[i];
    return model.coefficients[0] + model.coefficients[1] * z + model.coefficients[2] * z * z;
}

[[nodiscard]] inline he::Parameters parameters(const protocol::ModelDescription& model) {
    return {model.encryption.poly_modulus_degree, model.encryption.coeff_modulus_bits};
}

/// SEAL bytes of one input, as the server holds them in evaluation.
[[nodiscard]] inline he::Ciphertext load_input(const he::Context& context, std::span<const std::uint8_t> bytes) {
    const std::size_t poly = context.poly_modulus_degree() * context.data_prime_count();
    const auto parsed = wire::parse_ciphertext(bytes, {.max_serialized_bytes = bytes.size(), .max_words = 2 * poly});
    const auto words = parsed.value().words.span();
    he::Ciphertext input{context.data_prime_count(), 2, parsed->scale, {words.begin(), words.end()}};
    if (parsed->seed) {
        input.words.resize(2 * poly);
        context.expand_seed(*parsed->seed, std::span(input.words).subspan(poly)).value();
    }
    return input;
}

/// What a server answers for `inputs`.
[[nodiscard]] inline he::Ciphertext evaluate(const he::SealEvaluator& evaluator,
                                             const protocol::ModelDescription& model,
                                             const std::vector<he::Ciphertext>& inputs) {
    const bool quadratic = model.coefficients[2] != 0;
    const double constant = quadratic ? model.bias : model.coefficients[0] + model.bias;
    auto z = evaluator.weighted_sum(he::views_of(inputs), model.weights, constant, model.encryption.scale).value();
    z = evaluator.rescale(z).value();
    return quadratic ? evaluator.multiply(z, z).value() : z;
}

[[nodiscard]] inline std::vector<std::uint8_t> result_bytes(const he::Context& context, const he::Ciphertext& result,
                                                            std::uint8_t minor = keys::seal_minor_version()) {
    return wire::write_ciphertext({minor, context.parms_id(result.prime_count), result.size,
                                   context.poly_modulus_degree(), result.prime_count, result.scale, result.words});
}

inline constexpr const char* job_id = "0123456789abcdef0123456789abcdef";

[[nodiscard]] inline protocol::JobMessage completed_job(const protocol::ModelDescription& model, std::uint32_t rows,
                                                        const std::string& digest, protocol::Encoding encoding) {
    protocol::JobMessage job;
    job.job_id = job_id;
    job.status = "completed";
    job.created_at = "2026-03-02T09:15:04.120Z";
    job.started_at = "2026-03-02T09:15:04.131Z";
    job.finished_at = "2026-03-02T09:15:04.164Z";
    job.result = protocol::ResultMessage{model.model_id, model.version, encoding, rows, rows, false, 1e-3, digest};
    return job;
}

}  // namespace einfer::client_test
