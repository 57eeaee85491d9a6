#include "wire/ciphertext.h"
#include "wire/fault.h"

#include <bit>

namespace einfer::wire {
namespace {

constexpr std::uint64_t top_bit = std::uint64_t{1} << 63;

struct RowFacts {
    bool below_prime;
    bool zero;
};

/// One polynomial modulo one prime. No branch on the words, so that the loop becomes vector code.
RowFacts look_at_row(std::span<const std::uint64_t> row, std::uint64_t prime) {
    // For prime <= 2^63, `word - prime` borrows into the top bit exactly when word < prime or word >= prime + 2^63;
    // the latter words have the top bit themselves. Cheaper than an unsigned compare, which SSE2 lacks.
    std::uint64_t below = ~std::uint64_t{0};
    std::uint64_t any = 0;
    for (const std::uint64_t word : row) {
        below &= (word - prime) & ~word;
        any |= word;
    }
    return {(below & top_bit) != 0, any == 0};
}

MaybeFault fault_in_metadata(const Ciphertext& ciphertext, const CiphertextRules& rules) {
    // SEAL gives scale 1 to public keys and BGV ciphertexts; no CKKS encoder does.
    const bool foreign = ciphertext.parms_id != rules.parms_id;
    if (ciphertext.scale == 1.0 && (foreign || ciphertext.parms_id == rules.key_parms_id))
        return invalid("this is a public key or a BGV ciphertext: send a CKKS ciphertext", "scale");
    if (foreign)
        return incompatible(
            "the ciphertext is for other encryption parameters or another level: encrypt with the "
            "parameters that GET /models gives, at the first level",
            "parms_id");
    if (ciphertext.poly_modulus_degree != rules.poly_modulus_degree)
        return invalid("the ciphertext's poly_modulus_degree contradicts its parms_id", "poly_modulus_degree");
    if (ciphertext.coeff_modulus_size != rules.primes.size())
        return invalid("the ciphertext's number of primes contradicts its parms_id", "coeff_modulus_size");
    if (rules.scale && std::bit_cast<std::uint64_t>(ciphertext.scale) != std::bit_cast<std::uint64_t>(*rules.scale))
        return incompatible("the ciphertext's scale is not the model's: encode at the scale that GET /models gives",
                            "scale");
    return std::nullopt;
}

MaybeFault fault_in_words(const Ciphertext& ciphertext, const CiphertextRules& rules) {
    const std::size_t degree = rules.poly_modulus_degree;
    const std::size_t polynomials = ciphertext.seed ? 1 : ciphertext.size;
    const std::span<const std::uint64_t> words = ciphertext.words.span();
    if (words.size() != polynomials * rules.primes.size() * degree)
        return invalid("the ciphertext's number of words does not fit its sizes", "words");
    std::size_t at = 0;
    for (std::size_t polynomial = 0; polynomial < polynomials; ++polynomial) {
        for (const std::uint64_t prime : rules.primes) {
            const RowFacts row = look_at_row(words.subspan(at, degree), prime);
            if (!row.below_prime) return invalid("a word of the ciphertext is not below its prime", "words");
            // A row each, not the polynomial: rescaling drops primes, and must never leave a transparent ciphertext.
            if (polynomial > 0 && row.zero)
                return invalid("the ciphertext is transparent, hiding nothing: encrypt again", "words");
            at += degree;
        }
    }
    return std::nullopt;
}

}  // namespace

Result<void> check_metadata(const Ciphertext& ciphertext, const CiphertextRules& rules) {
    if (const MaybeFault fault = fault_in_metadata(ciphertext, rules)) return to_error(*fault);
    return {};
}

Result<void> check_words(const Ciphertext& ciphertext, const CiphertextRules& rules) {
    if (const MaybeFault fault = fault_in_words(ciphertext, rules)) return to_error(*fault);
    return {};
}

Result<void> check_ciphertext(const Ciphertext& ciphertext, const CiphertextRules& rules) {
    if (const auto checked = check_metadata(ciphertext, rules); !checked) return checked;
    return check_words(ciphertext, rules);
}

}  // namespace einfer::wire
