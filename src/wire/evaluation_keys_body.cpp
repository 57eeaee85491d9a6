#include "wire/evaluation_keys_body.h"

#include "wire/bytes.h"

#include <string.h>  // explicit_bzero

#include <algorithm>
#include <bit>
#include <cmath>

namespace einfer::wire {
namespace {

constexpr std::size_t row_size = 8;

ParmsId parms_id_at(const std::uint8_t* bytes) {
    ParmsId parms_id;
    std::memcpy(parms_id.data(), bytes, sizeof parms_id);
    return parms_id;
}

}  // namespace

std::uint64_t EvaluationKeysBody::rows() const {
    return kind_ == KeyKind::relinearization ? 1 : rules_.poly_modulus_degree;
}

std::size_t EvaluationKeysBody::most_keys() const {
    return kind_ == KeyKind::relinearization ? 1 : rules_.galois_elements.size();
}

std::uint32_t EvaluationKeysBody::element() const {
    return kind_ == KeyKind::relinearization ? 0 : static_cast<std::uint32_t>(2 * row_ + 1);
}

std::uint64_t EvaluationKeysBody::least_compressed_size() const {
    // Each digit has the message in one row of its first polynomial, which no other digit repeats, however bad the
    // randomness: so many bits as words below the prime have, but for one each.
    const std::uint64_t smallest = *std::ranges::min_element(rules_.primes);
    const auto bits = static_cast<std::uint64_t>(std::bit_width(smallest)) - 2;
    return most_keys() * digits() * rules_.poly_modulus_degree * bits / 8;
}

std::uint64_t EvaluationKeysBody::max_size() const {
    const std::size_t entry = layout::full_key_entry_size(rules_.poly_modulus_degree, rules_.primes.size());
    return layout::keys_first_row + row_size * rows() + most_keys() * digits() * entry;
}

MaybeFault EvaluationKeysBody::consume(std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
        MaybeFault fault;
        switch (stage_) {
            case Stage::prefix:
                fill(prefix_, filled_, bytes);
                if (filled_ == prefix_.size()) fault = read_prefix();
                break;
            case Stage::row:
                fill(std::span(buffer_).first(row_size), filled_, bytes);
                if (filled_ == row_size) fault = read_row();
                break;
            case Stage::entry:
                fill(buffer_, filled_, bytes);
                if (filled_ == buffer_.size()) fault = in_this_key(read_entry());
                break;
            case Stage::words: fault = in_this_key(take_words(bytes)); break;
            case Stage::seed:
                fill(std::span(buffer_).first(layout::seed_object_size), filled_, bytes);
                if (filled_ == layout::seed_object_size) fault = in_this_key(read_seed());
                break;
            case Stage::complete: fault = invalid("bytes follow the keys", "size"); break;
        }
        if (fault) return fault;
    }
    return std::nullopt;
}

bool EvaluationKeysBody::is_secret_key() const {
    // RelinKeys have a header in the same place. But before it is the number of a row's entries, and a scale in a
    // secret key: the smallest normal number is 2^52 as an integer.
    if (stage_ == Stage::prefix)
        return filled_ == prefix_.size() && looks_like_header(prefix_.data() + layout::plaintext_header) &&
               std::isnormal(load<double>(prefix_.data() + layout::plaintext_header - 8));
    constexpr std::size_t nested = seal_header_size + layout::plaintext_header;
    return stage_ == Stage::entry && filled_ >= nested + seal_header_size && looks_like_header(buffer_.data() + nested);
}

void EvaluationKeysBody::discard() {
    explicit_bzero(prefix_.data(), prefix_.size());
    explicit_bzero(buffer_.data(), buffer_.size());
}

Fault EvaluationKeysBody::secret_key() const {
    Fault fault = invalid(
        "these are no evaluation keys but look like a secret key or a plaintext: never send it to anyone; if it is a "
        "key, destroy it and make new keys");
    fault.is_secret_key = true;
    return fault;
}

Fault EvaluationKeysBody::ends_early() const {
    return invalid("the keys end early: send all bytes that their save function writes", "size");
}

Fault EvaluationKeysBody::too_large() const {
    return {ErrorCode::PayloadTooLarge, "the keys are longer than any that are expected here", "size"};
}

MaybeFault EvaluationKeysBody::read_prefix() {
    if (is_secret_key()) return secret_key();
    if (const MaybeFault fault = check_parms_id(prefix_.data() + layout::keys_parms_id)) return fault;
    if (load<std::uint64_t>(prefix_.data() + layout::keys_rows) != rows())
        return invalid(kind_ == KeyKind::relinearization
                           ? "the number of keys is wrong: send RelinKeys here, as KeyGenerator makes them"
                           : "the number of rows is wrong: send GaloisKeys here, as KeyGenerator makes them",
                       "rows");
    stage_ = Stage::row;
    filled_ = 0;
    return consume(std::span<const std::uint8_t>(prefix_).subspan(layout::keys_first_row));
}

MaybeFault EvaluationKeysBody::read_row() {
    const auto entries = load<std::uint64_t>(buffer_.data());
    filled_ = 0;
    if (kind_ == KeyKind::relinearization) return begin_key(0, entries);

    const bool wanted = wanted_ < rules_.galois_elements.size() && rules_.galois_elements[wanted_] == element();
    if (wanted) ++wanted_;
    if (entries != 0) {
        if (missing_) return missing_;
        if (!wanted) return in_this_key(invalid("a rotation key is not needed: send those that are, only", "rows"));
        return begin_key(element(), entries);
    }
    if (wanted && !missing_) {
        missing_ = in_this_key(incompatible("a rotation key is missing: make keys for all steps of the model", "rows"));
        // An empty set is something else than a set that lacks some; what it is, is not known before the first key.
        if (report_.keys != 0) return missing_;
    }
    return next_row();
}

MaybeFault EvaluationKeysBody::begin_key(std::uint32_t element, std::uint64_t entries) {
    if (entries != digits())
        return in_this_key(invalid("a key has the wrong number of entries: one for each prime but the last", "digits"));
    if (MaybeFault fault = sink_.begin_key(element)) return fault;
    ++report_.keys;
    entry_ = 0;
    stage_ = Stage::entry;
    return std::nullopt;
}

MaybeFault EvaluationKeysBody::next_row() {
    if (++row_ < rows()) {
        stage_ = Stage::row;
        return std::nullopt;
    }
    if (report_.keys == 0) return invalid("there is no key in these keys", "rows");
    if (declared_size_ && *declared_size_ != passed())
        return invalid("the declared size does not fit the keys", "header");
    stage_ = Stage::complete;
    return std::nullopt;
}

MaybeFault EvaluationKeysBody::check_parms_id(const std::uint8_t* bytes) const {
    const ParmsId parms_id = parms_id_at(bytes);
    if (parms_id == rules_.key_parms_id) return std::nullopt;
    if (std::ranges::find(rules_.data_parms_ids, parms_id) != rules_.data_parms_ids.end())
        return incompatible("a key is for a level of ciphertexts: send keys as KeyGenerator makes them", "parms_id");
    return incompatible(
        "the keys are for other encryption parameters: make them with the parameters that GET /keys gives", "parms_id");
}

MaybeFault EvaluationKeysBody::read_entry() {
    if (is_secret_key()) return secret_key();
    const std::uint8_t* const body = buffer_.data() + seal_header_size;
    if (!is_nested_header(buffer_.data(), report_.seal_minor, load<std::uint64_t>(&buffer_[seal_header_size - 8])))
        return invalid("the header of a key is not what SEAL writes", "header");
    // Before the sizes, which another level changes too.
    if (const MaybeFault fault = check_parms_id(body + layout::parms_id)) return fault;
    if (const MaybeFault fault = check_metadata(body)) return fault;

    const std::uint64_t polynomial = rules_.poly_modulus_degree * rules_.primes.size();
    const auto count = load<std::uint64_t>(body + layout::word_count);
    seeded_ = count == polynomial;
    if (!seeded_ && count != 2 * polynomial) return invalid("a key's number of words does not fit its sizes", "words");
    if (!is_nested_header(body + layout::words_header, report_.seal_minor, layout::words_object_size(count)))
        return invalid("the header of a key's words is not what SEAL writes", "words");
    const std::uint64_t size = layout::key_entry_words + 8 * count + (seeded_ ? layout::seed_object_size : 0);
    if (!is_nested_header(buffer_.data(), report_.seal_minor, size))
        return invalid("the size of a key is not what SEAL writes", "header");
    if (declared_size_ && *declared_size_ < passed() + size)
        return invalid("the declared size does not fit the keys", "header");
    check_.emplace(rules_.primes, rules_.poly_modulus_degree, WordsOf::key);
    filled_ = 0;
    stage_ = Stage::words;
    return std::nullopt;
}

MaybeFault EvaluationKeysBody::check_metadata(const std::uint8_t* body) const {
    const auto number = [body](std::size_t offset) { return load<std::uint64_t>(body + offset); };
    if (body[layout::is_ntt_form] != 1) return invalid("a key is not in NTT form", "is_ntt_form");
    if (number(layout::size) != 2) return invalid("a key does not have two polynomials", "size");
    if (number(layout::poly_modulus_degree) != rules_.poly_modulus_degree)
        return invalid("a key's poly_modulus_degree contradicts its parms_id", "poly_modulus_degree");
    if (number(layout::coeff_modulus_size) != rules_.primes.size())
        return invalid("a key's number of primes contradicts its parms_id", "coeff_modulus_size");
    if (number(layout::scale) != std::bit_cast<std::uint64_t>(1.0))
        return invalid("a key's scale is not 1, as KeyGenerator makes it", "scale");
    if (number(layout::correction_factor) != 1)
        return invalid("a key's correction factor is not 1, as it is in CKKS", "correction_factor");
    return std::nullopt;
}

std::uint64_t EvaluationKeysBody::passed() const {
    const std::size_t degree = rules_.poly_modulus_degree, primes = rules_.primes.size();
    return layout::keys_first_row + row_size * std::min(row_ + 1, rows()) +
           report_.full_digits * layout::full_key_entry_size(degree, primes) +
           report_.seeded_digits * layout::seeded_key_entry_size(degree, primes);
}

MaybeFault EvaluationKeysBody::take_words(std::span<const std::uint8_t>& bytes) {
    const std::size_t all = (seeded_ ? 1 : 2) * polynomial_bytes();
    const auto now = bytes.first(std::min(bytes.size(), all - filled_));
    bytes = bytes.subspan(now.size());
    filled_ += now.size();
    check_->feed(now);
    if (const MaybeFault& fault = check_->fault()) return fault;
    if (MaybeFault fault = sink_.words(now)) return fault;
    if (filled_ < all) return std::nullopt;
    filled_ = 0;
    if (!seeded_) return end_entry();
    stage_ = Stage::seed;
    return std::nullopt;
}

MaybeFault EvaluationKeysBody::read_seed() {
    if (!is_nested_header(buffer_.data(), report_.seal_minor, layout::seed_object_size))
        return invalid("the header of a key's seed is not what SEAL writes", "seed");
    Seed seed;
    seed.generator = buffer_[layout::seed_generator];
    if (seed.generator != 1 && seed.generator != 2) return invalid("a key's seed is for an unknown generator", "seed");
    std::copy_n(buffer_.begin() + layout::seed_bytes, seed.bytes.size(), seed.bytes.begin());
    filled_ = 0;
    if (MaybeFault fault = sink_.seed(seed)) return fault;
    return end_entry();
}

MaybeFault EvaluationKeysBody::end_entry() {
    ++(seeded_ ? report_.seeded_digits : report_.full_digits);
    stage_ = Stage::entry;
    return ++entry_ < digits() ? std::nullopt : next_row();
}

MaybeFault EvaluationKeysBody::in_this_key(MaybeFault fault) const {
    if (fault && row_ < rows()) fault->galois_element = element();
    return fault;
}

}  // namespace einfer::wire
