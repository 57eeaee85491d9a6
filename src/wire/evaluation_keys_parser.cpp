#include "wire/encryption_parameters.h"
#include "wire/evaluation_keys_body.h"
#include "wire/object_reader.h"

namespace einfer::wire {

std::size_t max_keys_size(KeyKind kind, const KeyRules& rules) {
    const std::size_t degree = rules.poly_modulus_degree, primes = rules.primes.size();
    const std::size_t plain = kind == KeyKind::relinearization
                                  ? relin_keys_size(degree, primes)
                                  : galois_keys_size(degree, primes, rules.galois_elements.size());
    return plain + plain / 1000 + 256;
}

class EvaluationKeysParser::State {
public:
    State(KeyKind kind, const KeyRules& rules, KeySink& sink, MemoryBudget* budget)
        : body_(kind, rules, sink), reader_(body_, max_keys_size(kind, rules), budget) {}

    void feed(std::span<const std::uint8_t> bytes) { reader_.feed(bytes); }

    Result<KeysReport> finish() {
        if (const MaybeFault fault = reader_.finish()) return to_error(*fault);
        return body_.report();
    }

private:
    EvaluationKeysBody body_;
    ObjectReader reader_;
};

EvaluationKeysParser::EvaluationKeysParser(KeyKind kind, const KeyRules& rules, KeySink& sink, MemoryBudget* budget)
    : state_(std::make_unique<State>(kind, rules, sink, budget)) {}
EvaluationKeysParser::~EvaluationKeysParser() = default;
EvaluationKeysParser::EvaluationKeysParser(EvaluationKeysParser&&) noexcept = default;
EvaluationKeysParser& EvaluationKeysParser::operator=(EvaluationKeysParser&&) noexcept = default;

void EvaluationKeysParser::feed(std::span<const std::uint8_t> bytes) { state_->feed(bytes); }

Result<KeysReport> EvaluationKeysParser::finish() { return state_->finish(); }

}  // namespace einfer::wire
