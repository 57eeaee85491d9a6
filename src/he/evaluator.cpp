#include "he/evaluator.h"

#include "he/native_evaluator.h"
#include "he/seal_evaluator.h"

namespace einfer::he {

Result<std::unique_ptr<const Evaluator>> make_evaluator(EvaluatorKind kind, const Context& context) {
    switch (kind) {
        case EvaluatorKind::Native: {
            auto made = NativeEvaluator::create(context);
            if (!made) return made.error();
            return std::unique_ptr<const Evaluator>(*std::move(made));
        }
        case EvaluatorKind::Seal: return std::unique_ptr<const Evaluator>(std::make_unique<SealEvaluator>(context));
    }
    return Error{ErrorCode::Internal, "no such evaluator"};
}

}  // namespace einfer::he
