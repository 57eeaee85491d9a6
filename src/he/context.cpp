#include "he/context.h"

#include "he/seal_context.h"
#include "kernels/kernels.h"

#include <seal/util/rlwe.h>

#include <algorithm>
#include <cstring>

namespace einfer::he {

Result<std::vector<std::uint64_t>> coeff_modulus(const Parameters& parameters) try {
    std::vector<std::uint64_t> primes;
    for (const seal::Modulus& prime :
         seal::CoeffModulus::Create(parameters.poly_modulus_degree, parameters.coeff_modulus_bits))
        primes.push_back(prime.value());
    return primes;
} catch (const std::exception&) {
    return Error{ErrorCode::Internal, "there are not enough primes of these sizes"};
}

Result<Context> Context::create(const Parameters& parameters) try {
    seal::EncryptionParameters chosen(seal::scheme_type::ckks);
    chosen.set_poly_modulus_degree(parameters.poly_modulus_degree);
    chosen.set_coeff_modulus(seal::CoeffModulus::Create(parameters.poly_modulus_degree, parameters.coeff_modulus_bits));
    auto made = std::make_shared<Seal>(chosen);
    if (!made->context.parameters_set() ||
        (parameters.coeff_modulus_bits.size() > 1 && !made->context.using_keyswitching()))
        return Error{ErrorCode::Internal, "the encryption parameters are not usable"};

    for (const seal::Modulus& prime : chosen.coeff_modulus()) made->primes.push_back(prime.value());
    made->parms_ids.resize(made->primes.size() + 1);
    made->modulus_bits.resize(made->primes.size() + 1);
    for (auto data = made->context.key_context_data(); data; data = data->next_context_data()) {
        made->parms_ids[data->parms().coeff_modulus().size()] = data->parms_id();
        made->modulus_bits[data->parms().coeff_modulus().size()] = data->total_coeff_modulus_bit_count();
    }
    return Context(std::move(made));
} catch (const std::bad_alloc&) {
    return Error{ErrorCode::Internal, "there is not enough memory for the encryption parameters"};
} catch (const std::exception&) {
    return Error{ErrorCode::Internal, "the encryption parameters are not usable"};
}

std::size_t Context::poly_modulus_degree() const {
    return seal_->context.key_context_data()->parms().poly_modulus_degree();
}

std::span<const std::uint64_t> Context::primes() const { return seal_->primes; }

int Context::modulus_bits(std::size_t prime_count) const { return seal_->modulus_bits.at(prime_count); }

const wire::ParmsId& Context::parms_id(std::size_t prime_count) const { return seal_->parms_ids.at(prime_count); }

namespace {

/// sample_poly_uniform() at the level of `parms`, of which the residues modulo the first `prime_count` primes.
Result<void> expand(const wire::Seed& seed, const seal::EncryptionParameters& parms, std::size_t prime_count,
                    std::span<std::uint64_t> words) try {
    seal::prng_seed_type bytes;
    static_assert(sizeof bytes == sizeof seed.bytes);
    std::memcpy(bytes.data(), seed.bytes.data(), sizeof bytes);
    const seal::UniformRandomGeneratorInfo info(static_cast<seal::prng_type>(seed.generator), bytes);
    const std::size_t degree = parms.poly_modulus_degree();
    if (prime_count > parms.coeff_modulus().size() || words.size() != prime_count * degree)
        return Error{ErrorCode::Internal, "a seed expands to its own level only"};
    const auto generator = info.make_prng();
    if (!generator) return Error{ErrorCode::InvalidCiphertext, "the seed names an unknown generator"};

    // SEAL draws all words, then once more for each that would make residues uneven. Where there is none, which is all
    // but always, the words of the primes that are not wanted need not be drawn.
    generator->generate(words.size_bytes(), reinterpret_cast<seal::seal_byte*>(words.data()));
    bool even = true;
    for (std::size_t prime = 0; prime < prime_count && even; ++prime) {
        const seal::Modulus& modulus = parms.coeff_modulus()[prime];
        constexpr std::uint64_t largest = ~std::uint64_t{0};
        const std::uint64_t limit = largest - seal::util::barrett_reduce_64(largest, modulus) - 1;
        const auto row = words.subspan(prime * degree, degree);
        std::uint64_t beyond = 0;
        for (std::uint64_t& word : row) {
            beyond |= static_cast<std::uint64_t>(word >= limit);
            word = seal::util::barrett_reduce_64(word, modulus);
        }
        even = beyond == 0;
    }
    if (even) return {};
    Residues all(parms.coeff_modulus().size() * degree);
    seal::util::sample_poly_uniform(info.make_prng(), parms, all.data());
    std::copy_n(all.begin(), words.size(), words.begin());
    return {};
} catch (const std::bad_alloc&) {
    throw;
} catch (const std::exception&) {
    return Error{ErrorCode::Internal, "expanding a seed failed"};
}

}  // namespace

Result<void> Context::expand_seed(const wire::Seed& seed, std::size_t prime_count,
                                  std::span<std::uint64_t> words) const {
    return expand(seed, seal_->context.first_context_data()->parms(), prime_count, words);
}

Result<void> Context::expand_key_seed(const wire::Seed& seed, std::span<std::uint64_t> words) const {
    return expand(seed, seal_->context.key_context_data()->parms(), primes().size(), words);
}

seal::Ciphertext to_seal(const Context& context, const CiphertextView& ciphertext, const seal::MemoryPoolHandle& pool) {
    seal::Ciphertext made(pool);
    made.resize(context.seal().context, context.parms_id(ciphertext.prime_count), ciphertext.size);
    made.is_ntt_form() = true;
    made.scale() = ciphertext.scale;
    for (std::size_t i = 0; i < ciphertext.size; ++i)
        std::copy_n(ciphertext.polynomial(i), ciphertext.prime_count * context.poly_modulus_degree(), made.data(i));
    return made;
}

Ciphertext from_seal(const Context& context, const seal::Ciphertext& ciphertext) {
    Ciphertext made;
    made.prime_count = ciphertext.coeff_modulus_size();
    made.size = ciphertext.size();
    made.scale = ciphertext.scale();
    const std::size_t words = made.size * made.prime_count * context.poly_modulus_degree();
    made.words.assign(ciphertext.data(), ciphertext.data() + words);
    return made;
}

namespace {

/// Calls `visit(position in a KeySwitchKey, digit, word of SEAL's ciphertext)` for every run of words.
template <class Visit>
void for_each_run(const Context& context, Visit visit) {
    constexpr std::size_t run = kernels::PairedFactors::run;
    const std::size_t degree = context.poly_modulus_degree(), primes = context.primes().size();
    std::size_t at = 0;
    for (std::size_t start = 0; start < primes * degree; start += run)
        for (std::size_t digit = 0; digit < context.data_prime_count(); ++digit)
            for (std::size_t polynomial = 0; polynomial < 2; ++polynomial, at += run)
                visit(at, digit, polynomial * primes * degree + start);
}

}  // namespace

KeySwitchKey from_seal(const Context& context, const std::vector<seal::PublicKey>& digits) {
    KeySwitchKey key;
    key.words.resize(2 * context.data_prime_count() * context.primes().size() * context.poly_modulus_degree());
    for_each_run(context, [&](std::size_t at, std::size_t digit, std::size_t word) {
        std::copy_n(digits[digit].data().data() + word, kernels::PairedFactors::run, key.words.data() + at);
    });
    return key;
}

std::vector<seal::PublicKey> to_seal(const Context& context, const KeySwitchKey& key) {
    std::vector<seal::PublicKey> digits(context.data_prime_count());
    for (seal::PublicKey& digit : digits) {
        digit.data().resize(context.seal().context, context.key_parms_id(), 2);
        digit.data().is_ntt_form() = true;
    }
    for_each_run(context, [&](std::size_t at, std::size_t digit, std::size_t word) {
        std::copy_n(key.words.data() + at, kernels::PairedFactors::run, digits[digit].data().data() + word);
    });
    return digits;
}

}  // namespace einfer::he
