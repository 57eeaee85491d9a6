// The operations by SEAL's own Evaluator: the oracle that every faster evaluator must match bit for bit.
#pragma once

#include "he/evaluator.h"

#include <memory>

namespace einfer::he {

class SealEvaluator final : public Evaluator {
public:
    explicit SealEvaluator(Context context);
    ~SealEvaluator() override;
    SealEvaluator(SealEvaluator&&) noexcept;

    [[nodiscard]] Result<Value> weighted_sum(std::span<const Input> inputs, std::span<const double> weights,
                                             double constant, double weight_scale) const override;
    [[nodiscard]] Result<Value> add(const Input& a, const Input& b) const override;
    [[nodiscard]] Result<Value> add_constant(const Input& a, double constant) const override;
    [[nodiscard]] Result<Value> add_plain(const Input& a, const Plaintext& b) const override;
    [[nodiscard]] Result<Value> multiply_plain(const Input& a, const Plaintext& b) const override;
    [[nodiscard]] Result<Value> multiply_accumulate(std::span<const Input> inputs,
                                                    std::span<const Plaintext> plains) const override;
    [[nodiscard]] Result<Value> multiply(const Input& a, const Input& b) const override;
    [[nodiscard]] Result<Value> square(const Input& a) const override;
    [[nodiscard]] Result<Value> relinearize(const Input& a, const KeySwitchKey& key) const override;
    [[nodiscard]] Result<Value> rescale(const Input& a) const override;
    [[nodiscard]] Result<Value> mod_switch(const Input& a, std::size_t prime_count) const override;
    [[nodiscard]] Result<Value> rotate(const Input& a, int step, const GaloisKeys& keys) const override;
    [[nodiscard]] Result<std::vector<Value>> rotate_many(const Input& a, std::span<const int> steps,
                                                         const GaloisKeys& keys) const override;
    [[nodiscard]] Result<Value> add_rotations(const Input& a, std::span<const int> steps,
                                              const GaloisKeys& keys) const override;
    [[nodiscard]] Result<Value> apply(const LinearTransform& transform, const Input& a,
                                      const GaloisKeys& keys) const override;

private:
    class Impl;
    std::unique_ptr<const Impl> impl_;
};

}  // namespace einfer::he
