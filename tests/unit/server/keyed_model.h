// A model that needs every kind of evaluation key, small ones, and the client that holds its secret.
#pragma once

#include "he/seal_context.h"
#include "kernels/galois.h"
#include "server/executable.h"
#include "support/seal_bytes.h"
#include "wire/ciphertext.h"

#include <seal/seal.h>

#include <sstream>
#include <string>
#include <vector>

namespace einfer::test {

inline const std::vector<int> keyed_bits{36, 36, 37};
inline constexpr std::size_t keyed_degree = 4096;
inline constexpr double keyed_scale = 0x1p30;
inline constexpr int keyed_step = 1;

/// x²[i] + x²[i + 1].
class KeyedExecutable final : public server::Executable {
public:
    Result<void> prepare(const he::Context& context) override {
        context_ = context;
        return {};
    }
    [[nodiscard]] std::size_t kept_primes() const override { return 2; }
    [[nodiscard]] std::size_t result_bytes(std::size_t, protocol::ResultFormat) const override {
        return wire::serialized_size(2, keyed_degree, 2);
    }
    [[nodiscard]] std::size_t rows_told(std::size_t rows) const override { return rows; }
    [[nodiscard]] Result<std::vector<std::uint8_t>> run(const server::Evaluation& evaluation) const override {
        const auto square = evaluation.evaluator.square(evaluation.inputs.front());
        if (!square) return square.error();
        const auto product = evaluation.evaluator.relinearize(*square, *evaluation.keys->relinearization);
        if (!product) return product.error();
        const auto rotated = evaluation.evaluator.rotate(*product, keyed_step, evaluation.keys->galois);
        if (!rotated) return rotated.error();
        const auto sum = evaluation.evaluator.add(*product, *rotated);
        if (!sum) return sum.error();
        return wire::write_ciphertext({.seal_minor = evaluation.seal_minor,
                                       .parms_id = context_->parms_id(2),
                                       .size = 2,
                                       .poly_modulus_degree = keyed_degree,
                                       .coeff_modulus_size = 2,
                                       .scale = sum->scale,
                                       .words = sum->words});
    }
    [[nodiscard]] Result<std::vector<std::vector<double>>> run_plain(
        std::span<const std::vector<double>>) const override {
        return Error{ErrorCode::Internal, "not in this test"};
    }

private:
    std::optional<he::Context> context_;
};

/// `steps` that are needed; the executable uses keyed_step only.
[[nodiscard]] inline server::DescribedExecutable keyed_model(const std::string& model_id = "keyed_v1",
                                                             std::vector<int> steps = {keyed_step, -2},
                                                             bool relinearization = true) {
    protocol::ModelView view;
    view.model_id = model_id;
    view.version = "1.0.0";
    view.description = "Sums of squares.";
    view.poly_modulus_degree = keyed_degree;
    view.coeff_modulus_bits = keyed_bits;
    view.scale = keyed_scale;
    view.input_dimension = view.output_dimension = 1;
    view.lower = {-1};
    view.upper = {1};
    view.packing = SlotsPacking{.poly_modulus_degree = keyed_degree,
                                .features = 1,
                                .outputs = 1,
                                .rows = 1,
                                .feature_of_slot = {{0}},
                                .output_slots = {0},
                                .input_scale = keyed_scale};
    view.keys.relinearization = relinearization;
    view.keys.galois_steps = std::move(steps);
    view.error_bound = 0.001;
    view.max_batch_size = 1;
    return {std::move(view), std::make_unique<KeyedExecutable>()};
}

template <class T>
[[nodiscard]] Bytes seal_bytes(const T& object, seal::compr_mode_type compression = seal::compr_mode_type::none) {
    std::stringstream stream;
    object.save(stream, compression);
    const std::string text = stream.str();
    return {text.begin(), text.end()};
}

class KeyedClient {
public:
    KeyedClient()
        : context(he::Context::create({keyed_degree, keyed_bits}).value()),
          generator_(context.seal().context),
          encoder_(context.seal().context),
          encryptor_(context.seal().context, generator_.secret_key()),
          decryptor_(context.seal().context, generator_.secret_key()) {}

    [[nodiscard]] Bytes relinearization(bool seeded = true) {
        if (seeded) return seal_bytes(generator_.create_relin_keys());
        seal::RelinKeys keys;
        generator_.create_relin_keys(keys);
        return seal_bytes(keys);
    }
    [[nodiscard]] Bytes galois(const std::vector<int>& steps = {keyed_step, -2}) {
        return seal_bytes(generator_.create_galois_keys(steps));
    }
    [[nodiscard]] Bytes secret_key() const { return seal_bytes(generator_.secret_key()); }

    [[nodiscard]] Bytes encrypt(const std::vector<double>& values) {
        seal::Plaintext plain;
        encoder_.encode(values, keyed_scale, plain);
        return seal_bytes(encryptor_.encrypt_symmetric(plain));
    }
    [[nodiscard]] std::vector<double> decrypt(const Bytes& bytes) {
        seal::Ciphertext ciphertext;
        ciphertext.load(context.seal().context, reinterpret_cast<const seal::seal_byte*>(bytes.data()), bytes.size());
        seal::Plaintext plain;
        decryptor_.decrypt(ciphertext, plain);
        std::vector<double> values;
        encoder_.decode(plain, values);
        return values;
    }

    const he::Context context;

private:
    seal::KeyGenerator generator_;
    seal::CKKSEncoder encoder_;
    seal::Encryptor encryptor_;
    seal::Decryptor decryptor_;
};

}  // namespace einfer::test
