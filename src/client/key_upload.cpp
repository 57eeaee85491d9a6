#include "client/key_upload.h"

#include "protocol/json_reader.h"
#include "wire/encryption_parameters.h"

#include <boost/json/object.hpp>
#include <boost/json/string.hpp>

#include <algorithm>
#include <set>
#include <string>
#include <vector>

namespace einfer::client {
namespace {

/// Largest keys that are made: a bound on this machine's memory.
constexpr std::uint64_t max_key_bytes = std::uint64_t{1} << 30;

/// Steps that differ by the number of slots are one rotation.
std::size_t rotations(const protocol::ModelView& model) {
    const auto slots = static_cast<int>(model.poly_modulus_degree / 2);
    std::set<int> distinct;
    for (const int step : model.keys.galois_steps) distinct.insert((step % slots + slots) % slots);
    return distinct.size();
}

/// Before any key is made: what the server says of their size is its word only.
Outcome<void> check_sizes(const protocol::ModelView& model) {
    const protocol::EvaluationKeyNeeds& needs = model.keys;
    const std::size_t degree = model.poly_modulus_degree, primes = model.coeff_modulus_bits.size();
    const std::size_t relinearization = needs.relinearization ? wire::seeded_relin_keys_size(degree, primes) : 0;
    const std::size_t galois =
        needs.galois_steps.empty() ? 0 : wire::seeded_galois_keys_size(degree, primes, rotations(model));
    if (relinearization + galois > max_key_bytes)
        return bad_reply("it wants evaluation keys of " + std::to_string((relinearization + galois) >> 20) +
                         " MiB; at most " + std::to_string(max_key_bytes >> 20) + " are made");
    if (relinearization != needs.relinearization_bytes || galois != needs.galois_bytes)
        return bad_reply("it wants evaluation keys of a size that they do not have");
    return {};
}

void add_part(std::string& header, std::string_view name, std::size_t bytes) {
    header += ",\"";
    header += name;
    header += R"(":{"binary_data_size":)";
    header += std::to_string(bytes);
    header += '}';
}

}  // namespace

Outcome<KeyUpload> make_key_upload(keys::Session& session, const protocol::ModelView& model) {
    const protocol::EvaluationKeyNeeds& needs = model.keys;
    if (const auto checked = check_sizes(model); !checked) return checked.error();
    std::string header = R"({"model_id":")" + model.model_id + R"(","version":")" + model.version + '"';
    std::vector<std::vector<std::uint8_t>> parts;
    const auto add = [&](std::string_view name, Result<std::vector<std::uint8_t>> made,
                         std::uint64_t expected) -> Outcome<void> {
        if (!made) return Failure{ErrorKind::Crypto, made.error().message};
        if (made->size() != expected) return bad_reply("it wants evaluation keys of a size that they do not have");
        add_part(header, name, made->size());
        parts.push_back(*std::move(made));
        return {};
    };
    if (needs.relinearization)
        if (const auto added = add("relinearization", session.make_relinearization_keys(), needs.relinearization_bytes);
            !added)
            return added.error();
    if (!needs.galois_steps.empty())
        if (const auto added = add("galois", session.make_galois_keys(needs.galois_steps), needs.galois_bytes); !added)
            return added.error();
    header += '}';
    std::size_t size = header.size();
    for (const auto& part : parts) size += part.size();
    KeyUpload upload{TextBuffer(size), header.size()};
    char* at = std::ranges::copy(header, upload.body.data()).out;
    for (const auto& part : parts) at = std::ranges::copy(part, at).out;
    return upload;
}

Outcome<std::string> read_key_id(std::string_view body) {
    const auto document = protocol::parse_json(body);
    const auto* const object = document ? document->if_object() : nullptr;
    const auto* const value = object != nullptr ? object->if_contains("evaluation_key_id") : nullptr;
    const auto* const id = value != nullptr ? value->if_string() : nullptr;
    const bool good = id != nullptr && id->size() == 64 &&
                      std::ranges::all_of(*id, [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
    if (!good) return bad_reply("it names no evaluation_key_id for the keys that it took");
    return std::string(*id);
}

}  // namespace einfer::client
