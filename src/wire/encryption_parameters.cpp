#include "wire/encryption_parameters.h"

#include "base/hex.h"
#include "wire/bytes.h"
#include "wire/evaluation_keys_layout.h"

namespace einfer::wire {
namespace {

constexpr std::uint8_t ckks = 2;
constexpr std::size_t modulus_size = seal_header_size + 8;

std::uint8_t* write_modulus(std::uint8_t* to, std::uint8_t minor, std::uint64_t value) {
    return store(write_header(to, minor, modulus_size), value);
}

/// A row for each odd element, most of them empty: 8 bytes each for the number of its entries.
std::size_t keys_size(std::size_t rows, std::size_t entries, std::size_t entry_size) {
    return seal_header_size + layout::keys_first_row + 8 * rows + entries * entry_size;
}

}  // namespace

std::vector<std::uint8_t> write_encryption_parameters(std::uint8_t seal_minor, std::size_t poly_modulus_degree,
                                                      std::span<const std::uint64_t> primes) {
    std::vector<std::uint8_t> bytes(seal_header_size + 1 + 8 + 8 + (primes.size() + 1) * modulus_size);
    std::uint8_t* at = write_header(bytes.data(), seal_minor, bytes.size());
    at = store(at, ckks);
    at = store(at, std::uint64_t{poly_modulus_degree});
    at = store(at, std::uint64_t{primes.size()});
    for (const std::uint64_t prime : primes) at = write_modulus(at, seal_minor, prime);
    write_modulus(at, seal_minor, 0);  // the plain modulus, which CKKS has not
    return bytes;
}

std::string parms_id_hex(const ParmsId& parms_id) {
    return to_hex({reinterpret_cast<const std::uint8_t*>(parms_id.data()), sizeof parms_id});
}

std::size_t relin_keys_size(std::size_t poly_modulus_degree, std::size_t primes) {
    return keys_size(1, primes - 1, layout::full_key_entry_size(poly_modulus_degree, primes));
}

std::size_t galois_keys_size(std::size_t poly_modulus_degree, std::size_t primes, std::size_t steps) {
    return keys_size(poly_modulus_degree, steps * (primes - 1),
                     layout::full_key_entry_size(poly_modulus_degree, primes));
}

std::size_t seeded_relin_keys_size(std::size_t poly_modulus_degree, std::size_t primes) {
    return keys_size(1, primes - 1, layout::seeded_key_entry_size(poly_modulus_degree, primes));
}

std::size_t seeded_galois_keys_size(std::size_t poly_modulus_degree, std::size_t primes, std::size_t steps) {
    return keys_size(poly_modulus_degree, steps * (primes - 1),
                     layout::seeded_key_entry_size(poly_modulus_degree, primes));
}

}  // namespace einfer::wire
