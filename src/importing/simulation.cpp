#include "importing/simulation.h"

#include "importing/refusal.h"
#include "inference/noise.h"

#include <algorithm>
#include <cmath>
#include <random>

namespace einfer::importing {
namespace {

using inference::Network;
using inference::Stage;

/// Answers of one model, scored as they come.
class Scoring {
public:
    Scoring(const Network& network, std::span<const double> labels) : network_(network), labels_(labels) {}

    void add(std::size_t row, std::span<const double> answer) {
        if (labels_.empty()) return;
        ++rows_;
        const double label = labels_[row];
        if (const auto decided = decision(network_, answer)) {
            right_ += static_cast<double>(*decided) == label ? 1 : 0;
            decides_ = true;
        }
        residual_ += (label - answer[0]) * (label - answer[0]);
        const double from_mean = label - mean_;  // Welford
        mean_ += from_mean / static_cast<double>(rows_);
        total_ += from_mean * (label - mean_);
    }

    [[nodiscard]] Score score() const {
        if (rows_ == 0) return {};
        if (decides_) return {rows_, right_, std::nullopt};
        return {rows_, std::nullopt, total_ > 0 ? 1 - residual_ / total_ : 0};
    }

private:
    const Network& network_;
    const std::span<const double> labels_;
    double mean_ = 0, residual_ = 0, total_ = 0;
    std::size_t rows_ = 0, right_ = 0;
    bool decides_ = false;
};

/// Answers of two models, compared as they come.
class Comparing {
public:
    explicit Comparing(const Network& network) : network_(network) {}

    void add(std::span<const double> first, std::span<const double> second) {
        ++agreement_.rows;
        for (std::size_t i = 0; i < first.size(); ++i) {
            raise(agreement_.largest_answer, std::abs(first[i]));
            raise(agreement_.max_difference, std::abs(first[i] - second[i]));
        }
        const auto one = decision(network_, first), other = decision(network_, second);
        if (one) agreement_.agreed = agreement_.agreed.value_or(0) + (one == other ? 1 : 0);
    }

    [[nodiscard]] const Agreement& agreement() const { return agreement_; }

private:
    /// What is not a number stays: it must be seen.
    static void raise(double& largest, double value) {
        if (!(value <= largest)) largest = std::isnan(largest) ? largest : value;
    }

    const Network& network_;
    Agreement agreement_;
};

std::optional<Error> fault_of(const registry::NetworkModel& model, std::span<const std::vector<double>> rows,
                              const SimulationOptions& options) {
    const std::size_t features = model.network.input.size();
    if (rows.empty()) return refusal("--data", "has no rows");
    for (std::size_t i = 0; i < rows.size(); ++i)
        if (rows[i].size() != features)
            return refusal("--data", "row " + std::to_string(i + 1) + " has " + std::to_string(rows[i].size()) +
                                         " numbers, the model takes " + std::to_string(features));
    if (!options.labels.empty() && options.labels.size() != rows.size())
        return refusal("--labels", "has " + std::to_string(options.labels.size()) + " rows, the data " +
                                       std::to_string(rows.size()));
    const std::size_t outputs = model.stages.back().matrix.rows;
    const auto classes = static_cast<double>(outputs == 1 ? 2 : outputs);
    if (decision(model.network, std::vector<double>(outputs)))
        for (std::size_t i = 0; i < options.labels.size(); ++i)
            if (const double label = options.labels[i]; !(label >= 0 && label < classes && label == std::floor(label)))
                return refusal("--labels", "the label of row " + std::to_string(i + 1) + " is " + text_of(label) +
                                               "; the model's classes are numbers from 0 to " + text_of(classes - 1) +
                                               ", in its order");
    if (options.original != nullptr && options.original->input.size() != features)
        return refusal("--original", "takes " + std::to_string(options.original->input.size()) +
                                         " numbers, the model " + std::to_string(features));
    return std::nullopt;
}

}  // namespace

std::optional<std::size_t> decision(const Network& network, std::span<const double> answer) {
    if (answer.size() == 1 && network.postprocessing.empty() && network.class_names.empty()) return std::nullopt;
    return decided_class(answer);
}

Agreement compare(const Network& network, std::span<const Stage> first, std::span<const Stage> second,
                  std::span<const std::vector<double>> rows) {
    Comparing comparing(network);
    for (const std::vector<double>& row : rows)
        comparing.add(inference::evaluate(first, row), inference::evaluate(second, row));
    return comparing.agreement();
}

Result<Simulation> simulate(const registry::NetworkModel& model, std::span<const std::vector<double>> rows,
                            const SimulationOptions& options) {
    if (const auto fault = fault_of(model, rows, options)) return *fault;
    std::vector<Stage> original;
    if (options.original != nullptr) {
        auto stages = inference::to_stages(*options.original);
        if (!stages) return refusal("--original", detail(stages.error(), "reason"));
        original = *std::move(stages);
        if (original.back().matrix.rows != model.stages.back().matrix.rows)
            return refusal("--original", "has another number of outputs");
    }
    Simulation simulation;
    simulation.rows = rows.size();
    if (options.error_bound) simulation.deviation = *options.error_bound / inference::deviations_of_a_number;
    std::mt19937_64 random(options.seed);
    std::normal_distribution<double> noise;
    Scoring scoring(model.network, options.labels), originals(model.network, options.labels);
    Scoring scoring_all = scoring, originals_all = originals;
    Comparing comparing(model.network);
    for (std::size_t i = 0; i < rows.size(); ++i) {
        const bool is_sent = contains(model.lower, model.upper, rows[i]);
        if (!is_sent) ++simulation.outside;
        std::vector<double> answer = inference::evaluate(model.stages, model.normalised(rows[i]));
        for (double& value : answer) value += simulation.deviation.value_or(0) * noise(random);
        scoring_all.add(i, answer);
        if (is_sent) scoring.add(i, answer);
        if (original.empty()) continue;
        const std::vector<double> exact = inference::evaluate(original, rows[i]);
        originals_all.add(i, exact);
        if (!is_sent) continue;
        originals.add(i, exact);
        comparing.add(exact, answer);
    }
    simulation.score = scoring.score();
    simulation.score_of_all = scoring_all.score();
    if (!original.empty()) {
        simulation.original = originals.score();
        simulation.original_of_all = originals_all.score();
        if (comparing.agreement().rows > 0) simulation.agreement = comparing.agreement();
    }
    return simulation;
}

double error_bound_of(const registry::NetworkModel& model) {
    if (const auto* spec = std::get_if<inference::SlotsSpec>(&model.plan)) return spec->error_bound;
    const auto plan =
        inference::prove_linear(model.stages.front(), std::get<LinearPacking>(model.plan), model.tolerance);
    return plan ? plan->error_bound : model.tolerance;
}

}  // namespace einfer::importing
