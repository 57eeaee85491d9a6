#include "keys/session.h"

#include "he/coefficients.h"
#include "he/seal_context.h"
#include "keys/transform_tables.h"

#include <algorithm>
#include <cmath>
#include <optional>

namespace einfer::keys {

namespace {

std::optional<he::CoefficientRing> ring_of(const he::Context& context) {
    auto ring = he::CoefficientRing::create(context);
    if (!ring) return std::nullopt;
    return *std::move(ring);
}

Error no_coefficients() {
    return {ErrorCode::Internal, "the encryption parameters are not for the coefficients layout"};
}

}  // namespace

class Session::Impl {
public:
    Impl(he::Context chosen, EncryptionMode chosen_mode)
        : context(std::move(chosen)),
          mode(chosen_mode),
          tables(register_tables(context)),
          ring(ring_of(context)),
          generator(context.seal().context),
          encoder(context.seal().context),
          encryptor(context.seal().context, generator.secret_key()),
          decryptor(context.seal().context, generator.secret_key()) {
        if (mode == EncryptionMode::PublicKey) {
            seal::PublicKey public_key;
            generator.create_public_key(public_key);
            encryptor.set_public_key(public_key);
        }
    }

    const he::Context context;
    const EncryptionMode mode;
    const std::vector<SharedTables> tables;         // before SEAL's objects, which transform what they make
    const std::optional<he::CoefficientRing> ring;  // of a context with one prime
    seal::KeyGenerator generator;
    seal::CKKSEncoder encoder;
    seal::Encryptor encryptor;
    seal::Decryptor decryptor;
};

namespace {

/// Beyond any modulus, and small enough that SEAL's encoder can still sum a vector of it: SEAL takes what is infinite
/// for something that fits.
constexpr double beyond_any_modulus = 0x1p900;

Error too_large() {
    return {ErrorCode::Internal, "encryption failed: a value is too large for the model's parameters"};
}

/// Whether this thread is encrypting or decrypting.
thread_local bool working_on_secrets = false;

/// While a thread does, SEAL's default pool is the thread's own, and what is in it is cleared: noise and plaintexts.
/// SEAL's shared pools do not survive an allocation that fails: MemoryPoolHeadMT::get() throws with its spin lock held,
/// and the next thread that wants it spins for ever (4.1.2). Some of what encrypting makes cannot be given a pool, so
/// that SEAL has to be told in this way. Nothing of it leaves the thread: results are copied.
class OwnPoolForSecrets final : public seal::MMProf {
public:
    seal::MemoryPoolHandle get_pool(seal::mm_prof_opt_t) override {
        if (!working_on_secrets) return seal::MemoryPoolHandle::Global();
        thread_local const seal::MemoryPoolHandle own = seal::MemoryPoolHandle::New(true);
        return own;
    }
};

/// Before there are threads: SEAL reads its profile without a lock.
[[maybe_unused]] const auto replaced_profile =
    seal::MemoryManager::SwitchProfile(std::make_unique<OwnPoolForSecrets>());

class WorkOnSecrets {
public:
    WorkOnSecrets() { working_on_secrets = true; }
    ~WorkOnSecrets() { working_on_secrets = false; }
    WorkOnSecrets(const WorkOnSecrets&) = delete;
    WorkOnSecrets& operator=(const WorkOnSecrets&) = delete;
};

/// False when it has another size.
template <class Serializable>
bool write(const Serializable& object, std::span<std::uint8_t> bytes) {
    constexpr auto plain = seal::compr_mode_type::none;
    const auto size = static_cast<std::streamoff>(bytes.size());
    return object.save_size(plain) == size &&
           object.save(reinterpret_cast<seal::seal_byte*>(bytes.data()), bytes.size(), plain) == size;
}

template <class Serializable>
Result<std::vector<std::uint8_t>> written(const Serializable& keys) {
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(keys.save_size(seal::compr_mode_type::none)));
    if (!write(keys, bytes)) return Error{ErrorCode::Internal, "making evaluation keys failed"};
    return bytes;
}

}  // namespace

Session::Session(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Session::~Session() = default;
Session::Session(Session&&) noexcept = default;
Session& Session::operator=(Session&&) noexcept = default;

Result<Session> Session::create(he::Context context, EncryptionMode mode) try {
    return Session(std::make_unique<Impl>(std::move(context), mode));
} catch (const std::exception&) {
    return Error{ErrorCode::Internal, "making keys failed"};
}

const he::Context& Session::context() const { return impl_->context; }

std::size_t Session::encrypted_size() const {
    if (impl_->mode == EncryptionMode::Symmetric) return seeded_size();
    return wire::serialized_size(2, context().poly_modulus_degree(), context().data_prime_count());
}

std::size_t Session::seeded_size() const {
    const std::size_t degree = context().poly_modulus_degree(), primes = context().data_prime_count();
    const auto seed = seal::UniformRandomGeneratorInfo::SaveSize(seal::compr_mode_type::none);
    return wire::serialized_size(1, degree, primes) + static_cast<std::size_t>(seed);
}

Result<void> Session::encrypt(std::span<const double> values, double scale, std::span<std::uint8_t> bytes) const try {
    const bool fit = std::all_of(values.begin(), values.end(), [scale](double value) {
        return std::abs(value) * scale < beyond_any_modulus;  // false for NaN
    });
    if (!fit) return too_large();
    const WorkOnSecrets scope;
    seal::Plaintext plain;
    impl_->encoder.encode(std::vector<double>(values.begin(), values.end()), scale, plain);
    bool written = false;
    if (impl_->mode == EncryptionMode::Symmetric) {
        written = write(impl_->encryptor.encrypt_symmetric(plain), bytes);
    } else {
        seal::Ciphertext ciphertext;
        impl_->encryptor.encrypt(plain, ciphertext);
        written = write(ciphertext, bytes);
    }
    if (!written) return Error{ErrorCode::Internal, "encryption failed: a ciphertext has an unexpected size"};
    return {};
} catch (const std::bad_alloc&) {
    throw;
} catch (const std::exception&) {
    return too_large();
}

Result<std::vector<std::uint8_t>> Session::encrypt(std::span<const double> values, double scale) const {
    std::vector<std::uint8_t> bytes(encrypted_size());
    if (const auto encrypted = encrypt(values, scale, bytes); !encrypted) return encrypted.error();
    return bytes;
}

Result<std::vector<double>> Session::decrypt(const he::Ciphertext& ciphertext, std::size_t count) const try {
    const WorkOnSecrets scope;
    seal::Plaintext plain;
    impl_->decryptor.decrypt(he::to_seal(impl_->context, ciphertext), plain);
    std::vector<double> values;
    impl_->encoder.decode(plain, values);
    values.resize(std::min(count, values.size()));
    return values;
} catch (const std::exception&) {
    return Error{ErrorCode::Internal, "decryption failed"};
}

Result<std::vector<std::uint8_t>> Session::make_relinearization_keys() try {
    const WorkOnSecrets scope;
    return written(impl_->generator.create_relin_keys());
} catch (const std::bad_alloc&) {
    throw;
} catch (const std::exception&) {
    return Error{ErrorCode::Internal, "making evaluation keys failed"};
}

Result<std::vector<std::uint8_t>> Session::make_galois_keys(const std::vector<int>& steps) try {
    const WorkOnSecrets scope;
    return written(impl_->generator.create_galois_keys(steps));
} catch (const std::bad_alloc&) {
    throw;
} catch (const std::exception&) {
    return Error{ErrorCode::Internal, "making evaluation keys failed"};
}

Result<void> Session::encrypt_coefficients(std::span<const double> numbers, double scale,
                                           std::span<std::uint8_t> bytes) const try {
    const auto& ring = impl_->ring;
    if (!ring) return no_coefficients();
    const double largest = std::ldexp(1.0, impl_->context.modulus_bits(1) - 2);
    const WorkOnSecrets scope;
    seal::Plaintext plain(ring->degree());
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const double scaled = std::round(numbers[i] * scale);
        if (!(std::abs(scaled) < largest)) return too_large();
        plain[i] = ring->residue(static_cast<std::int64_t>(scaled));
    }
    ring->from_coefficients(plain.data(), plain.data());
    plain.parms_id() = impl_->context.parms_id(1);
    plain.scale() = scale;
    if (!write(impl_->encryptor.encrypt_symmetric(plain), bytes))
        return Error{ErrorCode::Internal, "encryption failed: a ciphertext has an unexpected size"};
    return {};
} catch (const std::bad_alloc&) {
    throw;
} catch (const std::exception&) {
    return too_large();
}

Result<std::vector<std::int64_t>> Session::decrypt_coefficients(const he::Ciphertext& ciphertext) const try {
    const auto& ring = impl_->ring;
    if (!ring) return no_coefficients();
    const WorkOnSecrets scope;
    seal::Plaintext plain;
    impl_->decryptor.decrypt(he::to_seal(impl_->context, ciphertext), plain);
    ring->to_coefficients(plain.data(), plain.data());
    const std::uint64_t prime = ring->modulus().value();
    std::vector<std::int64_t> numbers(ring->degree());
    std::transform(plain.data(), plain.data() + ring->degree(), numbers.begin(), [prime](std::uint64_t residue) {
        return static_cast<std::int64_t>(residue > prime / 2 ? residue - prime : residue);
    });
    return numbers;
} catch (const std::bad_alloc&) {
    throw;
} catch (const std::exception&) {
    return Error{ErrorCode::Internal, "decryption failed"};
}

Result<std::vector<std::int64_t>> Session::decrypt_compact(const wire::CompactResult& result, int bits,
                                                           std::span<const std::size_t> positions) const {
    const auto& ring = impl_->ring;
    if (!ring) return no_coefficients();
    const std::size_t degree = ring->degree();
    if (result.second.size() != degree || positions.size() != result.values.size())
        return Error{ErrorCode::Internal, "decryption failed"};
    // Modulo the prime the sum that decryption makes of centred numbers does not wrap around, so that it is right
    // modulo 2^bits as well.
    const std::uint64_t modulus = std::uint64_t{1} << bits;
    const auto lift = [&](std::uint64_t number) {
        return ring->residue(static_cast<std::int64_t>(number >= modulus / 2 ? number - modulus : number));
    };
    he::Ciphertext lifted{1, 2, 1, {}};
    lifted.words.assign(2 * degree, 0);
    for (std::size_t i = 0; i < positions.size(); ++i) lifted.words.at(positions[i]) = lift(result.values[i]);
    std::transform(result.second.begin(), result.second.end(),
                   lifted.words.begin() + static_cast<std::ptrdiff_t>(degree), lift);
    for (std::uint64_t* polynomial : {lifted.words.data(), lifted.words.data() + degree})
        ring->from_coefficients(polynomial, polynomial);
    const auto decrypted = decrypt_coefficients(lifted);
    if (!decrypted) return decrypted.error();
    std::vector<std::int64_t> numbers;
    for (const std::size_t position : positions) {
        const std::uint64_t residue = static_cast<std::uint64_t>((*decrypted)[position]) & (modulus - 1);
        numbers.push_back(static_cast<std::int64_t>(residue >= modulus / 2 ? residue - modulus : residue));
    }
    return numbers;
}

std::uint8_t seal_minor_version() { return SEAL_VERSION_MINOR; }

}  // namespace einfer::keys
