#include "wire/key_file.h"

#include "wire/bytes.h"

#include <array>
#include <bit>
#include <utility>

namespace einfer::wire {
namespace {

constexpr std::array<char, 8> magic{'e', 'i', 'n', 'f', 'k', 'e', 'y', 's'};
constexpr std::uint32_t version = 1;
constexpr std::size_t fixed_header = sizeof magic + 4 * 4 + sizeof(ParmsId) + 4;
constexpr std::uint8_t full_tag = 0;
constexpr std::size_t seed_size = sizeof(Seed::bytes);

std::uint64_t header_size(std::size_t galois_keys) { return fixed_header + 4 * std::uint64_t{galois_keys}; }

std::uint64_t polynomial_size(const KeyFileHeader& header) {
    return 8 * std::uint64_t{header.primes} * header.poly_modulus_degree;
}

std::uint64_t digit_count(const KeyFileHeader& header) {
    return (header.galois_elements.size() + (header.relinearization ? 1 : 0)) * (header.primes - 1);
}

Error damaged() { return {ErrorCode::Internal, "the stored evaluation keys are damaged"}; }

bool are_elements(std::span<const std::uint32_t> elements, std::size_t degree) {
    for (std::size_t i = 0; i < elements.size(); ++i)
        if (elements[i] % 2 == 0 || elements[i] >= 2 * degree || (i > 0 && elements[i] <= elements[i - 1]))
            return false;
    return true;
}

}  // namespace

std::uint64_t min_key_file_size(const KeyFileHeader& header) {
    return header_size(header.galois_elements.size()) + digit_count(header) * (polynomial_size(header) + 1 + seed_size);
}

std::uint64_t max_key_file_size(const KeyFileHeader& header) {
    return header_size(header.galois_elements.size()) + digit_count(header) * (2 * polynomial_size(header) + 1);
}

KeyFileWriter::KeyFileWriter(const KeyFileHeader& header, Append append)
    : header_(header), append_(std::move(append)) {}

MaybeFault KeyFileWriter::begin() {
    std::vector<std::uint8_t> bytes(header_size(header_.galois_elements.size()));
    std::uint8_t* at = store(bytes.data(), magic);
    at = store(at, version);
    at = store(at, std::uint32_t{header_.relinearization});
    at = store(at, static_cast<std::uint32_t>(header_.poly_modulus_degree));
    at = store(at, static_cast<std::uint32_t>(header_.primes));
    at = store(at, header_.key_parms_id);
    at = store(at, static_cast<std::uint32_t>(header_.galois_elements.size()));
    for (const std::uint32_t element : header_.galois_elements) at = store(at, element);
    return append_(bytes);
}

MaybeFault KeyFileWriter::begin_key(std::uint32_t galois_element) {
    const bool between_keys = key_ == 0 || digit_ == header_.primes - 1;
    const std::size_t index = key_ - (header_.relinearization ? 1 : 0);  // wraps around for the relinearization key
    const bool is_next = header_.relinearization && key_ == 0 ? galois_element == 0
                                                              : index < header_.galois_elements.size() &&
                                                                    header_.galois_elements[index] == galois_element;
    if (!between_keys || !is_next) return Fault{ErrorCode::Internal, "evaluation keys come in the wrong order"};
    ++key_;
    digit_ = 0;
    return std::nullopt;
}

MaybeFault KeyFileWriter::words(std::span<const std::uint8_t> bytes) {
    // The tag stands between the polynomials.
    const std::size_t polynomial = polynomial_size(header_);
    if (bytes_ < polynomial) {
        const auto first = bytes.first(std::min(bytes.size(), polynomial - bytes_));
        if (MaybeFault fault = append_(first)) return fault;
        bytes_ += first.size();
        bytes = bytes.subspan(first.size());
    }
    if (bytes.empty()) return std::nullopt;
    if (bytes_ == polynomial) {
        if (MaybeFault fault = append_(std::span(&full_tag, 1))) return fault;
    }
    if (MaybeFault fault = append_(bytes)) return fault;
    bytes_ += bytes.size();
    return bytes_ == 2 * polynomial ? end_digit() : std::nullopt;
}

MaybeFault KeyFileWriter::seed(const Seed& seed) {
    if (MaybeFault fault = append_(std::span(&seed.generator, 1))) return fault;
    if (MaybeFault fault = append_(seed.bytes)) return fault;
    return end_digit();
}

MaybeFault KeyFileWriter::end_digit() {
    ++digit_;
    bytes_ = 0;
    return std::nullopt;
}

bool KeyFileWriter::is_complete() const {
    const std::size_t keys = header_.galois_elements.size() + (header_.relinearization ? 1 : 0);
    return key_ == keys && (keys == 0 || digit_ == header_.primes - 1);
}

Result<KeyFileReader> KeyFileReader::open(std::uint64_t size, Source source) {
    std::array<std::uint8_t, fixed_header> bytes{};
    if (size < bytes.size() || !source(bytes)) return damaged();
    const auto number = [&bytes](std::size_t offset) { return load<std::uint32_t>(bytes.data() + offset); };
    if (load<std::array<char, 8>>(bytes.data()) != magic || number(8) != version) return damaged();

    KeyFileHeader header{.poly_modulus_degree = number(16),
                         .primes = number(20),
                         .key_parms_id = load<ParmsId>(bytes.data() + 24),
                         .relinearization = number(12) == 1,
                         .galois_elements = {}};
    const std::size_t degree = header.poly_modulus_degree, galois_keys = number(56);
    const bool possible = number(12) <= 1 && std::has_single_bit(degree) && degree >= 1024 && degree <= 32768 &&
                          header.primes >= 2 && header.primes <= 64 && galois_keys <= degree &&
                          size >= header_size(galois_keys);
    if (!possible) return damaged();
    header.galois_elements.resize(galois_keys);
    if (!source({reinterpret_cast<std::uint8_t*>(header.galois_elements.data()), 4 * galois_keys})) return damaged();
    if (!are_elements(header.galois_elements, degree)) return damaged();

    // So many digits, of which so many are full, or the file was cut off or grew.
    const std::uint64_t least = min_key_file_size(header), digits = digit_count(header);
    const std::uint64_t step = polynomial_size(header) - seed_size;
    if (size < least || (size - least) % step != 0 || (size - least) / step > digits) return damaged();
    KeyFileReader reader(std::move(header), std::move(source));
    reader.full_left_ = (size - least) / step;
    reader.seeded_left_ = digits - reader.full_left_;
    return reader;
}

Result<std::optional<Seed>> KeyFileReader::read_digit(std::span<std::uint64_t> first, std::span<std::uint64_t> second) {
    const std::size_t words = header_.primes * header_.poly_modulus_degree;
    if (first.size() != words || second.size() != words || full_left_ + seeded_left_ == 0)
        return Error{ErrorCode::Internal, "more was read from stored evaluation keys than there is"};
    const auto bytes_of = [](std::span<std::uint64_t> polynomial) {
        return std::span(reinterpret_cast<std::uint8_t*>(polynomial.data()), polynomial.size_bytes());
    };
    std::optional<Seed> seed{std::in_place};
    if (!source_(bytes_of(first)) || !source_(std::span(&seed->generator, 1))) return damaged();
    if (seed->generator > 2) return damaged();
    std::uint64_t& left = seed->generator == full_tag ? full_left_ : seeded_left_;
    if (left == 0) return damaged();
    --left;
    if (seed->generator == full_tag) {
        if (!source_(bytes_of(second))) return damaged();
        seed.reset();
    } else if (!source_(seed->bytes)) {
        return damaged();
    }
    return seed;
}

}  // namespace einfer::wire
