#include "base/stream_cipher.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <climits>
#include <new>
#include <stdexcept>

namespace einfer {
namespace {

void check(int result) {
    if (result != 1) throw std::runtime_error("AES cannot be had");
}

constexpr std::array<std::uint8_t, 16> zero_counter{};  // the key is used for one stream only

}  // namespace

void StreamCipher::Free::operator()(evp_cipher_ctx_st* context) const { EVP_CIPHER_CTX_free(context); }

StreamCipher::StreamCipher() : context_(EVP_CIPHER_CTX_new()) {
    if (!context_) throw std::bad_alloc();
    std::array<std::uint8_t, 32> key{};
    check(RAND_bytes(key.data(), static_cast<int>(key.size())));
    const int made = EVP_EncryptInit_ex(context_.get(), EVP_aes_256_ctr(), nullptr, key.data(), zero_counter.data());
    OPENSSL_cleanse(key.data(), key.size());
    check(made);
}

void StreamCipher::apply(std::span<const std::uint8_t> in, std::span<std::uint8_t> out) {
    while (!in.empty()) {
        const std::size_t count = std::min<std::size_t>(in.size(), INT_MAX);
        int written = 0;
        check(EVP_EncryptUpdate(context_.get(), out.data(), &written, in.data(), static_cast<int>(count)));
        in = in.subspan(count);
        out = out.subspan(count);
    }
}

void StreamCipher::rewind() {
    check(EVP_EncryptInit_ex(context_.get(), nullptr, nullptr, nullptr, zero_counter.data()));
}

}  // namespace einfer
