#include "he/seal_evaluator.h"

#include "he/seal_context.h"

#include <cmath>

namespace einfer::he {

namespace {

/// The thread's own. SEAL's shared pools do not survive an allocation that fails: MemoryPoolHeadMT::get() throws with
/// its spin lock held, and the next thread that wants it spins for ever (4.1.2). Nothing of it leaves the thread:
/// results are copied.
seal::MemoryPoolHandle own_pool() { return seal::MemoryManager::GetPool(seal::mm_prof_opt::mm_force_thread_local); }

}  // namespace

class SealEvaluator::Impl {
public:
    explicit Impl(Context chosen)
        : context(std::move(chosen)), evaluator(context.seal().context), encoder(context.seal().context) {}

    /// The constant polynomial round(value · scale) at the level of `like`.
    [[nodiscard]] seal::Plaintext scalar(double value, double scale, const seal::Ciphertext& like) const {
        seal::Plaintext plain(own_pool());
        encoder.encode(value, like.parms_id(), scale, plain, own_pool());
        return plain;
    }

    const Context context;
    const seal::Evaluator evaluator;
    const seal::CKKSEncoder encoder;
};

namespace {

/// Runs `operation`; SEAL's exceptions stop here and lend no text.
template <class Operation>
Result<Ciphertext> guarded(const Context& context, Operation operation) {
    try {
        const seal::Ciphertext result = operation();
        if (result.is_transparent())
            return Error{ErrorCode::InvalidCiphertext, "the inputs cancel: the result would be transparent"};
        return from_seal(context, result);
    } catch (const std::bad_alloc&) {
        throw;
    } catch (const std::exception&) {
        return Error{ErrorCode::Internal, "the evaluation failed"};
    }
}

}  // namespace

SealEvaluator::SealEvaluator(Context context) : impl_(std::make_unique<Impl>(std::move(context))) {}
SealEvaluator::~SealEvaluator() = default;
SealEvaluator::SealEvaluator(SealEvaluator&&) noexcept = default;

Result<Ciphertext> SealEvaluator::weighted_sum(std::span<const Ciphertext> inputs, std::span<const double> weights,
                                               double constant, double weight_scale) const {
    return guarded(impl_->context, [&] {
        if (inputs.size() != weights.size()) throw std::logic_error("one weight an input");
        seal::Ciphertext sum(own_pool());
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            if (std::round(weights[i] * weight_scale) == 0) continue;  // SEAL refuses a zero plaintext
            seal::Ciphertext term = to_seal(impl_->context, inputs[i], own_pool());
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

Result<Ciphertext> SealEvaluator::multiply(const Ciphertext& a, const Ciphertext& b) const {
    return guarded(impl_->context, [&] {
        seal::Ciphertext product(own_pool());
        impl_->evaluator.multiply(to_seal(impl_->context, a, own_pool()), to_seal(impl_->context, b, own_pool()),
                                  product, own_pool());
        return product;
    });
}

Result<Ciphertext> SealEvaluator::rescale(const Ciphertext& a) const {
    return guarded(impl_->context, [&] {
        seal::Ciphertext smaller(own_pool());
        impl_->evaluator.rescale_to_next(to_seal(impl_->context, a, own_pool()), smaller, own_pool());
        return smaller;
    });
}

Result<Ciphertext> SealEvaluator::add_constant(const Ciphertext& a, double constant) const {
    return guarded(impl_->context, [&] {
        seal::Ciphertext sum = to_seal(impl_->context, a, own_pool());
        impl_->evaluator.add_plain_inplace(sum, impl_->scalar(constant, sum.scale(), sum), own_pool());
        return sum;
    });
}

}  // namespace einfer::he
