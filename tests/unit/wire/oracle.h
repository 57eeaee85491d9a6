// Microsoft SEAL as the oracle: real ciphertexts, and what SEAL makes of bytes.
#pragma once

#include "support/seal_bytes.h"
#include "wire/ciphertext.h"

#include <seal/seal.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

namespace einfer::test {

/// Bytes of any SEAL object as SEAL saves it.
template <class T>
[[nodiscard]] Bytes saved(const T& object, seal::compr_mode_type compression = seal::compr_mode_type::none) {
    std::stringstream stream;
    object.save(stream, compression);
    const std::string text = stream.str();
    return Bytes(text.begin(), text.end());
}

/// An uncompressed ciphertext with this SEAL's own minor version everywhere: older SEALs load no other.
[[nodiscard]] inline Bytes with_own_minor(Bytes bytes) {
    bytes[at::minor] = SEAL_VERSION_MINOR;
    bytes[at::words_header + at::minor] = SEAL_VERSION_MINOR;
    const std::size_t after_words = at::words + 8 * peek<std::uint64_t>(bytes, at::word_count);
    if (bytes.size() > after_words) bytes[after_words + at::minor] = SEAL_VERSION_MINOR;
    return bytes;
}

/// Tiny, insecure and fast parameters with real keys, the same ones in every run.
class Oracle {
public:
    static constexpr std::size_t degree = 1024;
    static constexpr double scale = 1073741824.0;  // 2^30

    explicit Oracle(std::vector<int> prime_bits = {40, 30, 30, 40}, std::size_t poly_modulus_degree = degree)
        : context_(make_context(prime_bits, poly_modulus_degree)), keys_(context_), encoder_(context_) {
        seal::PublicKey public_key;
        keys_.create_public_key(public_key);
        encryptor_ = std::make_unique<seal::Encryptor>(context_, public_key, keys_.secret_key());
        encoder_.encode(std::vector<double>{1.5, -2.25, 3.0}, scale, plain_);
    }

    const seal::SEALContext& context() const { return context_; }
    seal::KeyGenerator& keys() { return keys_; }
    const seal::Plaintext& plain() const { return plain_; }

    seal::Ciphertext encrypt() const {
        seal::Ciphertext ciphertext;
        encryptor_->encrypt(plain_, ciphertext);
        return ciphertext;
    }
    /// Symmetric: saved with a seed instead of its second polynomial.
    seal::Serializable<seal::Ciphertext> encrypt_seeded() const { return encryptor_->encrypt_symmetric(plain_); }

    /// What SEAL loads from the bytes, or nothing when it refuses them.
    std::optional<seal::Ciphertext> load(const Bytes& bytes) const {
        try {
            std::stringstream stream(std::string(bytes.begin(), bytes.end()));
            seal::Ciphertext ciphertext;
            ciphertext.load(context_, stream);
            return ciphertext;
        } catch (const std::exception&) {
            return std::nullopt;
        }
    }

    /// The first data level's.
    wire::CiphertextRules rules() const { return rules(context_.first_parms_id()); }
    wire::CiphertextRules rules(const seal::parms_id_type& parms_id) const {
        const auto& parms = context_.get_context_data(parms_id)->parms();
        std::vector<std::uint64_t>& primes = primes_[parms.coeff_modulus().size()];
        primes.clear();
        for (const auto& modulus : parms.coeff_modulus()) primes.push_back(modulus.value());
        return {.parms_id = parms_id,
                .key_parms_id = context_.key_parms_id(),
                .poly_modulus_degree = parms.poly_modulus_degree(),
                .primes = primes,
                .scale = scale};
    }

    wire::ParserLimits limits(std::size_t max_size = 2) const {
        const auto& parms = context_.first_context_data()->parms();
        const std::size_t degree_here = parms.poly_modulus_degree(), primes = parms.coeff_modulus().size();
        return {.max_serialized_bytes = wire::max_serialized_size(max_size, degree_here, primes),
                .max_words = max_size * degree_here * primes,
                .min_size = 2,
                .max_size = max_size};
    }

private:
    static seal::SEALContext make_context(const std::vector<int>& prime_bits, std::size_t poly_modulus_degree) {
        seal::EncryptionParameters parms(seal::scheme_type::ckks);
        parms.set_poly_modulus_degree(poly_modulus_degree);
        parms.set_coeff_modulus(seal::CoeffModulus::Create(poly_modulus_degree, prime_bits));
        parms.set_random_generator(std::make_shared<seal::Blake2xbPRNGFactory>(seal::prng_seed_type{1, 2, 3}));
        return {parms, true, seal::sec_level_type::none};
    }

    seal::SEALContext context_;
    seal::KeyGenerator keys_;
    seal::CKKSEncoder encoder_;
    std::unique_ptr<seal::Encryptor> encryptor_;
    seal::Plaintext plain_;
    mutable std::map<std::size_t, std::vector<std::uint64_t>> primes_;  ///< of each level: rules only point at them
};

/// Whether ours is SEAL's: the metadata, and all words that we have.
inline bool same(const wire::Ciphertext& ours, const seal::Ciphertext& seals) {
    return ours.parms_id == seals.parms_id() && ours.size == seals.size() && seals.is_ntt_form() &&
           ours.poly_modulus_degree == seals.poly_modulus_degree() &&
           ours.coeff_modulus_size == seals.coeff_modulus_size() && ours.scale == seals.scale() &&
           seals.correction_factor() == 1 &&
           ours.words.size() == (ours.seed ? 1 : ours.size) * ours.poly_modulus_degree * ours.coeff_modulus_size &&
           std::equal(ours.words.data(), ours.words.data() + ours.words.size(), seals.data());
}

}  // namespace einfer::test
