#include "keys/session.h"

#include "he/seal_context.h"
#include "keys/transform_tables.h"

#include <algorithm>
#include <cmath>

namespace einfer::keys {

class Session::Impl {
public:
    Impl(he::Context chosen, EncryptionMode chosen_mode)
        : context(std::move(chosen)),
          mode(chosen_mode),
          tables(register_tables(context)),
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
    const std::vector<SharedTables> tables;  // before SEAL's objects, which transform what they make
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
    const std::size_t degree = context().poly_modulus_degree(), primes = context().data_prime_count();
    if (impl_->mode == EncryptionMode::PublicKey) return wire::serialized_size(2, degree, primes);
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

std::uint8_t seal_minor_version() { return SEAL_VERSION_MINOR; }

}  // namespace einfer::keys
