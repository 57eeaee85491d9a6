// A network in the slots of ciphertexts, end to end: secret keys, evaluation keys of exactly the plan, both evaluators.
#pragma once

#include "he/evaluator.h"
#include "he/seal_context.h"
#include "inference/slots_circuit.h"
#include "inference/slots_search.h"
#include "kernels/galois.h"
#include "support/encryption.h"

#include <random>
#include <vector>

namespace einfer::test {

/// Keys for a plan, and no others.
class SlotsWorld {
public:
    explicit SlotsWorld(const inference::SlotsModel& chosen)
        : model(chosen),
          context(make_context(chosen.plan().poly_modulus_degree, chosen.plan().coeff_modulus_bits)),
          generator_(context.seal().context),
          encryptor_(context.seal().context, generator_.secret_key()),
          decryptor_(context.seal().context, generator_.secret_key()),
          encoder_(context.seal().context),
          circuit(inference::SlotsCircuit::create(model, context).value()) {
        seal::PublicKey public_key;
        generator_.create_public_key(public_key);
        encryptor_.set_public_key(public_key);
        if (plan().needs_relinearization) {
            seal::RelinKeys made;
            generator_.create_relin_keys(made);
            relinearization = he::from_seal(context, made.data()[0]);
        }
        seal::GaloisKeys made;
        generator_.create_galois_keys(plan().steps, made);
        for (const int step : plan().steps) {
            const std::uint32_t element = kernels::galois_element(context.poly_modulus_degree(), step);
            keys.emplace(element, he::from_seal(context, made.key(element)));
        }
    }

    [[nodiscard]] const inference::SlotsPlan& plan() const { return model.plan(); }

    [[nodiscard]] std::vector<he::Ciphertext> encrypt(const std::vector<std::vector<double>>& rows,
                                                      bool symmetric = true) {
        std::vector<he::Ciphertext> made;
        for (const std::vector<double>& slots : model.arrange(rows)) {
            seal::Plaintext plain;
            encoder_.encode(slots, context.parms_id(plan().input_primes), plan().input_scale, plain);
            seal::Ciphertext encrypted;
            if (symmetric)
                encryptor_.encrypt_symmetric(plain, encrypted);
            else
                encryptor_.encrypt(plain, encrypted);
            made.push_back(he::from_seal(context, encrypted));
        }
        return made;
    }

    [[nodiscard]] Result<he::Ciphertext> run(const he::Evaluator& evaluator,
                                             const std::vector<he::Ciphertext>& inputs) const {
        return circuit.run(evaluator, he::views_of(inputs), keys,
                           plan().needs_relinearization ? &relinearization : nullptr);
    }

    [[nodiscard]] std::vector<double> decrypt(const he::Ciphertext& ciphertext) {
        seal::Plaintext plain;
        decryptor_.decrypt(he::to_seal(context, ciphertext), plain);
        std::vector<double> slots;
        encoder_.decode(plain, slots);
        return slots;
    }

    const inference::SlotsModel model;
    const he::Context context;

private:
    seal::KeyGenerator generator_;
    seal::Encryptor encryptor_;
    seal::Decryptor decryptor_;
    seal::CKKSEncoder encoder_;

public:
    const inference::SlotsCircuit circuit;
    he::KeySwitchKey relinearization;
    he::GaloisKeys keys;
};

[[nodiscard]] inline inference::Activation squared() { return {inference::ActivationKind::Polynomial, {0, 0, 1}}; }

[[nodiscard]] inline inference::Dense random_dense(std::size_t inputs, std::size_t outputs, std::mt19937_64& random) {
    const double size = 1.7 / std::sqrt(static_cast<double>(inputs));
    return {inputs, outputs, random_values(inputs * outputs, size, random), random_values(outputs, 0.3, random)};
}

[[nodiscard]] inline inference::Convolution random_convolution(const inference::Shape& input, std::size_t channels,
                                                               const inference::Window& window,
                                                               std::mt19937_64& random) {
    const std::size_t area = input.channels * window.height * window.width;
    return {input, channels, window, random_values(channels * area, 1.7 / std::sqrt(static_cast<double>(area)), random),
            random_values(channels, 0.3, random)};
}

/// conv 1→4 7×7 stride 3, 256→64, 64→10, squares between.
[[nodiscard]] inline inference::Network mnist_cnn(std::mt19937_64& random) {
    const inference::Shape image{1, 28, 28};
    return {image,
            {random_convolution(image, 4, {.height = 7, .width = 7, .stride_down = 3, .stride_right = 3}, random),
             squared(), random_dense(256, 64, random), squared(), random_dense(64, 10, random)},
            {},
            {}};
}

[[nodiscard]] inline inference::Network mnist_mlp(std::mt19937_64& random) {
    return {{784, 1, 1}, {random_dense(784, 128, random), squared(), random_dense(128, 10, random)}, {}, {}};
}

[[nodiscard]] inline std::vector<std::vector<double>> random_rows(std::size_t count, std::size_t features,
                                                                  std::mt19937_64& random) {
    std::vector<std::vector<double>> rows;
    for (std::size_t i = 0; i < count; ++i) rows.push_back(random_values(features, 1, random));
    return rows;
}

}  // namespace einfer::test
