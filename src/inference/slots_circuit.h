// Networks in the slots of a few ciphertexts, with rotations: the plan, and the circuit that runs it.
// docs/architecture/slots.md says how. slots_search.h finds the choices.
#pragma once

#include "he/evaluator.h"
#include "inference/network.h"
#include "inference/slots_spec.h"

#include <memory>
#include <optional>
#include <random>
#include <span>
#include <vector>

namespace einfer::inference {

/// A network packed by a SlotsSpec. Immutable; cheap to copy; thread-safe.
class SlotsModel {
public:
    /// The same for the same arguments, always. INTERNAL when `spec` is not of search_slots() for these stages.
    [[nodiscard]] static Result<SlotsModel> compile(std::span<const Stage> stages, const SlotsSpec& spec);

    [[nodiscard]] const SlotsPlan& plan() const;
    /// What the circuit computes, without its noise: activations as the polynomials that stand for them.
    [[nodiscard]] std::vector<double> run_in_clear(std::span<const double> features) const;
    /// run_in_clear() with noise as large as the bound allows to be likely.
    [[nodiscard]] std::vector<double> simulate(std::span<const double> features, std::mt19937_64& random) const;
    /// The values to encrypt, by ciphertext, for at most plan().rows rows of features.
    [[nodiscard]] std::vector<std::vector<double>> arrange(std::span<const std::vector<double>> rows) const;
    /// The answer of row `row` among the decrypted slots.
    [[nodiscard]] std::vector<double> answer(std::span<const double> slots, std::size_t row) const;

    struct Impl;  ///< for SlotsCircuit
    [[nodiscard]] const Impl& impl() const { return *impl_; }

private:
    explicit SlotsModel(std::shared_ptr<const Impl> impl) : impl_(std::move(impl)) {}
    std::shared_ptr<const Impl> impl_;
};

/// The model with its matrices encoded. Thread-safe.
class SlotsCircuit {
public:
    /// `context` has the plan's parameters. INTERNAL when a number does not fit.
    [[nodiscard]] static Result<SlotsCircuit> create(const SlotsModel& model, const he::Context& context);

    /// `inputs`: plan().feature_of_slot.size() ciphertexts at the plan's scale and first level. The answer has two
    /// polynomials; all its slots but the plan's output slots are garbage. `relinearization` may be null when the plan
    /// needs none. Fails as the evaluator's operations do: INTERNAL for a missing key.
    [[nodiscard]] Result<he::Ciphertext> run(const he::Evaluator& evaluator, std::span<const he::CiphertextView> inputs,
                                             const he::GaloisKeys& keys, const he::KeySwitchKey* relinearization) const;

    [[nodiscard]] const SlotsPlan& plan() const { return model_.plan(); }

private:
    struct EncodedStage {
        std::vector<he::LinearTransform> matrices;  ///< one an input
        std::vector<std::vector<int>> folds;
        std::optional<he::Plaintext> bias;
    };

    explicit SlotsCircuit(SlotsModel model) : model_(std::move(model)) {}

    SlotsModel model_;
    std::vector<EncodedStage> stages_;
};

}  // namespace einfer::inference
