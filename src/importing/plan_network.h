// From a trained network and rows like those that will come, to a model that a server can offer.
#pragma once

#include "base/error.h"
#include "importing/activations.h"
#include "importing/input_ranges.h"
#include "inference/linear_plan.h"
#include "inference/network.h"
#include "inference/slots_spec.h"
#include "registry/network_entry.h"

#include <cstddef>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <variant>
#include <vector>

namespace einfer::importing {

enum class Layout { Coefficients, Slots };
[[nodiscard]] std::string_view name(Layout layout);

enum class Room {
    Range,        ///< every row within the ranges, or the model is refused
    Calibration,  ///< rows like the calibration rows: eight times their values; others overflow, and nobody sees it
};

struct PlanOptions {
    std::optional<Range> range{};       ///< of all features; else found from the rows: choose_ranges()
    std::optional<double> tolerance{};  ///< else a part of the largest |answer|: see default_tolerance()
    std::optional<Layout> layout{};     ///< else by the network: linear ones are coefficients
    std::optional<std::size_t> rows{};  ///< of one request, slots only: a power of two; 1 unless given
    int activation_degree = 2;          ///< 1 … 8, of polynomials that stand for other activations
    /// Slots: what values between layers have room for. Else for every row within the ranges, if a plan has that.
    std::optional<Room> room{};
    /// Is told what is being done, before it is.
    std::function<void(std::string_view)> progress{};
};

/// How two models differ over rows.
struct Agreement {
    std::size_t rows = 0;
    double max_difference = 0;          ///< of any number of an answer, postprocessing aside
    double largest_answer = 0;          ///< of the first
    std::optional<std::size_t> agreed;  ///< rows of one decision; none where answers decide nothing
};

struct Estimates {
    std::size_t request_bytes = 0;     ///< of one request: ciphertexts with seeds
    std::size_t reply_bytes = 0;       ///< of its answer, compact if the layout has that
    std::size_t key_bytes = 0;         ///< that a client sends once; 0: it needs no evaluation keys
    double evaluation_ms = 0;          ///< on one thread of a machine with AVX-512 IFMA
    std::size_t server_bytes = 0;      ///< of the encoded weights
    std::size_t server_key_bytes = 0;  ///< for each client with keys
};

struct PlannedModel {
    /// Without model_id, version, description, provenance and feature names.
    registry::NetworkModel model;
    std::variant<inference::LinearPlan, inference::SlotsPlan> plan;
    bool common_range = false;
    bool whole_range = true;  ///< no row within the ranges makes values that overflow
    double error_bound = 0, value_bound = 0;
    std::vector<FittedActivation> fitted;
    Agreement calibration;  ///< of the network as it came and as it will be computed
    Estimates estimates;

    [[nodiscard]] Layout layout() const;
};

/// 1e-4 (linear networks) or 1e-3 of the largest |answer|, at least 1e-6, rounded to one digit.
[[nodiscard]] double default_tolerance(double largest_answer, Layout layout);

/// `rows`: inputs as they will come. SCHEMA_VIOLATION with details `field` (an option, or a JSON pointer) and `reason`,
/// which names the nearest change that would help, when the network or the rows are not fit for it.
[[nodiscard]] Result<PlannedModel> plan_network(const inference::Network& network,
                                                std::span<const std::vector<double>> rows,
                                                const PlanOptions& options = {});

}  // namespace einfer::importing
