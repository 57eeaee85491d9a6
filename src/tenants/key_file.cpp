#include "tenants/key_file.h"

#include "base/ids.h"
#include "base/sha256.h"
#include "protocol/json_reader.h"

#include <boost/json/object.hpp>

#include <algorithm>
#include <fstream>

namespace einfer::tenants {
namespace {

namespace json = boost::json;

constexpr std::string_view hash_prefix = "sha256:";
constexpr std::size_t max_key_bytes = 256;
constexpr std::size_t max_file_bytes = 64u << 20;
constexpr std::size_t key_id_digits = 12;

std::string hash_of(std::string_view key) {
    Sha256 digest;
    digest.update({reinterpret_cast<const std::uint8_t*>(key.data()), key.size()});
    return digest.hex_digest();
}

/// Thrown while reading, caught in parse().
struct Fault {
    std::string where;
    std::string reason;
};

std::string member(const std::string& where, std::string_view name) { return where + '/' + std::string(name); }

const json::object& object_at(const std::string& where, const json::value& value,
                              std::initializer_list<std::string_view> known) {
    if (!value.is_object()) throw Fault{where, "is no object"};
    for (const auto& entry : value.get_object())
        if (std::find(known.begin(), known.end(), entry.key()) == known.end())
            throw Fault{member(where, entry.key()), "is unknown"};
    return value.get_object();
}

const json::array& array_at(const std::string& where, const json::object& object, std::string_view name) {
    const json::value* found = object.if_contains(name);
    if (found == nullptr) throw Fault{member(where, name), "is missing"};
    if (!found->is_array()) throw Fault{member(where, name), "is no array"};
    return found->get_array();
}

template <class Number>
void read_limit(const std::string& where, const json::object& object, std::string_view name, Number& limit) {
    const json::value* found = object.if_contains(name);
    if (found == nullptr) return;
    const bool whole = found->is_int64();
    const double number = whole                ? static_cast<double>(found->get_int64())
                          : found->is_double() ? found->get_double()
                                               : -1;
    if (!(number >= 0 && number <= 1e15)) throw Fault{member(where, name), "is no number from 0 to 1e15"};
    if (std::is_integral_v<Number> && !whole) throw Fault{member(where, name), "is no whole number"};
    limit = static_cast<Number>(number);
}

TenantLimits limits_at(const std::string& where, const json::value& value, TenantLimits limits) {
    const json::object& object = object_at(where, value,
                                           {"requests_per_second", "burst", "rows_per_hour", "max_queued_jobs",
                                            "max_stored_bytes", "max_evaluation_keys", "max_evaluation_key_bytes"});
    read_limit(where, object, "requests_per_second", limits.requests_per_second);
    read_limit(where, object, "burst", limits.burst);
    read_limit(where, object, "rows_per_hour", limits.rows_per_hour);
    read_limit(where, object, "max_queued_jobs", limits.max_queued_jobs);
    read_limit(where, object, "max_stored_bytes", limits.max_stored_bytes);
    read_limit(where, object, "max_evaluation_keys", limits.max_evaluation_keys);
    read_limit(where, object, "max_evaluation_key_bytes", limits.max_evaluation_key_bytes);
    return limits;
}

std::string tenant_at(const std::string& where, const json::object& object) {
    const json::value* found = object.if_contains("tenant");
    if (found == nullptr) throw Fault{member(where, "tenant"), "is missing"};
    if (!found->is_string() || !is_token(found->get_string()))
        throw Fault{member(where, "tenant"), "is not 1 to 128 of A-Z a-z 0-9 . _ -"};
    return std::string(found->get_string());
}

std::string hash_at(const std::string& where, const json::value& value) {
    constexpr std::string_view digits = "0123456789abcdef";
    const std::string_view text = value.is_string() ? std::string_view(value.get_string()) : std::string_view();
    const bool good = text.starts_with(hash_prefix) && text.size() == hash_prefix.size() + 64 &&
                      text.find_first_not_of(digits, hash_prefix.size()) == std::string_view::npos;
    if (!good) throw Fault{where, "is not \"sha256:\" and 64 lower-case hex digits"};
    return std::string(text.substr(hash_prefix.size()));
}

}  // namespace

Result<KeyFile> KeyFile::parse(std::string_view text, const TenantLimits& defaults) try {
    const auto document = protocol::parse_json(
        text, {.max_depth = 8, .max_values = 1u << 22, .max_string_bytes = 256, .max_text_bytes = max_file_bytes});
    if (!document) throw Fault{"", "is no valid JSON: " + document.error().message};
    KeyFile file;
    std::unordered_map<std::string, std::size_t> tenants;
    const json::array& entries = array_at("", object_at("", *document, {"tenants"}), "tenants");
    for (std::size_t i = 0; i < entries.size(); ++i) {
        const std::string where = "/tenants/" + std::to_string(i);
        const json::object& entry = object_at(where, entries[i], {"tenant", "keys", "limits"});
        Credential credential{tenant_at(where, entry), {}, defaults};
        if (!tenants.emplace(credential.tenant, i).second) throw Fault{member(where, "tenant"), "is there already"};
        if (const json::value* limits = entry.if_contains("limits"))
            credential.limits = limits_at(member(where, "limits"), *limits, defaults);
        const json::array& keys = array_at(where, entry, "keys");
        for (std::size_t k = 0; k < keys.size(); ++k) {
            const std::string place = member(where, "keys/" + std::to_string(k));
            const std::string hash = hash_at(place, keys[k]);
            credential.key_id = hash.substr(0, key_id_digits);
            if (!file.credentials_.emplace(hash, credential).second) throw Fault{place, "is there already"};
        }
    }
    return file;
} catch (const Fault& fault) {
    return Error{ErrorCode::Internal, (fault.where.empty() ? "the file" : fault.where) + ' ' + fault.reason};
}

Result<KeyFile> KeyFile::load(const std::filesystem::path& path, const TenantLimits& defaults) {
    std::error_code ec;
    if (!std::filesystem::is_regular_file(path, ec)) return Error{ErrorCode::Internal, "is not there, or no file"};
    std::ifstream stream(path, std::ios::binary);
    const auto size = std::filesystem::file_size(path, ec);
    if (!stream || ec) return Error{ErrorCode::Internal, "cannot be read"};
    if (size > max_file_bytes) return Error{ErrorCode::Internal, "is larger than 64 MiB"};
    std::string text(size, ' ');
    if (!stream.read(text.data(), static_cast<std::streamsize>(size)))
        return Error{ErrorCode::Internal, "cannot be read to its end"};
    return parse(text, defaults);
}

const Credential* KeyFile::find(std::string_view key) const {
    if (key.empty() || key.size() > max_key_bytes) return nullptr;
    const auto found = credentials_.find(hash_of(key));
    return found == credentials_.end() ? nullptr : &found->second;
}

NewKey make_key() {
    NewKey made;
    made.key = "ek_" + random_id() + random_id();
    made.hash = std::string(hash_prefix) + hash_of(made.key);
    return made;
}

}  // namespace einfer::tenants
