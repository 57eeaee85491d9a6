#include "wire/encryption_parameters.h"

#include "base/hex.h"
#include "wire/bytes.h"
#include "wire/ciphertext_layout.h"

namespace einfer::wire {
namespace {

constexpr std::uint8_t ckks = 2;
constexpr std::size_t modulus_size = seal_header_size + 8;

/// Fields of RelinKeys and GaloisKeys in front of their rows: header, parms_id, number of rows.
constexpr std::size_t keys_prefix = seal_header_size + sizeof(ParmsId) + 8;

std::uint8_t* write_modulus(std::uint8_t* to, std::uint8_t minor, std::uint64_t value) {
    return store(write_header(to, minor, modulus_size), value);
}

/// One key-switching key: a ciphertext at key level for each prime but the last.
std::size_t key_switching_key_size(std::size_t poly_modulus_degree, std::size_t primes) {
    return (primes - 1) * serialized_size(2, poly_modulus_degree, primes);
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
    return keys_prefix + 8 + key_switching_key_size(poly_modulus_degree, primes);
}

std::size_t galois_keys_size(std::size_t poly_modulus_degree, std::size_t primes, std::size_t steps) {
    // Every odd element has a row, most of them empty: 8 bytes each for the number of its entries.
    return keys_prefix + 8 * poly_modulus_degree + steps * key_switching_key_size(poly_modulus_degree, primes);
}

}  // namespace einfer::wire
