// A model as v1.0 describes it: what GET /models shows, what a registry entry holds, what a client plans by.
#pragma once

#include "base/error.h"

#include <boost/json/object.hpp>

#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace einfer::protocol {

struct EncryptionParameters {
    std::size_t poly_modulus_degree = 0;  ///< N; a ciphertext has N/2 slots
    double scale = 0;                     ///< of every input
    std::vector<int> coeff_modulus_bits;  ///< data primes in order, then the key-switching prime
    int max_multiplicative_depth = 0;     ///< levels the evaluation may use up
};

/// y = c0 + c1 z + c2 z², z = weights · x + bias.
struct ModelDescription {
    std::string model_id;
    std::string version;
    std::string description;
    EncryptionParameters encryption;
    std::size_t input_dimension = 0;
    std::vector<double> weights;
    double bias = 0;
    std::array<double, 3> coefficients{};  ///< c0, c1, c2
    std::size_t max_batch_size = 0;
};

/// The v1.0 object, exactly its members.
[[nodiscard]] boost::json::object to_json(const ModelDescription& model);

/// Reads the v1.0 members of an object that passed the models or registry-entry schema.
[[nodiscard]] ModelDescription model_from_json(const boost::json::object& object);

/// A whole number of bits that the product of the data primes has at least. Primes are just below 2^bits, but small
/// ones are scarce at a large degree and may be anywhere above half of it.
[[nodiscard]] int data_modulus_bits(const EncryptionParameters& encryption);

struct ModelFault {
    std::string field;  ///< JSON pointer into the model object
    std::string reason;
};

/// A chain of primes that SEAL cannot make, or that has less than 128-bit security.
[[nodiscard]] std::optional<ModelFault> find_chain_fault(std::size_t poly_modulus_degree,
                                                         std::span<const int> coeff_modulus_bits);

/// What a schema cannot say: dimensions that agree, finite numbers, a chain SEAL can make, 128-bit security, a batch
/// that fits the slots. The server checks its registry with it, the client the server's offer.
[[nodiscard]] std::optional<ModelFault> find_fault(const ModelDescription& model);

}  // namespace einfer::protocol
