// NativeEvaluator::apply(): "double hoisting" (Bossuat et al., ePrint 2020/1203 §4): rotations are summed before they
// are divided by the key-switching prime, so that the division is done once a giant step, and not once a rotation.
#include "he/native_evaluator.h"

#include <algorithm>

namespace einfer::he {

/// One application. All sums are over the level's primes and the key-switching prime P, and P times what they stand
/// for.
class TransformRun {
public:
    TransformRun(const NativeEvaluator& evaluator, const LinearTransform& transform, const CiphertextView& input,
                 const GaloisKeys& keys)
        : evaluator_(evaluator),
          ring_(*evaluator.ring_),
          kernels_(evaluator.kernels_),
          transform_(transform),
          input_(input),
          keys_(keys),
          degree_(ring_.degree()),
          level_(input.prime_count),
          special_(ring_.prime_count() - 1) {}

    Result<Ciphertext> run() {
        if (!make_babies()) return failed();
        Extended total = empty();
        std::fill(total.first.begin(), total.first.end(), 0);
        std::fill(total.second.begin(), total.second.end(), 0);
        for (const auto& [giant, terms] : transform_.giants) {
            Extended inner = sum_of(terms);
            if (giant == 0)
                add(inner, nullptr, total);
            else if (!add_rotated(giant, inner, total))
                return failed();
        }
        Ciphertext result = evaluator_.make(level_, 2, input_.scale * transform_.scale);
        evaluator_.key_switch_.divide(total.first, level_, nullptr, evaluator_.row(result, 0, 0));
        evaluator_.key_switch_.divide(total.second, level_, nullptr, evaluator_.row(result, 1, 0));
        return evaluator_.checked(std::move(result));
    }

private:
    static Error failed() { return {ErrorCode::Internal, "the evaluation failed"}; }

    [[nodiscard]] std::size_t prime_of(std::size_t row) const { return row == level_ ? special_ : row; }

    [[nodiscard]] Extended empty() const {
        Extended sum{level_, {}, {}};
        sum.first.resize((level_ + 1) * degree_);
        sum.second.resize((level_ + 1) * degree_);
        return sum;
    }

    /// to ← to + P · polynomial (prime_count · N); to ← P · polynomial when it is to be set.
    void add_lifted(const std::uint64_t* polynomial, Residues& to, bool set) const {
        const std::uint64_t prime = ring_.modulus(special_).value();
        for (std::size_t i = 0; i < level_; ++i) {
            const kernels::Modulus& modulus = ring_.modulus(i);
            std::uint64_t* const out = to.data() + i * degree_;
            const kernels::ScaledTerm terms[] = {{polynomial + i * degree_, modulus.reduce(prime)}, {out, 1}};
            kernels_.weighted_sum(modulus, degree_, std::span(terms).first(set ? 1 : 2), 0, out);
        }
        if (set) std::fill_n(to.begin() + static_cast<std::ptrdiff_t>(level_ * degree_), degree_, 0);
    }

    bool make_babies() {
        const std::vector<int> steps = transform_.baby_steps();
        Extended same = empty();
        add_lifted(input_.polynomial(0), same.first, true);
        add_lifted(input_.polynomial(1), same.second, true);
        babies_.emplace(0, std::move(same));
        if (steps.empty()) return true;
        std::vector<std::uint32_t> elements;
        std::vector<KeySwitch::Rotation> rotations;
        for (const int step : steps) {
            const KeySwitchKey* const key = evaluator_.key_of(step, keys_, elements.emplace_back());
            if (key == nullptr) return false;
            rotations.push_back({key, ring_.permutation(elements.back())});
        }
        std::vector<Extended> rotated = evaluator_.key_switch_.multiply(
            evaluator_.key_switch_.decompose(input_.polynomial(1), level_), rotations);
        Residues permuted(level_ * degree_);
        for (std::size_t i = 0; i < steps.size(); ++i) {
            evaluator_.permute(input_.polynomial(0), level_, elements[i], permuted.data());
            add_lifted(permuted.data(), rotated[i].first, false);
            babies_.emplace(steps[i], std::move(rotated[i]));
        }
        return true;
    }

    [[nodiscard]] Extended sum_of(const std::vector<LinearTransform::Term>& terms) {
        Extended sum = empty();
        std::vector<kernels::Term> products(terms.size());
        for (const bool first : {true, false})
            for (std::size_t row = 0; row <= level_; ++row) {
                for (std::size_t i = 0; i < terms.size(); ++i) {
                    const Extended& baby = babies_.at(terms[i].baby);
                    products[i] = {(first ? baby.first : baby.second).data() + row * degree_,
                                   terms[i].diagonal.words.data() + row * degree_};
                }
                kernels_.sum_of_products(ring_.modulus(prime_of(row)), degree_, products,
                                         (first ? sum.first : sum.second).data() + row * degree_);
            }
        return sum;
    }

    void add(const Extended& sum, const std::uint32_t* permutation, Extended& total) const {
        add_polynomial(sum.first, permutation, total.first);
        add_polynomial(sum.second, permutation, total.second);
    }

    void add_polynomial(const Residues& from, const std::uint32_t* permutation, Residues& to) const {
        Residues permuted(permutation == nullptr ? 0 : degree_);
        for (std::size_t row = 0; row <= level_; ++row) {
            const std::uint64_t* values = from.data() + row * degree_;
            std::uint64_t* const out = to.data() + row * degree_;
            if (permutation != nullptr) {
                kernels_.permute(degree_, permutation, values, permuted.data());
                values = permuted.data();
            }
            kernels_.add(ring_.modulus(prime_of(row)), degree_, out, values, out);
        }
    }

    bool add_rotated(int giant, Extended& inner, Extended& total) const {
        std::uint32_t element = 0;
        const KeySwitchKey* const key = evaluator_.key_of(giant, keys_, element);
        if (key == nullptr) return false;
        Residues second(level_ * degree_), permuted(level_ * degree_);
        evaluator_.key_switch_.divide(inner.second, level_, nullptr, second.data());
        evaluator_.permute(second.data(), level_, element, permuted.data());
        add(evaluator_.key_switch_.switch_key(permuted.data(), level_, *key), nullptr, total);
        add_polynomial(inner.first, ring_.permutation(element), total.first);
        return true;
    }

    const NativeEvaluator& evaluator_;
    const Ring& ring_;
    const kernels::Kernels& kernels_;
    const LinearTransform& transform_;
    const CiphertextView input_;
    const GaloisKeys& keys_;
    const std::size_t degree_, level_, special_;
    std::map<int, Extended> babies_;
};

Result<Ciphertext> NativeEvaluator::apply(const LinearTransform& transform, const Input& a,
                                          const GaloisKeys& keys) const {
    if (!is_level(a.prime_count) || a.size != 2 || transform.prime_count != a.prime_count ||
        !fits(a.scale * transform.scale, a.prime_count))
        return Error{ErrorCode::Internal, "the evaluation failed"};
    return TransformRun(*this, transform, a, keys).run();
}

}  // namespace einfer::he
