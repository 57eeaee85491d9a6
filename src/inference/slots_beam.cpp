#include "inference/slots_beam.h"

#include "inference/slots_gather.h"

#include <algorithm>
#include <bit>
#include <map>
#include <optional>

namespace einfer::inference {
namespace {

constexpr std::size_t kept_a_layout = 16;

struct State {
    double cost = 0;         ///< so far, keys aside
    double total = 0;        ///< with them
    std::vector<int> steps;  ///< that have keys; in order
    std::vector<StagePacking> packings;
};

void add_steps(std::vector<int>& steps, const std::vector<int>& more) {
    for (const int step : more) {
        const auto at = std::lower_bound(steps.begin(), steps.end(), step);
        if (at == steps.end() || *at != step) steps.insert(at, step);
    }
}

/// What the encoded diagonals of one ciphertext are worth.
double memory_price(const PackingCost& packing, std::size_t level, std::size_t degree, const SlotsOptions& options) {
    const auto words = static_cast<double>(packing.diagonals * (level + 1) * degree);
    return 8 * words / (1 << 20) * options.ms_per_plaintext_mebibyte;
}

/// The best states by the layout that they leave.
class Beam {
public:
    using Layout = std::pair<std::size_t, std::size_t>;

    Beam(const SlotsOptions& options, const SlotsCost& costs) : options_(&options), costs_(&costs) {}

    void add(const State& from, const StagePacking& choice, const PackingCost& packing, double cost) {
        const double mebibyte = 1 << 20;
        State next{from.cost + cost, 0, from.steps, {}};
        std::vector<State>& kept = states_[{packing.low, packing.high}];
        if (kept.size() == kept_a_layout && next.cost >= kept.back().total) return;
        add_steps(next.steps, packing.babies);
        add_steps(next.steps, packing.giants);
        for (const std::vector<int>& fold : packing.folds) add_steps(next.steps, fold);
        const double bytes = static_cast<double>(next.steps.size() + 1) * costs_->key_bytes();
        if (bytes > static_cast<double>(options_->max_key_bytes)) return;
        next.total = next.cost + bytes / mebibyte * options_->ms_per_key_mebibyte;
        if (kept.size() == kept_a_layout && next.total >= kept.back().total) return;
        next.packings = from.packings;
        next.packings.push_back(choice);
        const auto at = std::upper_bound(kept.begin(), kept.end(), next.total,
                                         [](double total, const State& state) { return total < state.total; });
        kept.insert(at, std::move(next));
        if (kept.size() > kept_a_layout) kept.pop_back();
    }

    [[nodiscard]] const std::map<Layout, std::vector<State>>& states() const { return states_; }

private:
    const SlotsOptions* options_;
    const SlotsCost* costs_;
    std::map<Layout, std::vector<State>> states_;
};

}  // namespace

std::vector<StagePacking> best_packings(std::span<const FormStep> form, std::span<const StagePrimes> primes,
                                        std::size_t degree, std::size_t all_primes, const SlotsOptions& options) {
    const SlotsCost costs(degree, all_primes);
    const Packer packer(static_cast<std::size_t>(std::countr_zero(degree / 2 / options.rows)));
    Beam beam(options, costs);
    const double request = 8 * static_cast<double>(degree * primes[0].product) / (1 << 20);
    for (const StagePacking& choice : packer.first_choices(form[0].matrix, options.max_ciphertexts)) {
        const PackingCost packing = packer.cost_first(choice);
        const auto parts = static_cast<std::size_t>(choice.ciphertexts);
        beam.add({}, choice, packing,
                 costs.matrix(packing, parts, primes[0].product, primes[0].folds) +
                     static_cast<double>(parts) * (request * options.ms_per_request_mebibyte +
                                                   memory_price(packing, primes[0].product, degree, options)));
    }
    for (std::size_t i = 1; i < form.size(); ++i) {
        Beam next(options, costs);
        const std::size_t outputs = form[i].matrix.rows;
        for (const auto& [layout, states] : beam.states())
            for (const StagePacking& choice : packer.later_choices(outputs, layout.first, layout.second)) {
                const PackingCost packing = packer.cost_later(choice, outputs, layout.first, layout.second);
                const double cost = costs.matrix(packing, 1, primes[i].product, primes[i].folds) +
                                    memory_price(packing, primes[i].product, degree, options);
                for (const State& state : states) next.add(state, choice, packing, cost);
            }
        beam = std::move(next);
    }
    std::optional<State> best;
    for (const auto& [layout, states] : beam.states()) {
        if (states.empty()) continue;  // all had too many keys
        if (!best || states.front().total < best->total) best = states.front();
    }
    return best ? best->packings : std::vector<StagePacking>{};
}

}  // namespace einfer::inference
