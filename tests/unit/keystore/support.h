// A store of evaluation keys in a directory of its own, and files to put there.
#pragma once

#include "keystore/key_store.h"
#include "support/files.h"
#include "support/verdict.h"
#include "wire/key_file.h"

#include <gtest/gtest.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <future>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

namespace einfer::test {

using Bytes = std::vector<std::uint8_t>;
using keystore::KeyStore;

inline constexpr std::chrono::seconds patience{60};

/// Of the smallest keys that there are; `element` makes the files of one header differ from those of another.
[[nodiscard]] inline std::shared_ptr<const wire::KeyFileHeader> small_header(std::uint32_t element = 3) {
    wire::KeyFileHeader header{.poly_modulus_degree = 1024,
                               .primes = 2,
                               .key_parms_id = {},
                               .relinearization = true,
                               .galois_elements = {element}};
    header.key_parms_id[0] = 7;
    return std::make_shared<const wire::KeyFileHeader>(std::move(header));
}

/// A whole key file: random words, which nobody here computes with.
[[nodiscard]] inline Bytes key_file(const wire::KeyFileHeader& header, unsigned seed) {
    Bytes file;
    wire::KeyFileWriter writer(header, [&file](std::span<const std::uint8_t> bytes) -> wire::MaybeFault {
        file.insert(file.end(), bytes.begin(), bytes.end());
        return std::nullopt;
    });
    EXPECT_FALSE(writer.begin());
    std::mt19937 random(seed);
    const auto key = [&](std::uint32_t element) {
        EXPECT_FALSE(writer.begin_key(element));
        for (std::size_t digit = 0; digit + 1 < header.primes; ++digit) {
            Bytes words(16 * header.primes * header.poly_modulus_degree);
            for (std::uint8_t& byte : words) byte = static_cast<std::uint8_t>(random());
            EXPECT_FALSE(writer.words(words));
        }
    };
    if (header.relinearization) key(0);
    for (const std::uint32_t element : header.galois_elements) key(element);
    EXPECT_TRUE(writer.is_complete());
    return file;
}

class KeyStoreTest : public testing::Test {
protected:
    std::unique_ptr<KeyStore> open(keystore::StoreOptions options = {}) {
        options.report = [this](std::string_view text) {
            const std::scoped_lock lock(mutex);
            reports.emplace_back(text);
        };
        auto store = KeyStore::open(path(), std::move(options), [this] { return now.load(); });
        EXPECT_TRUE(store) << text_of(store);
        return *std::move(store);
    }
    [[nodiscard]] std::filesystem::path path() const { return directory.path() / "keys"; }

    static Result<keystore::Stored> finish(KeyStore& store, std::unique_ptr<keystore::Upload> upload,
                                           std::shared_ptr<const wire::KeyFileHeader> header) {
        std::promise<Result<keystore::Stored>> done;
        store.store(std::move(upload), std::move(header),
                    [&done](Result<keystore::Stored> stored) { done.set_value(std::move(stored)); });
        auto told = done.get_future();
        EXPECT_EQ(told.wait_for(patience), std::future_status::ready);
        return told.get();
    }
    static Result<keystore::Stored> put(KeyStore& store, const std::string& tenant, unsigned seed,
                                        keystore::Quota quota = {}) {
        const auto header = small_header();
        const Bytes file = key_file(*header, seed);
        auto upload = store.begin(tenant, quota);
        if (!upload) return upload.error();
        for (std::size_t from = 0; from < file.size(); from += 10'000)
            if (const auto fault =
                    (*upload)->append(std::span(file).subspan(from, std::min<std::size_t>(10'000, file.size() - from))))
                return wire::to_error(*fault);
        return finish(store, *std::move(upload), header);
    }
    static Result<void> erase(KeyStore& store, const std::string& id, const std::string& tenant) {
        std::promise<Result<void>> done;
        store.erase(id, tenant, [&done](Result<void> erased) { done.set_value(std::move(erased)); });
        auto told = done.get_future();
        EXPECT_EQ(told.wait_for(patience), std::future_status::ready);
        return told.get();
    }
    /// All bytes of the keys, or the error.
    static Result<Bytes> content(KeyStore& store, const std::string& id, const std::string& tenant) {
        auto reading = store.open_keys(id, tenant);
        if (!reading) return reading.error();
        Bytes bytes((*reading)->bytes());
        const bool read = (*reading)->read(bytes);
        const auto verdict = (*reading)->verdict();
        if (!verdict) return verdict.error();
        EXPECT_TRUE(read);
        return bytes;
    }

    /// Names of the files of keys, kept and unfinished.
    [[nodiscard]] std::set<std::string> files() const {
        std::set<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(path())) {
            const std::string name = entry.path().filename().string();
            if (name.ends_with(".keys") || name.ends_with(".part")) names.insert(name);
        }
        return names;
    }

    TemporaryDirectory directory;
    std::atomic<UnixMillis> now{1'000'000'000};
    std::mutex mutex;
    std::vector<std::string> reports;
};

}  // namespace einfer::test
