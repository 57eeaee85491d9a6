#include "he/linear_transform.h"

#include "he/encoder.h"

#include <algorithm>

namespace einfer::he {
namespace {

Error unusable() { return {ErrorCode::Internal, "the linear transform does not fit the encryption parameters"}; }

/// `slots` encoded modulo the level's primes and the key-switching prime.
Result<Plaintext> encode_extended(const Context& context, std::span<const double> slots, std::size_t prime_count,
                                  double scale) {
    auto all = encode(context, slots, context.primes().size(), scale);
    if (!all) return all;
    const std::size_t degree = context.poly_modulus_degree();
    Plaintext kept{prime_count, scale, {}};
    kept.words.resize((prime_count + 1) * degree);
    std::copy_n(all->words.begin(), prime_count * degree, kept.words.begin());
    std::copy_n(all->words.end() - static_cast<std::ptrdiff_t>(degree), degree,
                kept.words.begin() + static_cast<std::ptrdiff_t>(prime_count * degree));
    return kept;
}

void add_if_new(std::vector<int>& steps, int step) {
    if (step != 0 && std::find(steps.begin(), steps.end(), step) == steps.end()) steps.push_back(step);
}

}  // namespace

std::vector<int> LinearTransform::baby_steps() const {
    std::vector<int> steps;
    for (const auto& [giant, terms] : giants)
        for (const Term& term : terms) add_if_new(steps, term.baby);
    std::sort(steps.begin(), steps.end());
    return steps;
}

std::vector<int> LinearTransform::giant_steps() const {
    std::vector<int> steps;
    for (const auto& [giant, terms] : giants) add_if_new(steps, giant);
    return steps;
}

std::vector<int> LinearTransform::steps() const {
    std::vector<int> all = baby_steps();
    for (const int step : giant_steps()) add_if_new(all, step);
    std::sort(all.begin(), all.end());
    return all;
}

Result<LinearTransform> encode(const Context& context, const Diagonals& diagonals, std::size_t prime_count,
                               double scale, int baby_count) {
    const auto slots = static_cast<int>(context.slot_count());
    if (prime_count < 1 || prime_count > context.data_prime_count() || baby_count < 1) return unusable();
    LinearTransform transform{prime_count, scale, {}};
    for (const auto& [index, diagonal] : diagonals) {
        if (index < 0 || index >= slots || diagonal.size() != context.slot_count()) return unusable();
        if (std::all_of(diagonal.begin(), diagonal.end(), [](double value) { return value == 0; })) continue;
        const int baby = index % baby_count, giant = index - baby;
        std::vector<double> turned(diagonal.size());
        std::rotate_copy(diagonal.begin(), diagonal.end() - giant, diagonal.end(), turned.begin());
        auto plain = encode_extended(context, turned, prime_count, scale);
        if (!plain) return unusable();
        transform.giants[giant].push_back({baby, *std::move(plain)});
    }
    if (transform.giants.empty()) return unusable();
    return transform;
}

}  // namespace einfer::he
