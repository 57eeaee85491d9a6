// Secret-key work: key generation, encryption, decryption. Linked by the client and by tests only, never by the server.
#pragma once

#include "he/context.h"
#include "wire/compact.h"

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace einfer::keys {

enum class EncryptionMode {
    Symmetric,  ///< seeded: half the size
    PublicKey,
};

/// One fresh secret key, for one session, in memory only; SEAL wipes it on destruction. Its const members may be called
/// from several threads at once.
class Session {
public:
    /// INTERNAL when SEAL cannot make keys.
    static Result<Session> create(he::Context context, EncryptionMode mode);
    ~Session();
    Session(Session&&) noexcept;
    Session& operator=(Session&&) noexcept;

    [[nodiscard]] const he::Context& context() const;

    /// Bytes of every ciphertext that this session encrypts.
    [[nodiscard]] std::size_t encrypted_size() const;

    /// Encodes `values` into the first slots (the rest are zero) at `scale`, encrypts at the first data level and
    /// serializes, uncompressed, in SEAL's own minor version, into `bytes`: exactly encrypted_size() of them. At most
    /// N/2 values; INTERNAL when one is not finite or does not fit the modulus.
    [[nodiscard]] Result<void> encrypt(std::span<const double> values, double scale,
                                       std::span<std::uint8_t> bytes) const;
    [[nodiscard]] Result<std::vector<std::uint8_t>> encrypt(std::span<const double> values, double scale) const;

    /// Encrypts the polynomial with these coefficients (at most N, the rest are zero), each round(number · scale),
    /// under the secret key, whatever the mode; seeded, otherwise as encrypt(). `bytes`: exactly seeded_size() of them.
    [[nodiscard]] Result<void> encrypt_coefficients(std::span<const double> numbers, double scale,
                                                    std::span<std::uint8_t> bytes) const;
    [[nodiscard]] std::size_t seeded_size() const;

    /// The polynomial's coefficients, centred: for contexts of one prime. The ciphertext must have passed
    /// wire::check_ciphertext().
    [[nodiscard]] Result<std::vector<std::int64_t>> decrypt_coefficients(const he::Ciphertext& ciphertext) const;

    /// Of a compact result: its values, centred modulo 2^bits, at `positions` of the polynomial, one a value. `bits` is
    /// at most that of the prime less log2(N) + 2.
    [[nodiscard]] Result<std::vector<std::int64_t>> decrypt_compact(const wire::CompactResult& result, int bits,
                                                                    std::span<const std::size_t> positions) const;

    /// Keys for whoever evaluates, made from a seed, uncompressed: RelinKeys, or GaloisKeys for rotations by `steps`
    /// (distinct, none 0). INTERNAL when the context cannot switch keys. One thread at a time.
    [[nodiscard]] Result<std::vector<std::uint8_t>> make_relinearization_keys();
    [[nodiscard]] Result<std::vector<std::uint8_t>> make_galois_keys(const std::vector<int>& steps);

    /// The first `count` slots. The ciphertext must have passed wire::check_ciphertext for its level.
    [[nodiscard]] Result<std::vector<double>> decrypt(const he::Ciphertext& ciphertext, std::size_t count) const;

private:
    class Impl;
    explicit Session(std::unique_ptr<Impl> impl);
    std::unique_ptr<Impl> impl_;
};

/// The minor version that Session::encrypt() writes.
[[nodiscard]] std::uint8_t seal_minor_version();

}  // namespace einfer::keys
