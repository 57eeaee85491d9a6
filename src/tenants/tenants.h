// Who asks, and whether they may: credentials, the tenant namespace of v1.0, rates and quotas.
#pragma once

#include "base/error.h"
#include "tenants/key_file.h"
#include "tenants/limits.h"
#include "tenants/rate_limiter.h"

#include <filesystem>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

namespace einfer::tenants {

struct TenantOptions {
    std::filesystem::path key_file{};  ///< empty: no authentication, X-Tenant-ID names the tenant
    TenantLimits limits{};             ///< of every tenant for which the key file says nothing else
    std::size_t max_tracked = 16384;   ///< tenants whose rates are known one by one; the others share one
};

/// Who sent a request.
struct Caller {
    std::string tenant = "default";
    std::string key_id{};  ///< of the credential; empty without authentication
    TenantLimits limits{};
};

/// Thread-safe.
class Tenants {
public:
    using Clock = RateLimiter::Clock;

    /// INTERNAL, with a message for the operator, when the key file is bad.
    static Result<std::unique_ptr<Tenants>> create(TenantOptions options);

    /// Whose key an Authorization field holds. With a key file: UNAUTHENTICATED unless it is "Bearer ", a space and a
    /// known key. Without: the tenant `default`, whatever was sent.
    [[nodiscard]] Result<Caller> authenticate(std::optional<std::string_view> authorization) const;
    /// The caller as the tenant that an X-Tenant-ID field names: SCHEMA_VIOLATION for a malformed name, FORBIDDEN for
    /// another than the key's.
    [[nodiscard]] Result<Caller> act_as(Caller caller, std::optional<std::string_view> tenant) const;
    [[nodiscard]] bool authenticates() const { return !options_.key_file.empty(); }

    /// RATE_LIMITED (details `retry_after`, in seconds) when the caller has used up its requests.
    [[nodiscard]] Result<void> take_request(const Caller& caller);
    /// The same for the rows that a request's ciphertexts can carry.
    [[nodiscard]] Result<void> take_rows(const Caller& caller, std::size_t rows);
    /// The request was not accepted after all.
    void give_back_rows(const Caller& caller, std::size_t rows);

    /// Reads the key file again; the number of keys. When it is bad, the old keys stay. Good without a key file.
    Result<std::size_t> reload();

private:
    explicit Tenants(TenantOptions options);
    [[nodiscard]] std::shared_ptr<const KeyFile> keys() const;

    const TenantOptions options_;
    mutable std::mutex mutex_;
    std::shared_ptr<const KeyFile> keys_;
    RateLimiter requests_;
    RateLimiter rows_;
};

}  // namespace einfer::tenants
