#include "wire/ciphertext_body.h"

#include "base/he_standard.h"
#include "wire/bytes.h"

#include <string.h>  // explicit_bzero

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>
#include <new>

namespace einfer::wire {
namespace {

constexpr std::uint64_t min_poly_modulus_degree = 1024;
constexpr std::uint64_t max_coeff_modulus_size = 64;
constexpr std::uint64_t min_polynomials = 2;

}  // namespace

Fault CiphertextBody::secret_key() const {
    Fault fault = invalid(
        "this is no ciphertext but looks like a secret key or a plaintext: never send it to anyone; if it is a key, "
        "destroy it and make new keys");
    fault.is_secret_key = true;
    return fault;
}

Fault CiphertextBody::ends_early() const {
    return invalid("the ciphertext ends early: send all bytes that Ciphertext::save writes", "size");
}

Fault CiphertextBody::too_large() const {
    return {ErrorCode::PayloadTooLarge, "the ciphertext is longer than any that is expected here", "size"};
}

std::uint64_t CiphertextBody::max_size() const {
    constexpr std::uint64_t most_words = (std::numeric_limits<std::uint64_t>::max() - layout::words) / 8;
    return layout::words + 8 * std::min<std::uint64_t>(limits_.max_words, most_words);
}

MaybeFault CiphertextBody::consume(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
        switch (stage_) {
            case Stage::metadata:
                fill(metadata_, filled_, bytes);
                if (filled_ == metadata_.size()) {
                    if (const MaybeFault fault = read_metadata()) return fault;
                    stage_ = Stage::words;
                    filled_ = 0;
                }
                break;
            case Stage::words:
                take_words(bytes);
                if (filled_ == word_bytes_) {
                    stage_ = seeded_ ? Stage::seed : Stage::complete;
                    filled_ = 0;
                }
                break;
            case Stage::seed:
                fill(seed_, filled_, bytes);
                if (filled_ == seed_.size()) {
                    if (const MaybeFault fault = read_seed()) return fault;
                    stage_ = Stage::complete;
                }
                break;
            case Stage::complete: return invalid("bytes follow the ciphertext", "size");
        }
    }
    return std::nullopt;
}

bool CiphertextBody::is_secret_key() const {
    // In a ciphertext this is the top byte of the degree, which is zero, and the low ones of the number of primes.
    return stage_ == Stage::metadata && filled_ >= layout::plaintext_header + seal_header_size &&
           looks_like_header(metadata_.data() + layout::plaintext_header);
}

MaybeFault CiphertextBody::read_metadata() {
    if (is_secret_key()) return secret_key();

    const std::uint8_t* const bytes = metadata_.data();
    const auto number = [bytes](std::size_t offset) { return load<std::uint64_t>(bytes + offset); };

    if (bytes[layout::is_ntt_form] != 1)
        return invalid("the ciphertext is not in NTT form: send CKKS ciphertexts as the encryptor makes them",
                       "is_ntt_form");
    const std::uint64_t size = number(layout::size);
    if (size < std::max<std::uint64_t>(limits_.min_size, min_polynomials) || size > limits_.max_size)
        return invalid("the ciphertext has the wrong number of polynomials: send it as the encryptor makes it", "size");
    const std::uint64_t degree = number(layout::poly_modulus_degree);
    if (degree < min_poly_modulus_degree || degree > max_poly_modulus_degree || !std::has_single_bit(degree))
        return invalid("the ciphertext's poly_modulus_degree is not possible", "poly_modulus_degree");
    const std::uint64_t primes = number(layout::coeff_modulus_size);
    if (primes < 1 || primes > max_coeff_modulus_size)
        return invalid("the ciphertext's number of primes is not possible", "coeff_modulus_size");
    const std::uint64_t poly_words = degree * primes;
    if (size > limits_.max_words / poly_words)
        return invalid("the ciphertext is larger than any that is expected here", "size");
    const double scale = load<double>(bytes + layout::scale);
    if (!std::isnormal(scale) || scale <= 0) return invalid("the ciphertext's scale is not possible", "scale");
    if (number(layout::correction_factor) != 1)
        return invalid("the ciphertext's correction factor is not 1, as it is in CKKS", "correction_factor");

    const std::uint64_t count = number(layout::word_count);
    // The word count alone says that a seed stands for the second polynomial; a third could not come from it.
    seeded_ = size == 2 && count == poly_words;
    if (!seeded_ && count != size * poly_words)
        return invalid("the ciphertext's number of words does not fit its sizes", "words");
    if (!is_nested_header(bytes + layout::words_header, ciphertext_.seal_minor, layout::words_object_size(count)))
        return invalid("the header of the ciphertext's words is not what SEAL writes", "words");
    const std::uint64_t body_size = layout::words + 8 * count + (seeded_ ? layout::seed_object_size : 0);
    if (declared_size_ && *declared_size_ != body_size)
        return invalid("the declared size does not fit the ciphertext", "header");

    std::memcpy(ciphertext_.parms_id.data(), bytes + layout::parms_id, sizeof(ParmsId));
    ciphertext_.size = size;
    ciphertext_.poly_modulus_degree = degree;
    ciphertext_.coeff_modulus_size = primes;
    ciphertext_.scale = scale;
    word_bytes_ = 8 * count;

    const auto level = std::ranges::find(limits_.levels, ciphertext_.parms_id, &Level::parms_id);
    const bool expected =
        level != limits_.levels.end() && level->poly_modulus_degree == degree && level->primes.size() == primes;
    if (expected) check_.emplace(level->primes, degree);
    ciphertext_.stored_primes = limits_.levels.empty() ? primes : expected ? std::min(level->kept_primes, primes) : 0;
    return take_memory(count / primes * ciphertext_.stored_primes);
}

void CiphertextBody::take_words(std::span<const std::uint8_t>& bytes) {
    const auto now = bytes.first(std::min(bytes.size(), word_bytes_ - filled_));
    const std::size_t row = 8 * ciphertext_.poly_modulus_degree;
    const std::size_t polynomial = row * ciphertext_.coeff_modulus_size, stored = row * ciphertext_.stored_primes;
    auto* const to = reinterpret_cast<std::uint8_t*>(ciphertext_.words.data());
    for (std::size_t done = 0; done < now.size();) {
        const std::size_t whole = (filled_ + done) / polynomial, inside = (filled_ + done) % polynomial;
        const std::size_t count = std::min(now.size() - done, (inside < stored ? stored : polynomial) - inside);
        if (inside < stored) std::memcpy(to + whole * stored + inside, now.data() + done, count);
        done += count;
    }
    if (check_) check_->feed(now);
    filled_ += now.size();
    bytes = bytes.subspan(now.size());
}

Ciphertext CiphertextBody::take() {
    if (check_) ciphertext_.report = WordsReport(ciphertext_.parms_id, check_->fault());
    return std::move(ciphertext_);
}

MaybeFault CiphertextBody::take_memory(std::uint64_t word_count) {
    Reservation memory = limits_.budget == nullptr ? Reservation() : Reservation(*limits_.budget);
    if (!memory.grow(8 * word_count)) return out_of_memory();
    try {
        ciphertext_.words = Words(word_count);
    } catch (const std::bad_alloc&) {
        return out_of_memory();
    }
    ciphertext_.memory = std::move(memory);
    return std::nullopt;
}

MaybeFault CiphertextBody::read_seed() {
    if (!is_nested_header(seed_.data(), ciphertext_.seal_minor, layout::seed_object_size))
        return invalid("the header of the ciphertext's seed is not what SEAL writes", "seed");
    Seed seed;
    seed.generator = seed_[layout::seed_generator];
    if (seed.generator != 1 && seed.generator != 2)
        return invalid("the ciphertext's seed is for an unknown generator", "seed");
    std::copy_n(seed_.begin() + layout::seed_bytes, seed.bytes.size(), seed.bytes.begin());
    ciphertext_.seed = seed;
    return std::nullopt;
}

void CiphertextBody::discard() {
    explicit_bzero(metadata_.data(), metadata_.size());
    *this = CiphertextBody(limits_);
}

}  // namespace einfer::wire
