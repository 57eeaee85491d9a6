#include "keys/session.h"

#include "he/seal_context.h"

#include <algorithm>
#include <cmath>

namespace einfer::keys {

class Session::Impl {
public:
    Impl(he::Context chosen, EncryptionMode chosen_mode)
        : context(std::move(chosen)),
          mode(chosen_mode),
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

template <class Serializable>
std::vector<std::uint8_t> bytes_of(const Serializable& object) {
    std::vector<std::uint8_t> bytes(static_cast<std::size_t>(object.save_size(seal::compr_mode_type::none)));
    const auto written =
        object.save(reinterpret_cast<seal::seal_byte*>(bytes.data()), bytes.size(), seal::compr_mode_type::none);
    bytes.resize(static_cast<std::size_t>(written));
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

Result<std::vector<std::uint8_t>> Session::encrypt(std::span<const double> values, double scale) const try {
    const bool fit = std::all_of(values.begin(), values.end(), [scale](double value) {
        return std::abs(value) * scale < beyond_any_modulus;  // false for NaN
    });
    if (!fit) return too_large();
    seal::Plaintext plain;
    impl_->encoder.encode(std::vector<double>(values.begin(), values.end()), scale, plain);
    if (impl_->mode == EncryptionMode::Symmetric) return bytes_of(impl_->encryptor.encrypt_symmetric(plain));
    seal::Ciphertext ciphertext;
    impl_->encryptor.encrypt(plain, ciphertext);
    return bytes_of(ciphertext);
} catch (const std::exception&) {
    return too_large();
}

Result<std::vector<double>> Session::decrypt(const he::Ciphertext& ciphertext, std::size_t count) const try {
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
