#include "he/native_evaluator.h"

#include "he/encoder.h"
#include "kernels/galois.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

namespace einfer::he {
namespace {

using Value = Ciphertext;
using Input = CiphertextView;

Error failed() { return {ErrorCode::Internal, "the evaluation failed"}; }

/// As SEAL compares scales.
bool close(double a, double b) {
    return std::fabs(a - b) < std::numeric_limits<double>::epsilon() * std::max({std::fabs(a), std::fabs(b), 1.0});
}

}  // namespace

Result<std::unique_ptr<const NativeEvaluator>> NativeEvaluator::create(const Context& context) {
    auto ring = Ring::create(context);
    if (!ring) return ring.error();
    return std::unique_ptr<const NativeEvaluator>(new NativeEvaluator(context, *std::move(ring)));
}

Value NativeEvaluator::make(std::size_t prime_count, std::size_t size, double scale) const {
    Value value{prime_count, size, scale, {}};
    value.words.resize(size * prime_count * ring_->degree());
    return value;
}

bool NativeEvaluator::fits(double scale, std::size_t prime_count) const {
    return scale > 0 && static_cast<int>(std::log2(scale)) < context_.modulus_bits(prime_count);
}

bool NativeEvaluator::is_level(std::size_t prime_count) const {
    return prime_count >= 1 && prime_count <= context_.data_prime_count();
}

bool NativeEvaluator::is_key(const KeySwitchKey& key) const {
    return key.words.size() == 2 * context_.data_prime_count() * ring_->prime_count() * ring_->degree();
}

bool NativeEvaluator::is_plain(const Plaintext& plain) const {
    return plain.words.size() >= plain.prime_count * ring_->degree();
}

Result<Value> NativeEvaluator::checked(Value value) const {
    const auto second = value.words.begin() + static_cast<std::ptrdiff_t>(value.prime_count * ring_->degree());
    if (std::all_of(second, value.words.end(), [](std::uint64_t word) { return word == 0; }))
        return Error{ErrorCode::InvalidCiphertext, "the inputs cancel: the result would be transparent"};
    return value;
}

std::uint64_t* NativeEvaluator::row(Value& value, std::size_t polynomial, std::size_t prime) const {
    return value.words.data() + (polynomial * value.prime_count + prime) * ring_->degree();
}

const std::uint64_t* NativeEvaluator::row(const Input& value, std::size_t polynomial, std::size_t prime) const {
    return value.polynomial(polynomial) + prime * ring_->degree();
}

Result<Value> NativeEvaluator::weighted_sum(std::span<const Input> inputs, std::span<const double> weights,
                                            double constant, double weight_scale) const {
    if (inputs.empty() || inputs.size() != weights.size()) return failed();
    const std::size_t prime_count = inputs[0].prime_count;
    const double scale = inputs[0].scale * weight_scale;
    if (!is_level(prime_count) || !fits(scale, prime_count)) return failed();

    struct Weighted {
        const Input* input;
        Scalar weight;
    };
    std::vector<Weighted> used;
    used.reserve(inputs.size());
    for (std::size_t i = 0; i < inputs.size(); ++i) {
        const auto weight = Scalar::encode(weights[i], weight_scale, context_.modulus_bits(prime_count));
        if (!weight) return failed();
        if (weight->is_zero()) continue;
        if (inputs[i].prime_count != prime_count || inputs[i].size != 2 || !close(inputs[i].scale, inputs[0].scale))
            return failed();
        used.push_back({&inputs[i], *weight});
    }
    const auto addend = Scalar::encode(constant, scale, context_.modulus_bits(prime_count));
    if (used.empty() || !addend) return failed();

    Value sum = make(prime_count, 2, scale);
    std::vector<kernels::ScaledTerm> terms(used.size());
    for (std::size_t polynomial = 0; polynomial < 2; ++polynomial)
        for (std::size_t prime = 0; prime < prime_count; ++prime) {
            const kernels::Modulus& modulus = ring_->modulus(prime);
            for (std::size_t i = 0; i < used.size(); ++i)
                terms[i] = {row(*used[i].input, polynomial, prime), used[i].weight.modulo(modulus.value())};
            kernels_.weighted_sum(modulus, ring_->degree(), terms,
                                  polynomial == 0 ? addend->modulo(modulus.value()) : 0, row(sum, polynomial, prime));
        }
    return checked(std::move(sum));
}

Result<Value> NativeEvaluator::add(const Input& a, const Input& b) const {
    if (!is_level(a.prime_count) || a.prime_count != b.prime_count || a.size != b.size || !close(a.scale, b.scale))
        return failed();
    Value sum = make(a.prime_count, a.size, a.scale);
    for (std::size_t polynomial = 0; polynomial < a.size; ++polynomial)
        for (std::size_t prime = 0; prime < a.prime_count; ++prime)
            kernels_.add(ring_->modulus(prime), ring_->degree(), row(a, polynomial, prime), row(b, polynomial, prime),
                         row(sum, polynomial, prime));
    return checked(std::move(sum));
}

Result<Value> NativeEvaluator::add_constant(const Input& a, double constant) const {
    if (!is_level(a.prime_count) || a.size < 2) return failed();
    const auto addend = Scalar::encode(constant, a.scale, context_.modulus_bits(a.prime_count));
    if (!addend) return failed();
    const std::size_t degree = ring_->degree();
    Value sum = make(a.prime_count, a.size, a.scale);
    for (std::size_t prime = 0; prime < a.prime_count; ++prime) {
        const kernels::Modulus& modulus = ring_->modulus(prime);
        kernels_.add_constant(modulus, degree, row(a, 0, prime), addend->modulo(modulus.value()), row(sum, 0, prime));
    }
    for (std::size_t polynomial = 1; polynomial < a.size; ++polynomial)
        std::copy_n(a.polynomial(polynomial), a.prime_count * degree, row(sum, polynomial, 0));
    return checked(std::move(sum));
}

Result<Value> NativeEvaluator::add_plain(const Input& a, const Plaintext& b) const {
    if (!is_level(a.prime_count) || a.size < 2 || a.prime_count != b.prime_count || !is_plain(b) ||
        !close(a.scale, b.scale))
        return failed();
    const std::size_t degree = ring_->degree();
    Value sum = make(a.prime_count, a.size, a.scale);
    for (std::size_t prime = 0; prime < a.prime_count; ++prime)
        kernels_.add(ring_->modulus(prime), degree, row(a, 0, prime), b.words.data() + prime * degree,
                     row(sum, 0, prime));
    for (std::size_t polynomial = 1; polynomial < a.size; ++polynomial)
        std::copy_n(a.polynomial(polynomial), a.prime_count * degree, row(sum, polynomial, 0));
    return checked(std::move(sum));
}

Result<Value> NativeEvaluator::multiply_plain(const Input& a, const Plaintext& b) const {
    const double scale = a.scale * b.scale;
    if (!is_level(a.prime_count) || a.prime_count != b.prime_count || !is_plain(b) || !fits(scale, a.prime_count))
        return failed();
    const std::size_t degree = ring_->degree();
    Value product = make(a.prime_count, a.size, scale);
    for (std::size_t polynomial = 0; polynomial < a.size; ++polynomial)
        for (std::size_t prime = 0; prime < a.prime_count; ++prime)
            kernels_.multiply(ring_->modulus(prime), degree, row(a, polynomial, prime), b.words.data() + prime * degree,
                              row(product, polynomial, prime));
    return checked(std::move(product));
}

Result<Value> NativeEvaluator::multiply_accumulate(std::span<const Input> inputs,
                                                   std::span<const Plaintext> plains) const {
    if (inputs.empty() || inputs.size() != plains.size()) return failed();
    const std::size_t prime_count = inputs[0].prime_count, degree = ring_->degree();
    const double scale = inputs[0].scale * plains[0].scale;
    if (!is_level(prime_count) || !fits(scale, prime_count)) return failed();
    for (std::size_t i = 0; i < inputs.size(); ++i)
        if (inputs[i].prime_count != prime_count || inputs[i].size != inputs[0].size ||
            plains[i].prime_count != prime_count || !is_plain(plains[i]) ||
            !close(inputs[i].scale * plains[i].scale, scale))
            return failed();
    Value sum = make(prime_count, inputs[0].size, scale);
    std::vector<kernels::Term> terms(inputs.size());
    for (std::size_t polynomial = 0; polynomial < sum.size; ++polynomial)
        for (std::size_t prime = 0; prime < prime_count; ++prime) {
            for (std::size_t i = 0; i < inputs.size(); ++i)
                terms[i] = {row(inputs[i], polynomial, prime), plains[i].words.data() + prime * degree};
            kernels_.sum_of_products(ring_->modulus(prime), degree, terms, row(sum, polynomial, prime));
        }
    return checked(std::move(sum));
}

Result<Value> NativeEvaluator::multiply(const Input& a, const Input& b) const {
    const double scale = a.scale * b.scale;
    if (!is_level(a.prime_count) || a.prime_count != b.prime_count || a.size != 2 || b.size != 2 ||
        !fits(scale, a.prime_count))
        return failed();
    const std::size_t degree = ring_->degree();
    Value product = make(a.prime_count, 3, scale);
    for (std::size_t prime = 0; prime < a.prime_count; ++prime) {
        const kernels::Modulus& modulus = ring_->modulus(prime);
        const std::uint64_t *const a0 = row(a, 0, prime), *const a1 = row(a, 1, prime);
        const std::uint64_t *const b0 = row(b, 0, prime), *const b1 = row(b, 1, prime);
        const std::array<kernels::Term, 2> cross{{{a0, b1}, {a1, b0}}};
        kernels_.multiply(modulus, degree, a0, b0, row(product, 0, prime));
        kernels_.sum_of_products(modulus, degree, cross, row(product, 1, prime));
        kernels_.multiply(modulus, degree, a1, b1, row(product, 2, prime));
    }
    return checked(std::move(product));
}

Result<Value> NativeEvaluator::square(const Input& a) const { return multiply(a, a); }

Result<Value> NativeEvaluator::relinearize(const Input& a, const KeySwitchKey& key) const {
    if (!is_level(a.prime_count) || a.size != 3 || !is_key(key)) return failed();
    Extended switched = key_switch_.switch_key(a.polynomial(2), a.prime_count, key);
    Value result = make(a.prime_count, 2, a.scale);
    key_switch_.divide(switched.first, a.prime_count, a.polynomial(0), row(result, 0, 0));
    key_switch_.divide(switched.second, a.prime_count, a.polynomial(1), row(result, 1, 0));
    return checked(std::move(result));
}

Result<Value> NativeEvaluator::rescale(const Input& a) const {
    if (!is_level(a.prime_count) || a.prime_count < 2) return failed();
    const std::size_t last = a.prime_count - 1, degree = ring_->degree();
    Value result = make(last, a.size, a.scale / static_cast<double>(ring_->modulus(last).value()));
    Residues divided(degree);
    for (std::size_t polynomial = 0; polynomial < a.size; ++polynomial) {
        std::copy_n(row(a, polynomial, last), degree, divided.data());
        KeySwitch::Division division(key_switch_, last, divided.data());
        for (std::size_t prime = 0; prime < last; ++prime)
            division.apply(prime, row(a, polynomial, prime), nullptr, row(result, polynomial, prime));
    }
    return checked(std::move(result));
}

Result<Value> NativeEvaluator::mod_switch(const Input& a, std::size_t prime_count) const {
    if (!is_level(a.prime_count) || !is_level(prime_count) || prime_count > a.prime_count ||
        !fits(a.scale, prime_count))
        return failed();
    Value result = make(prime_count, a.size, a.scale);
    for (std::size_t polynomial = 0; polynomial < a.size; ++polynomial)
        std::copy_n(a.polynomial(polynomial), prime_count * ring_->degree(), row(result, polynomial, 0));
    return checked(std::move(result));
}

const KeySwitchKey* NativeEvaluator::key_of(int step, const GaloisKeys& keys, std::uint32_t& element) const {
    if (std::abs(step) >= static_cast<int>(ring_->degree() / 2)) return nullptr;
    element = kernels::galois_element(ring_->degree(), step);
    const auto found = keys.find(element);
    return found == keys.end() || !is_key(found->second) ? nullptr : &found->second;
}

void NativeEvaluator::permute(const std::uint64_t* from, std::size_t prime_count, std::uint32_t element,
                              std::uint64_t* to) const {
    const std::uint32_t* const permutation = ring_->permutation(element);
    const std::size_t degree = ring_->degree();
    for (std::size_t prime = 0; prime < prime_count; ++prime)
        kernels_.permute(degree, permutation, from + prime * degree, to + prime * degree);
}

Result<Value> NativeEvaluator::rotate(const Input& a, int step, const GaloisKeys& keys) const {
    if (!is_level(a.prime_count) || a.size != 2) return failed();
    if (step == 0) return mod_switch(a, a.prime_count);
    std::uint32_t element = 0;
    const KeySwitchKey* const key = key_of(step, keys, element);
    if (key == nullptr) return failed();
    Residues permuted(a.prime_count * ring_->degree());
    permute(a.polynomial(1), a.prime_count, element, permuted.data());
    Extended switched = key_switch_.switch_key(permuted.data(), a.prime_count, *key);
    Value result = make(a.prime_count, 2, a.scale);
    permute(a.polynomial(0), a.prime_count, element, permuted.data());
    key_switch_.divide(switched.first, a.prime_count, permuted.data(), row(result, 0, 0));
    key_switch_.divide(switched.second, a.prime_count, nullptr, row(result, 1, 0));
    return checked(std::move(result));
}

Result<std::vector<Value>> NativeEvaluator::rotate_many(const Input& a, std::span<const int> steps,
                                                        const GaloisKeys& keys) const {
    if (!is_level(a.prime_count) || a.size != 2) return failed();
    std::vector<std::uint32_t> elements;
    std::vector<KeySwitch::Rotation> rotations;
    for (const int step : steps) {
        if (step == 0) continue;
        const KeySwitchKey* const key = key_of(step, keys, elements.emplace_back());
        if (key == nullptr) return failed();
        rotations.push_back({key, ring_->permutation(elements.back())});
    }
    std::vector<Extended> sums;
    if (!rotations.empty())
        sums = key_switch_.multiply(key_switch_.decompose(a.polynomial(1), a.prime_count), rotations);

    Residues permuted(a.prime_count * ring_->degree());
    std::vector<Value> rotated;
    rotated.reserve(steps.size());
    std::size_t next = 0;
    for (const int step : steps) {
        if (step == 0) {
            auto same = mod_switch(a, a.prime_count);
            if (!same) return same.error();
            rotated.push_back(*std::move(same));
            continue;
        }
        Value result = make(a.prime_count, 2, a.scale);
        permute(a.polynomial(0), a.prime_count, elements[next], permuted.data());
        key_switch_.divide(sums[next].first, a.prime_count, permuted.data(), row(result, 0, 0));
        key_switch_.divide(sums[next].second, a.prime_count, nullptr, row(result, 1, 0));
        sums[next++] = {};
        auto good = checked(std::move(result));
        if (!good) return good.error();
        rotated.push_back(*std::move(good));
    }
    return rotated;
}

Result<Value> NativeEvaluator::add_rotations(const Input& a, std::span<const int> steps, const GaloisKeys& keys) const {
    if (!is_level(a.prime_count) || a.size != 2 || steps.empty()) return failed();
    const std::size_t primes = a.prime_count, words = primes * ring_->degree();
    std::vector<std::uint32_t> elements;
    std::vector<KeySwitch::Rotation> rotations;
    for (const int step : steps) {
        const KeySwitchKey* const key = step == 0 ? nullptr : key_of(step, keys, elements.emplace_back());
        if (key == nullptr) return failed();
        rotations.push_back({key, ring_->permutation(elements.back())});
    }
    const auto add_to = [&](Residues& sum, const std::uint64_t* words_of, std::size_t rows) {
        for (std::size_t prime = 0; prime < rows; ++prime) {
            const std::size_t at = prime * ring_->degree();
            const kernels::Modulus& modulus = ring_->modulus(prime == primes ? ring_->prime_count() - 1 : prime);
            kernels_.add(modulus, ring_->degree(), sum.data() + at, words_of + at, sum.data() + at);
        }
    };
    Residues addend(words), permuted(words);
    const auto permute_first = [&](std::size_t i, Residues& to) {
        permute(a.polynomial(0), primes, elements[i], to.data());
    };
    permute_first(0, addend);
    add_to(addend, a.polynomial(0), primes);
    Extended sum;
    if (steps.size() == 1) {
        // One block of digits at a time stays in the cache.
        permute(a.polynomial(1), primes, elements[0], permuted.data());
        sum = key_switch_.switch_key(permuted.data(), primes, *rotations[0].key);
    } else {
        std::vector<Extended> sums = key_switch_.multiply(key_switch_.decompose(a.polynomial(1), primes), rotations);
        sum = std::move(sums[0]);
        for (std::size_t i = 1; i < sums.size(); ++i) {
            add_to(sum.first, sums[i].first.data(), primes + 1);
            add_to(sum.second, sums[i].second.data(), primes + 1);
            permute_first(i, permuted);
            add_to(addend, permuted.data(), primes);
        }
    }
    Value result = make(primes, 2, a.scale);
    key_switch_.divide(sum.first, primes, addend.data(), row(result, 0, 0));
    key_switch_.divide(sum.second, primes, a.polynomial(1), row(result, 1, 0));
    return checked(std::move(result));
}

}  // namespace einfer::he
