// The file of API keys: which key belongs to which tenant, and what that tenant may use.
//
//   {"tenants": [{"tenant": "clinic-a",
//                 "keys": ["sha256:<64 hex digits of the key's SHA-256>", …],
//                 "limits": {"requests_per_second": 50, "burst": 100, "rows_per_hour": 1e6,
//                            "max_queued_jobs": 32, "max_stored_bytes": 1073741824, "max_evaluation_keys": 8,
//                            "max_evaluation_key_bytes": 4294967296}}]}
//
// `limits` and each of its members may be absent: then the server's defaults hold. Keys are random and long (256 bits),
// so that their plain SHA-256 gives nothing away and needs no salt.
#pragma once

#include "base/error.h"
#include "tenants/limits.h"

#include <filesystem>
#include <string>
#include <string_view>
#include <unordered_map>

namespace einfer::tenants {

struct Credential {
    std::string tenant;
    std::string key_id;  ///< the first digits of the key's hash: for logs
    TenantLimits limits;
};

/// Immutable.
class KeyFile {
public:
    /// INTERNAL with a message for the operator: what is wrong, and where in the file.
    static Result<KeyFile> load(const std::filesystem::path& path, const TenantLimits& defaults);
    static Result<KeyFile> parse(std::string_view text, const TenantLimits& defaults);

    /// The credential of a key as a client sends it; null when there is none. Looked up by its hash, so that the time
    /// it takes says nothing about the keys that exist.
    [[nodiscard]] const Credential* find(std::string_view key) const;

    [[nodiscard]] std::size_t keys() const { return credentials_.size(); }

private:
    std::unordered_map<std::string, Credential> credentials_;  // by the hex SHA-256 of the key
};

struct NewKey {
    std::string key;   ///< for the tenant; kept nowhere
    std::string hash;  ///< "sha256:…", for the file
};
/// 256 random bits.
[[nodiscard]] NewKey make_key();

}  // namespace einfer::tenants
