#include "he/seal_evaluator.h"

#include "he/seal_context.h"

#include <algorithm>
#include <cmath>

namespace einfer::he {

namespace {

/// The thread's own. SEAL's shared pools do not survive an allocation that fails: MemoryPoolHeadMT::get() throws with
/// its spin lock held, and the next thread that wants it spins for ever (4.1.2). Nothing of it leaves the thread:
/// results are copied.
seal::MemoryPoolHandle own_pool() { return seal::MemoryManager::GetPool(seal::mm_prof_opt::mm_force_thread_local); }

using Value = Ciphertext;
using Input = CiphertextView;

/// Runs `operation`; SEAL's exceptions stop here and lend no text.
template <class Operation>
auto guarded(Operation operation) -> Result<decltype(operation())> {
    try {
        return operation();
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception&) {
        return Error{ErrorCode::Internal, "the evaluation failed"};
    }
}

}  // namespace

class SealEvaluator::Impl {
public:
    explicit Impl(Context chosen)
        : context(std::move(chosen)), evaluator(context.seal().context), encoder(context.seal().context) {}

    /// Runs `operation`, which returns a seal::Ciphertext.
    template <class Operation>
    [[nodiscard]] Result<Value> result_of(Operation operation) const {
        const Result<seal::Ciphertext> result = guarded(operation);
        if (!result) return result.error();
        if (result->is_transparent())
            return Error{ErrorCode::InvalidCiphertext, "the inputs cancel: the result would be transparent"};
        return from_seal(context, *result);
    }

    [[nodiscard]] seal::Ciphertext take(const Input& a) const { return to_seal(context, a, own_pool()); }

    /// The constant polynomial round(value · scale) at the level of `like`.
    [[nodiscard]] seal::Plaintext scalar(double value, double scale, const seal::Ciphertext& like) const {
        seal::Plaintext plain(own_pool());
        encoder.encode(value, like.parms_id(), scale, plain, own_pool());
        return plain;
    }

    [[nodiscard]] seal::Plaintext take(const Plaintext& plain) const {
        seal::Plaintext made(own_pool());
        const std::size_t words = plain.prime_count * context.poly_modulus_degree();
        made.resize(words);
        std::copy_n(plain.words.begin(), words, made.data());
        made.parms_id() = context.parms_id(plain.prime_count);
        made.scale() = plain.scale;
        return made;
    }

    [[nodiscard]] seal::Ciphertext rotated(const seal::Ciphertext& a, int step, const GaloisKeys& keys) const {
        if (step == 0) return a;
        const std::uint32_t element = context.seal().context.key_context_data()->galois_tool()->get_elt_from_step(step);
        const auto found = keys.find(element);
        if (found == keys.end()) throw std::logic_error("no key for this rotation");
        seal::GaloisKeys galois;
        galois.data().resize(context.poly_modulus_degree());
        galois.data()[seal::GaloisKeys::get_index(element)] = to_seal(context, found->second);
        galois.parms_id() = context.key_parms_id();
        seal::Ciphertext result(own_pool());
        evaluator.apply_galois(a, element, galois, result, own_pool());
        return result;
    }

    const Context context;
    const seal::Evaluator evaluator;
    const seal::CKKSEncoder encoder;
};

SealEvaluator::SealEvaluator(Context context) : impl_(std::make_unique<Impl>(std::move(context))) {}
SealEvaluator::~SealEvaluator() = default;
SealEvaluator::SealEvaluator(SealEvaluator&&) noexcept = default;

Result<Value> SealEvaluator::weighted_sum(std::span<const Input> inputs, std::span<const double> weights,
                                          double constant, double weight_scale) const {
    return impl_->result_of([&] {
        if (inputs.size() != weights.size()) throw std::logic_error("one weight an input");
        seal::Ciphertext sum(own_pool());
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            if (std::round(weights[i] * weight_scale) == 0) continue;  // SEAL refuses a zero plaintext
            seal::Ciphertext term = impl_->take(inputs[i]);
            impl_->evaluator.multiply_plain_inplace(term, impl_->scalar(weights[i], weight_scale, term), own_pool());
            if (sum.size() == 0)
                sum = std::move(term);
            else
                impl_->evaluator.add_inplace(sum, term);
        }
        if (sum.size() == 0) throw std::logic_error("every weight is zero");
        impl_->evaluator.add_plain_inplace(sum, impl_->scalar(constant, sum.scale(), sum), own_pool());
        return sum;
    });
}

Result<Value> SealEvaluator::add(const Input& a, const Input& b) const {
    return impl_->result_of([&] {
        seal::Ciphertext sum = impl_->take(a);
        impl_->evaluator.add_inplace(sum, impl_->take(b));
        return sum;
    });
}

Result<Value> SealEvaluator::add_constant(const Input& a, double constant) const {
    return impl_->result_of([&] {
        seal::Ciphertext sum = impl_->take(a);
        impl_->evaluator.add_plain_inplace(sum, impl_->scalar(constant, sum.scale(), sum), own_pool());
        return sum;
    });
}

Result<Value> SealEvaluator::add_plain(const Input& a, const Plaintext& b) const {
    return impl_->result_of([&] {
        seal::Ciphertext sum = impl_->take(a);
        impl_->evaluator.add_plain_inplace(sum, impl_->take(b), own_pool());
        return sum;
    });
}

Result<Value> SealEvaluator::multiply_plain(const Input& a, const Plaintext& b) const {
    return impl_->result_of([&] {
        seal::Ciphertext product = impl_->take(a);
        impl_->evaluator.multiply_plain_inplace(product, impl_->take(b), own_pool());
        return product;
    });
}

Result<Value> SealEvaluator::multiply_accumulate(std::span<const Input> inputs,
                                                 std::span<const Plaintext> plains) const {
    return impl_->result_of([&] {
        if (inputs.empty() || inputs.size() != plains.size()) throw std::logic_error("one plaintext an input");
        seal::Ciphertext sum(own_pool());
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            seal::Ciphertext term = impl_->take(inputs[i]);
            impl_->evaluator.multiply_plain_inplace(term, impl_->take(plains[i]), own_pool());
            if (i == 0)
                sum = std::move(term);
            else
                impl_->evaluator.add_inplace(sum, term);
        }
        return sum;
    });
}

Result<Value> SealEvaluator::multiply(const Input& a, const Input& b) const {
    return impl_->result_of([&] {
        if (a.size != 2 || b.size != 2) throw std::logic_error("factors of two polynomials");
        seal::Ciphertext product(own_pool());
        impl_->evaluator.multiply(impl_->take(a), impl_->take(b), product, own_pool());
        return product;
    });
}

Result<Value> SealEvaluator::square(const Input& a) const {
    return impl_->result_of([&] {
        if (a.size != 2) throw std::logic_error("a factor of two polynomials");
        seal::Ciphertext product = impl_->take(a);
        impl_->evaluator.square_inplace(product, own_pool());
        return product;
    });
}

Result<Value> SealEvaluator::relinearize(const Input& a, const KeySwitchKey& key) const {
    return impl_->result_of([&] {
        if (a.size != 3) throw std::logic_error("three polynomials");
        seal::RelinKeys keys;
        keys.data().push_back(to_seal(impl_->context, key));
        keys.parms_id() = impl_->context.key_parms_id();
        seal::Ciphertext result = impl_->take(a);
        impl_->evaluator.relinearize_inplace(result, keys, own_pool());
        return result;
    });
}

Result<Value> SealEvaluator::rescale(const Input& a) const {
    return impl_->result_of([&] {
        seal::Ciphertext smaller(own_pool());
        impl_->evaluator.rescale_to_next(impl_->take(a), smaller, own_pool());
        return smaller;
    });
}

Result<Value> SealEvaluator::mod_switch(const Input& a, std::size_t prime_count) const {
    return impl_->result_of([&] {
        seal::Ciphertext smaller = impl_->take(a);
        impl_->evaluator.mod_switch_to_inplace(smaller, impl_->context.parms_id(prime_count), own_pool());
        return smaller;
    });
}

Result<Value> SealEvaluator::rotate(const Input& a, int step, const GaloisKeys& keys) const {
    return impl_->result_of([&] { return impl_->rotated(impl_->take(a), step, keys); });
}

Result<std::vector<Value>> SealEvaluator::rotate_many(const Input& a, std::span<const int> steps,
                                                      const GaloisKeys& keys) const {
    std::vector<Value> rotated;
    for (const int step : steps) {
        auto one = rotate(a, step, keys);
        if (!one) return one.error();
        rotated.push_back(*std::move(one));
    }
    return rotated;
}

Result<Value> SealEvaluator::add_rotations(const Input& a, std::span<const int> steps, const GaloisKeys& keys) const {
    return impl_->result_of([&] {
        if (steps.empty() || std::find(steps.begin(), steps.end(), 0) != steps.end())
            throw std::logic_error("rotations by something");
        const seal::Ciphertext input = impl_->take(a);
        seal::Ciphertext sum = input;
        for (const int step : steps) impl_->evaluator.add_inplace(sum, impl_->rotated(input, step, keys));
        return sum;
    });
}

Result<Value> SealEvaluator::apply(const LinearTransform& transform, const Input& a, const GaloisKeys& keys) const {
    return impl_->result_of([&] {
        const seal::Ciphertext input = impl_->take(a);
        std::map<int, seal::Ciphertext> babies{{0, input}};
        for (const int step : transform.baby_steps()) babies.emplace(step, impl_->rotated(input, step, keys));
        const auto add_to = [&](seal::Ciphertext& sum, seal::Ciphertext term) {
            if (sum.size() == 0)
                sum = std::move(term);
            else
                impl_->evaluator.add_inplace(sum, term);
        };
        seal::Ciphertext total(own_pool());
        for (const auto& [giant, terms] : transform.giants) {
            seal::Ciphertext inner(own_pool());
            for (const LinearTransform::Term& term : terms) {
                seal::Ciphertext product = babies.at(term.baby);
                impl_->evaluator.multiply_plain_inplace(product, impl_->take(term.diagonal), own_pool());
                add_to(inner, std::move(product));
            }
            add_to(total, impl_->rotated(inner, giant, keys));
        }
        return total;
    });
}

}  // namespace einfer::he
