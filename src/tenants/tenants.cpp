#include "tenants/tenants.h"

#include "base/ids.h"

#include <algorithm>
#include <cmath>

namespace einfer::tenants {
namespace {

constexpr double burst_seconds = 2;

RateLimiter::Rate request_rate(const TenantLimits& limits) {
    const double usual = std::max(1.0, burst_seconds * limits.requests_per_second);
    return {limits.requests_per_second, limits.burst > 0 ? std::max(1.0, limits.burst) : usual};
}
RateLimiter::Rate row_rate(const TenantLimits& limits) { return {limits.rows_per_hour / 3600, limits.rows_per_hour}; }

Error rate_limited(const char* what, RateLimiter::Clock::duration wait) {
    const double seconds = std::ceil(std::chrono::duration<double>(wait).count());
    return {ErrorCode::RateLimited,
            std::string("this tenant's limit of ") + what + " is used up; wait as Retry-After says",
            {{"retry_after", std::to_string(static_cast<long long>(std::max(1.0, seconds)))}}};
}

/// The key of "Bearer KEY" (RFC 6750 §2.1; the scheme in any case), or nothing.
std::string_view bearer_key(std::string_view authorization) {
    constexpr std::string_view scheme = "bearer";
    if (authorization.size() <= scheme.size() || authorization[scheme.size()] != ' ') return {};
    const bool is_bearer = std::equal(scheme.begin(), scheme.end(), authorization.begin(),
                                      [](char want, char have) { return want == (have | 0x20); });
    if (!is_bearer) return {};
    authorization.remove_prefix(std::min(authorization.find_first_not_of(' ', scheme.size()), authorization.size()));
    return authorization;
}

}  // namespace

Tenants::Tenants(TenantOptions options)
    : options_(std::move(options)), requests_(options_.max_tracked), rows_(options_.max_tracked) {}

Result<std::unique_ptr<Tenants>> Tenants::create(TenantOptions options) {
    std::unique_ptr<Tenants> made(new Tenants(std::move(options)));
    if (const auto loaded = made->reload(); !loaded) return loaded.error();
    return made;
}

Result<std::size_t> Tenants::reload() {
    if (!authenticates()) return 0;
    auto file = KeyFile::load(options_.key_file, options_.limits);
    if (!file) return file.error();
    auto fresh = std::make_shared<const KeyFile>(*std::move(file));
    const std::scoped_lock lock(mutex_);
    keys_ = std::move(fresh);
    return keys_->keys();
}

std::shared_ptr<const KeyFile> Tenants::keys() const {
    const std::scoped_lock lock(mutex_);
    return keys_;
}

Result<Caller> Tenants::authenticate(std::optional<std::string_view> authorization) const {
    if (!authenticates()) return Caller{.limits = options_.limits};
    const auto file = keys();
    const Credential* credential = authorization ? file->find(bearer_key(*authorization)) : nullptr;
    if (credential == nullptr)
        return Error{ErrorCode::Unauthenticated, "send a valid API key: Authorization: Bearer, a space and the key"};
    return Caller{credential->tenant, credential->key_id, credential->limits};
}

Result<Caller> Tenants::act_as(Caller caller, std::optional<std::string_view> tenant) const {
    if (!tenant) return caller;
    if (!is_token(*tenant))
        return Error{ErrorCode::SchemaViolation,
                     "X-Tenant-ID is 1 to 128 of A-Z a-z 0-9 . _ -",
                     {{"pointer", "X-Tenant-ID"}, {"rule", "pattern"}}};
    if (authenticates() && *tenant != caller.tenant)
        return Error{ErrorCode::Forbidden, "X-Tenant-ID names another tenant than the API key's; leave it out"};
    caller.tenant = *tenant;
    return caller;
}

Result<void> Tenants::take_request(const Caller& caller) {
    if (caller.limits.requests_per_second <= 0) return {};
    const auto wait = requests_.take(caller.tenant, request_rate(caller.limits), 1, Clock::now());
    if (wait) return rate_limited("requests", *wait);
    return {};
}

Result<void> Tenants::take_rows(const Caller& caller, std::size_t rows) {
    if (caller.limits.rows_per_hour <= 0) return {};
    const auto wait = rows_.take(caller.tenant, row_rate(caller.limits), static_cast<double>(rows), Clock::now());
    if (wait) return rate_limited("rows", *wait);
    return {};
}

void Tenants::give_back_rows(const Caller& caller, std::size_t rows) {
    if (caller.limits.rows_per_hour <= 0) return;
    rows_.give_back(caller.tenant, row_rate(caller.limits), static_cast<double>(rows));
}

}  // namespace einfer::tenants
