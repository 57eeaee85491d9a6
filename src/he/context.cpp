#include "he/context.h"

#include "he/seal_context.h"

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
    if (!made->context.parameters_set() || !made->context.using_keyswitching())
        return Error{ErrorCode::Internal, "the encryption parameters are not usable"};

    for (const seal::Modulus& prime : chosen.coeff_modulus()) made->primes.push_back(prime.value());
    made->parms_ids.resize(made->primes.size() + 1);
    for (auto data = made->context.key_context_data(); data; data = data->next_context_data())
        made->parms_ids[data->parms().coeff_modulus().size()] = data->parms_id();
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

const wire::ParmsId& Context::parms_id(std::size_t prime_count) const { return seal_->parms_ids.at(prime_count); }

Result<void> Context::expand_seed(const wire::Seed& seed, std::span<std::uint64_t> words) const try {
    seal::prng_seed_type bytes;
    static_assert(sizeof bytes == sizeof seed.bytes);
    std::memcpy(bytes.data(), seed.bytes.data(), sizeof bytes);
    const seal::UniformRandomGeneratorInfo info(static_cast<seal::prng_type>(seed.generator), bytes);
    const auto generator = info.make_prng();
    if (!generator) return Error{ErrorCode::InvalidCiphertext, "the seed names an unknown generator"};
    const auto& parms = seal_->context.first_context_data()->parms();
    if (words.size() != parms.coeff_modulus().size() * parms.poly_modulus_degree())
        return Error{ErrorCode::Internal, "a seed expands to the first data level only"};
    seal::util::sample_poly_uniform(generator, parms, words.data());
    return {};
} catch (const std::exception&) {
    return Error{ErrorCode::Internal, "expanding a seed failed"};
}

seal::Ciphertext to_seal(const Context& context, const Ciphertext& ciphertext, const seal::MemoryPoolHandle& pool) {
    seal::Ciphertext made(pool);
    made.resize(context.seal().context, context.parms_id(ciphertext.prime_count), ciphertext.size);
    made.is_ntt_form() = true;
    made.scale() = ciphertext.scale;
    std::copy(ciphertext.words.begin(), ciphertext.words.end(), made.data());
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

}  // namespace einfer::he
