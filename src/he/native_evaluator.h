// The operations on our own kernels: nothing of SEAL is called once it is made.
#pragma once

#include "he/evaluator.h"
#include "he/key_switch.h"
#include "he/ring.h"

namespace einfer::he {

class NativeEvaluator final : public Evaluator {
public:
    static Result<std::unique_ptr<const NativeEvaluator>> create(const Context& context);

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
    NativeEvaluator(const Context& context, std::unique_ptr<const Ring> ring)
        : context_(context), ring_(std::move(ring)), kernels_(kernels::active()), key_switch_(*ring_) {}

    [[nodiscard]] Value make(std::size_t prime_count, std::size_t size, double scale) const;
    [[nodiscard]] bool fits(double scale, std::size_t prime_count) const;
    [[nodiscard]] bool is_level(std::size_t prime_count) const;
    [[nodiscard]] Result<Value> checked(Value value) const;
    [[nodiscard]] std::uint64_t* row(Value& value, std::size_t polynomial, std::size_t prime) const;
    [[nodiscard]] const std::uint64_t* row(const Input& value, std::size_t polynomial, std::size_t prime) const;
    [[nodiscard]] bool is_key(const KeySwitchKey& key) const;
    [[nodiscard]] bool is_plain(const Plaintext& plain) const;
    [[nodiscard]] const KeySwitchKey* key_of(int step, const GaloisKeys& keys, std::uint32_t& element) const;
    /// `a` with its first polynomial permuted into the addend's place.
    void permute(const std::uint64_t* from, std::size_t prime_count, std::uint32_t element, std::uint64_t* to) const;

    friend class TransformRun;

    const Context context_;
    const std::unique_ptr<const Ring> ring_;
    const kernels::Kernels& kernels_;
    const KeySwitch key_switch_;
};

}  // namespace einfer::he
