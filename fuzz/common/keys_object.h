// Serialized evaluation keys from few bytes.
#pragma once

#include "common/objects.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>
#include <vector>

namespace einfer::fuzz {

/// What a description of keys is made of, behind the outer header, `parms_id` and the number of rows: a tag byte and
/// what follows it. Any other tag: so many bytes as they are.
enum class KeysPart : std::uint8_t {
    empty_rows = 0,  ///< a number of them, in 2 bytes
    row = 1,         ///< its number of entries, in 8 bytes
    entry = 2,       ///< all before its words, 113 bytes; the words are put in, as many as declared
    seed = 3,        ///< 81 bytes
};

inline constexpr std::size_t keys_prefix = 16 + 32 + 8;
inline constexpr std::size_t key_entry_prefix = test::at::words;
inline constexpr std::size_t seed_object = 81;

/// Where entries stand in a description.
[[nodiscard]] inline std::vector<std::size_t> entries_in(std::span<const std::uint8_t> description) {
    std::vector<std::size_t> entries;
    for (std::size_t at = keys_prefix; at < description.size();) {
        const std::uint8_t tag = description[at++];
        switch (static_cast<KeysPart>(tag)) {
            case KeysPart::empty_rows: at += 2; break;
            case KeysPart::row: at += 8; break;
            case KeysPart::entry:
                if (at + key_entry_prefix <= description.size()) entries.push_back(at);
                at += key_entry_prefix;
                break;
            case KeysPart::seed: at += seed_object; break;
            default: at += tag; break;
        }
    }
    return entries;
}

/// The object that `bytes` describe; mode as for object_from(), where `parms_id` goes into the entries too.
[[nodiscard]] inline Bytes keys_from(std::span<const std::uint8_t> bytes, std::uint8_t mode,
                                     const std::array<std::uint64_t, 4>& parms_id, std::uint64_t most_words) {
    constexpr std::size_t most_bytes = 512 * 1024;
    namespace at = test::at;
    if ((mode & 3) == 0 || bytes.size() < keys_prefix) return finished(Bytes(bytes.begin(), bytes.end()), mode);
    Bytes object(bytes.begin(), bytes.begin() + keys_prefix);
    if ((mode & 32) != 0) test::patch(object, at::parms_id, parms_id);
    bytes = bytes.subspan(keys_prefix);
    const auto take = [&](std::size_t count) {
        const auto part = bytes.first(std::min(count, bytes.size()));
        object.insert(object.end(), part.begin(), part.end());
        bytes = bytes.subspan(part.size());
        return part.size() == count;
    };
    while (!bytes.empty() && object.size() < most_bytes) {
        const std::uint8_t tag = bytes.front();
        bytes = bytes.subspan(1);
        switch (static_cast<KeysPart>(tag)) {
            case KeysPart::empty_rows: {
                const auto count = bytes.first(std::min<std::size_t>(2, bytes.size()));
                const std::size_t rows = count.size() < 2 ? 0 : count[0] + 256u * count[1];
                bytes = bytes.subspan(count.size());
                object.resize(object.size() + 8 * std::min<std::size_t>(rows, 2048));
                break;
            }
            case KeysPart::row: take(8); break;
            case KeysPart::entry: {
                const std::size_t entry = object.size();
                if (!take(key_entry_prefix)) break;
                if ((mode & 32) != 0) test::patch(object, entry + at::parms_id, parms_id);
                const auto words = std::min(test::peek<std::uint64_t>(object, entry + at::word_count), most_words);
                for (std::uint64_t i = 0; i < words; ++i) test::append(object, word_at(i, (mode & 8) != 0));
                break;
            }
            case KeysPart::seed: take(seed_object); break;
            default: take(tag); break;
        }
    }
    return finished(std::move(object), mode);
}

}  // namespace einfer::fuzz
