#include "he/seal_evaluator.h"

#include "he/seal_context.h"

#include <cmath>

namespace einfer::he {

class SealEvaluator::Impl {
public:
    explicit Impl(Context chosen)
        : context(std::move(chosen)), evaluator(context.seal().context), encoder(context.seal().context) {}

    /// The constant polynomial round(value · scale) at the level of `like`.
    [[nodiscard]] seal::Plaintext scalar(double value, double scale, const seal::Ciphertext& like) const {
        seal::Plaintext plain;
        encoder.encode(value, like.parms_id(), scale, plain);
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
        seal::Ciphertext sum;
        for (std::size_t i = 0; i < inputs.size(); ++i) {
            if (std::round(weights[i] * weight_scale) == 0) continue;  // SEAL refuses a zero plaintext
            seal::Ciphertext term = to_seal(impl_->context, inputs[i]);
            impl_->evaluator.multiply_plain_inplace(term, impl_->scalar(weights[i], weight_scale, term));
            if (sum.size() == 0)
                sum = std::move(term);
            else
                impl_->evaluator.add_inplace(sum, term);
        }
        if (sum.size() == 0) throw std::logic_error("every weight is zero");
        impl_->evaluator.add_plain_inplace(sum, impl_->scalar(constant, sum.scale(), sum));
        return sum;
    });
}

Result<Ciphertext> SealEvaluator::multiply(const Ciphertext& a, const Ciphertext& b) const {
    return guarded(impl_->context, [&] {
        seal::Ciphertext product;
        impl_->evaluator.multiply(to_seal(impl_->context, a), to_seal(impl_->context, b), product);
        return product;
    });
}

Result<Ciphertext> SealEvaluator::rescale(const Ciphertext& a) const {
    return guarded(impl_->context, [&] {
        seal::Ciphertext smaller;
        impl_->evaluator.rescale_to_next(to_seal(impl_->context, a), smaller);
        return smaller;
    });
}

Result<Ciphertext> SealEvaluator::add_constant(const Ciphertext& a, double constant) const {
    return guarded(impl_->context, [&] {
        seal::Ciphertext sum = to_seal(impl_->context, a);
        impl_->evaluator.add_plain_inplace(sum, impl_->scalar(constant, sum.scale(), sum));
        return sum;
    });
}

}  // namespace einfer::he
