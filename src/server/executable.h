// How a model of one layout is computed. Everything else about serving it is the same for all.
#pragma once

#include "base/error.h"
#include "he/context.h"
#include "he/evaluation_keys.h"
#include "he/evaluator.h"
#include "protocol/model_view.h"
#include "protocol/result_format.h"
#include "registry/registry.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

namespace einfer::server {

/// One request in evaluation.
struct Evaluation {
    const he::Evaluator& evaluator;
    std::span<const he::CiphertextView> inputs;
    std::size_t rows = 0;
    std::uint8_t seal_minor = 0;
    protocol::ResultFormat format = protocol::ResultFormat::Seal;
    const he::EvaluationKeys* keys = nullptr;  ///< those that the model needs, checked; null: it needs none
};

/// Immutable and thread-safe once prepared.
class Executable {
public:
    virtual ~Executable() = default;

    /// Makes what depends on the context. Called once, before anything below.
    virtual Result<void> prepare(const he::Context& context) = 0;

    /// Leading primes of each input that the evaluation reads.
    [[nodiscard]] virtual std::size_t kept_primes() const = 0;
    [[nodiscard]] virtual std::size_t result_bytes(std::size_t rows, protocol::ResultFormat format) const = 0;
    /// Rows whose answers a result tells its reader, of a request that asks for `rows`.
    [[nodiscard]] virtual std::size_t rows_told(std::size_t rows) const = 0;

    [[nodiscard]] virtual Result<std::vector<std::uint8_t>> run(const Evaluation& evaluation) const = 0;
    /// The same in clear: one row of numbers a row of features.
    [[nodiscard]] virtual Result<std::vector<std::vector<double>>> run_plain(
        std::span<const std::vector<double>> rows) const = 0;
};

/// A model with what its public description says.
struct DescribedExecutable {
    protocol::ModelView view;
    std::unique_ptr<Executable> executable;
};

/// Layout feature_columns. The registry has proved the model.
[[nodiscard]] DescribedExecutable make_columns_executable(registry::Model model);
/// Layout coefficients.
[[nodiscard]] DescribedExecutable make_linear_executable(registry::NetworkModel model);
/// Layout slots.
[[nodiscard]] DescribedExecutable make_slots_executable(registry::NetworkModel model);

/// The planner's word on a v1.0 model, for registry::load().
[[nodiscard]] std::optional<protocol::ModelFault> prove_columns(const registry::Model& model);

/// A result as SEAL of that minor version writes it.
[[nodiscard]] std::vector<std::uint8_t> seal_bytes(const he::Ciphertext& result, const he::Context& context,
                                                   std::uint8_t seal_minor);

/// The view of a network, but for what its layout decides.
[[nodiscard]] protocol::ModelView network_view(const registry::NetworkModel& model);

}  // namespace einfer::server
