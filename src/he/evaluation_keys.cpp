#include "he/evaluation_keys.h"

#include "kernels/kernels.h"

#include <algorithm>

namespace einfer::he {
namespace {

std::size_t key_words(const wire::KeyFileHeader& header) {
    return 2 * (header.primes - 1) * header.primes * header.poly_modulus_degree;
}

bool are_below_their_primes(std::span<const std::uint64_t> polynomial, std::span<const std::uint64_t> primes) {
    const std::size_t degree = polynomial.size() / primes.size();
    for (std::size_t prime = 0; prime < primes.size(); ++prime) {
        bool below = true;
        for (const std::uint64_t word : polynomial.subspan(prime * degree, degree)) below &= word < primes[prime];
        if (!below) return false;
    }
    return true;
}

/// Reads keys, with room for one digit.
class Loader {
public:
    Loader(const Context& context, wire::KeyFileReader& file)
        : context_(context),
          file_(file),
          digit_(2 * context.primes().size() * context.poly_modulus_degree()),
          first_(std::span(digit_).first(digit_.size() / 2)),
          second_(std::span(digit_).last(digit_.size() / 2)) {}

    [[nodiscard]] Result<KeySwitchKey> next_key() {
        KeySwitchKey key;
        key.words.resize(key_words(file_.header()));
        for (std::size_t digit = 0; digit < file_.digits(); ++digit) {
            const auto seed = file_.read_digit(first_, second_);
            if (!seed) return seed.error();
            if (*seed) {
                if (const auto expanded = context_.expand_key_seed(**seed, second_); !expanded) return expanded.error();
            }
            if (!are_below_their_primes(first_, context_.primes()) ||
                !are_below_their_primes(second_, context_.primes()))
                return Error{ErrorCode::Internal, "the stored evaluation keys are damaged"};
            lay_out(digit, key);
        }
        return key;
    }

private:
    void lay_out(std::size_t digit, KeySwitchKey& key) const {
        constexpr std::size_t run = kernels::PairedFactors::run;
        std::uint64_t* to = key.words.data() + 2 * run * digit;
        for (std::size_t start = 0; start < first_.size(); start += run, to += 2 * run * file_.digits()) {
            std::copy_n(first_.data() + start, run, to);
            std::copy_n(second_.data() + start, run, to + run);
        }
    }

    const Context& context_;
    wire::KeyFileReader& file_;
    Residues digit_;
    const std::span<std::uint64_t> first_, second_;
};

}  // namespace

std::size_t EvaluationKeys::bytes() const {
    std::size_t words = relinearization ? relinearization->words.size() : 0;
    for (const auto& [element, key] : galois) words += key.words.size();
    return words * sizeof(std::uint64_t);
}

std::size_t evaluation_keys_bytes(const wire::KeyFileHeader& header) {
    return (header.galois_elements.size() + (header.relinearization ? 1 : 0)) * key_words(header) *
           sizeof(std::uint64_t);
}

Result<EvaluationKeys> load_evaluation_keys(const Context& context, wire::KeyFileReader& file) {
    const wire::KeyFileHeader& header = file.header();
    if (header.poly_modulus_degree != context.poly_modulus_degree() || header.primes != context.primes().size() ||
        header.key_parms_id != context.key_parms_id())
        return Error{ErrorCode::Internal, "the stored evaluation keys are for other parameters"};
    Loader loader(context, file);
    EvaluationKeys keys;
    if (header.relinearization) {
        auto key = loader.next_key();
        if (!key) return key.error();
        keys.relinearization = *std::move(key);
    }
    for (const std::uint32_t element : header.galois_elements) {
        auto key = loader.next_key();
        if (!key) return key.error();
        keys.galois.emplace(element, *std::move(key));
    }
    return keys;
}

}  // namespace einfer::he
