#include "wire/ciphertext.h"
#include "wire/fault.h"
#include "wire/word_check.h"

#include <bit>

namespace einfer::wire {
namespace {

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
    const bool reported = ciphertext.report && ciphertext.report->level() == rules.parms_id;
    const std::size_t primes = reported ? ciphertext.stored_primes : rules.primes.size();
    if (words.size() != polynomials * primes * degree)
        return invalid("the ciphertext's number of words does not fit its sizes", "words");
    if (reported) return ciphertext.report->fault();
    WordCheck check(rules.primes, degree);
    check.feed({reinterpret_cast<const std::uint8_t*>(words.data()), words.size_bytes()});
    return check.fault();
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
