// AES-256 in counter mode by OpenSSL, under a key that nobody knows and that goes with the object: for what has to lie
// on a disk for a moment.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

struct evp_cipher_ctx_st;

namespace einfer {

class StreamCipher {
public:
    /// A fresh random key. Throws std::runtime_error when the system has no random numbers, std::bad_alloc.
    StreamCipher();

    /// The next bytes of the stream, encrypted from `in` into `out`, of the same size; they may be the same.
    void apply(std::span<const std::uint8_t> in, std::span<std::uint8_t> out);
    /// Back to the beginning of the stream: applied to what was encrypted, it decrypts.
    void rewind();

private:
    struct Free {
        void operator()(evp_cipher_ctx_st* context) const;
    };
    std::unique_ptr<evp_cipher_ctx_st, Free> context_;
};

}  // namespace einfer
