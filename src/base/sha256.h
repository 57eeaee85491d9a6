// SHA-256 by OpenSSL: request digests and entity tags.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>

struct evp_md_ctx_st;

namespace einfer {

/// Incremental SHA-256. Not copyable; one use.
class Sha256 {
public:
    Sha256();
    void update(std::span<const std::uint8_t> bytes);
    /// The digest as 64 lower-case hex digits; the object is spent afterwards.
    [[nodiscard]] std::string hex_digest();

private:
    struct Free {
        void operator()(evp_md_ctx_st* context) const;
    };
    std::unique_ptr<evp_md_ctx_st, Free> context_;
};

}  // namespace einfer
