// A model as v1.1 describes it: what GET /models?api_version=1.1 shows and what a client works by.
#pragma once

#include "base/packing.h"
#include "base/postprocessing.h"
#include "protocol/model.h"

#include <boost/json/object.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace einfer::protocol {

struct EvaluationKeyNeeds {
    bool relinearization = false;
    std::vector<int> galois_steps;            ///< distinct, none 0
    std::uint64_t relinearization_bytes = 0;  ///< of seeded keys
    std::uint64_t galois_bytes = 0;

    [[nodiscard]] bool any() const { return relinearization || !galois_steps.empty(); }
};

struct CostEstimates {
    std::uint64_t request_bytes = 0;
    std::uint64_t reply_bytes = 0;
    double evaluation_ms = 0;
    std::uint64_t memory_bytes = 0;
};

/// Layout feature_columns: a v1.0 model; its numbers are in `description`.
struct FeatureColumns {
    std::size_t rows = 0;
};

struct ModelView {
    std::string model_id;
    std::string version;
    std::string description;
    std::size_t poly_modulus_degree = 0;
    std::vector<int>
        coeff_modulus_bits;  ///< data primes in order, then the key-switching prime unless there is one only
    double scale = 0;
    std::size_t input_dimension = 0;
    std::size_t output_dimension = 0;
    std::vector<double> lower, upper;  ///< one a feature
    std::vector<std::string> feature_names, class_names;
    std::variant<FeatureColumns, LinearPacking, SlotsPacking> packing;
    std::vector<Postprocessing> postprocessing;
    bool compact_results = false;
    EvaluationKeyNeeds keys;
    std::string plan_digest;  ///< 64 hex digits
    double error_bound = 0;
    CostEstimates costs;
    std::size_t max_batch_size = 0;
    std::optional<ModelDescription> v1_0;  ///< layout feature_columns only

    [[nodiscard]] std::size_t data_primes() const {
        return coeff_modulus_bits.size() == 1 ? 1 : coeff_modulus_bits.size() - 1;
    }
    /// What is encrypted for a value of a feature: in [-1, 1] within its range.
    [[nodiscard]] double normalised(std::size_t feature, double value) const {
        return einfer::normalised(value, lower[feature], upper[feature]);
    }
    [[nodiscard]] std::size_t input_ciphertexts() const;
};

[[nodiscard]] boost::json::object to_json(const ModelView& model);

/// {"api_version":"1.1.0","models":[…]}
[[nodiscard]] std::string models_1_1_body(std::span<const ModelView> models);

/// Reads an object that passed the models_1_1 schema.
[[nodiscard]] ModelView model_view_from_json(const boost::json::object& object);

/// What the schema cannot say: 128-bit security, a chain that can be, ranges that are ranges, a packing that fits.
[[nodiscard]] std::optional<ModelFault> find_fault(const ModelView& model);

/// One number for all where all are the same.
[[nodiscard]] boost::json::value range_to_json(std::span<const double> bounds);
/// `count` of them; fewer when an array has fewer.
[[nodiscard]] std::vector<double> range_from_json(const boost::json::value& value, std::size_t count);

}  // namespace einfer::protocol
