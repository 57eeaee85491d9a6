#include "protocol/model.h"

#include "base/he_standard.h"
#include "protocol/json_numbers.h"

#include <boost/json/array.hpp>
#include <boost/json/value_to.hpp>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numeric>

namespace einfer::protocol {
namespace {

namespace json = boost::json;

bool all_finite(const auto& values) {
    for (const double value : values)
        if (!std::isfinite(value)) return false;
    return true;
}

/// From 27 bits on there are more than a hundred primes for every degree, and no chain within the security bounds has
/// so many.
constexpr int max_scarce_bits = 26;

bool is_prime(std::uint64_t odd) {
    for (std::uint64_t divisor = 3; divisor * divisor <= odd; divisor += 2)
        if (odd % divisor == 0) return false;
    return true;
}

/// Primes of exactly `bits` bits that are 1 modulo 2N: the ones CKKS can use. For scarce ones. Counts up to `enough`:
/// a list of thousands of models is to be judged in no time.
std::size_t count_primes(int bits, std::size_t degree, std::size_t enough) {
    const std::uint64_t step = 2 * degree, end = std::uint64_t{1} << bits;
    std::size_t count = 0;
    for (std::uint64_t candidate = end - step + 1; candidate > end / 2 && count < enough; candidate -= step)
        if (is_prime(candidate)) ++count;
    return count;
}

}  // namespace

json::object to_json(const ModelDescription& model) {
    const EncryptionParameters& encryption = model.encryption;
    return {
        {"model_id", model.model_id},
        {"version", model.version},
        {"description", model.description},
        {"he_scheme", "CKKS"},
        {"encryption_parameters",
         {{"poly_modulus_degree", encryption.poly_modulus_degree},
          {"scale", number(encryption.scale)},
          {"coeff_modulus_bits", numbers(encryption.coeff_modulus_bits)},
          {"max_multiplicative_depth", encryption.max_multiplicative_depth}}},
        {"inference",
         {{"input_dimension", model.input_dimension},
          {"output_dimension", 1},
          {"activation", "polynomial_sigmoid_v1"}}},
        {"parameters", {{"weights", numbers(model.weights)}, {"bias", number(model.bias)}}},
        {"activation_parameters", {{"kind", "polynomial"}, {"coefficients", numbers(model.coefficients)}}},
        {"constraints", {{"max_batch_size", model.max_batch_size}}},
    };
}

ModelDescription model_from_json(const json::object& object) {
    ModelDescription model;
    model.model_id = object.at("model_id").get_string();
    model.version = object.at("version").get_string();
    model.description = object.at("description").get_string();
    const json::object& encryption = object.at("encryption_parameters").get_object();
    model.encryption.poly_modulus_degree = to_size(encryption.at("poly_modulus_degree"));
    model.encryption.scale = to_double(encryption.at("scale"));
    for (const json::value& bits : encryption.at("coeff_modulus_bits").get_array())
        model.encryption.coeff_modulus_bits.push_back(bits.to_number<int>());
    model.encryption.max_multiplicative_depth = encryption.at("max_multiplicative_depth").to_number<int>();
    model.input_dimension = to_size(object.at("inference").at("input_dimension"));
    const json::object& parameters = object.at("parameters").get_object();
    for (const json::value& weight : parameters.at("weights").get_array()) model.weights.push_back(to_double(weight));
    model.bias = to_double(parameters.at("bias"));
    const json::array& coefficients = object.at("activation_parameters").at("coefficients").get_array();
    for (std::size_t i = 0; i < model.coefficients.size(); ++i) model.coefficients[i] = to_double(coefficients.at(i));
    model.max_batch_size = to_size(object.at("constraints").at("max_batch_size"));
    return model;
}

int data_modulus_bits(const EncryptionParameters& encryption) {
    constexpr int may_be_halved = 28;
    int bits = -1;  // what all the others may lack together
    for (std::size_t i = 0; i + 1 < encryption.coeff_modulus_bits.size(); ++i) {
        const int size = encryption.coeff_modulus_bits[i];
        bits += size <= may_be_halved ? size - 1 : size;
    }
    return bits;
}

std::optional<ModelFault> find_chain_fault(std::size_t degree, std::span<const int> bits) {
    const int security_bound = max_coeff_modulus_bits_128(degree);
    if (!std::has_single_bit(degree) || security_bound == 0)
        return ModelFault{"/encryption_parameters/poly_modulus_degree", "must be a power of two from 1024 to 32768"};
    for (std::size_t i = 0; i < bits.size(); ++i)
        if (bits[i] < min_prime_bits || bits[i] > max_prime_bits)
            return ModelFault{"/encryption_parameters/coeff_modulus_bits/" + std::to_string(i),
                              "a prime has 20 to 60 bits"};
    const int total = std::accumulate(bits.begin(), bits.end(), 0);
    if (total > security_bound)
        return ModelFault{"/encryption_parameters/coeff_modulus_bits",
                          "sum to " + std::to_string(total) + " bits; 128-bit security at this degree allows " +
                              std::to_string(security_bound)};
    for (int size = min_prime_bits; size <= max_scarce_bits; ++size) {
        const auto wanted = static_cast<std::size_t>(std::count(bits.begin(), bits.end(), size));
        if (const std::size_t available = count_primes(size, degree, wanted); wanted > available)
            return ModelFault{"/encryption_parameters/coeff_modulus_bits",
                              "at this degree there are only " + std::to_string(available) + " usable primes of " +
                                  std::to_string(size) + " bits"};
    }
    return std::nullopt;
}

std::optional<ModelFault> find_fault(const ModelDescription& model) {
    const EncryptionParameters& encryption = model.encryption;
    const std::size_t degree = encryption.poly_modulus_degree;
    const auto& bits = encryption.coeff_modulus_bits;

    if (const auto fault = find_chain_fault(degree, bits)) return fault;
    if (bits.size() < 2)
        return ModelFault{"/encryption_parameters/coeff_modulus_bits",
                          "needs a data prime and the key-switching prime"};
    if (!std::isfinite(encryption.scale) || encryption.scale < 1 ||
        std::log2(encryption.scale) > data_modulus_bits(encryption) - 1)
        return ModelFault{"/encryption_parameters/scale", "must be at least 1 and well below the data modulus"};
    if (encryption.max_multiplicative_depth < 0 ||
        static_cast<std::size_t>(encryption.max_multiplicative_depth) > bits.size() - 2)
        return ModelFault{"/encryption_parameters/max_multiplicative_depth",
                          "needs one data prime more than its levels: at most " + std::to_string(bits.size() - 2)};
    if (model.weights.size() != model.input_dimension)
        return ModelFault{"/parameters/weights", std::to_string(model.weights.size()) +
                                                     " weights for input_dimension " +
                                                     std::to_string(model.input_dimension)};
    if (!all_finite(model.weights)) return ModelFault{"/parameters/weights", "must be finite"};
    if (!std::isfinite(model.bias)) return ModelFault{"/parameters/bias", "must be finite"};
    if (!all_finite(model.coefficients)) return ModelFault{"/activation_parameters/coefficients", "must be finite"};
    if (model.max_batch_size == 0 || model.max_batch_size > degree / 2)
        return ModelFault{
            "/constraints/max_batch_size",
            "must be from 1 to the number of slots, poly_modulus_degree / 2 = " + std::to_string(degree / 2)};
    return std::nullopt;
}

}  // namespace einfer::protocol
