// Files of evaluation keys, and what lies on the disk while keys arrive. Private to src/keystore.
#pragma once

#include "base/stream_cipher.h"
#include "storage/data_directory.h"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>
#include <string>

namespace einfer::keystore {

/// A file that grows under a temporary name, and is gone with this object unless it was kept.
class NewFile {
public:
    /// The errno in `fault` when it cannot be made.
    NewFile(std::filesystem::path directory, int& fault);
    ~NewFile();
    NewFile(const NewFile&) = delete;
    NewFile& operator=(const NewFile&) = delete;

    /// 0, or the errno.
    [[nodiscard]] int append(std::span<const std::uint8_t> bytes);
    /// On disk, under its temporary name. 0, or the errno.
    [[nodiscard]] int sync();
    /// Takes its place under `name`. 0, or the errno.
    [[nodiscard]] int keep(const std::string& name);

private:
    const std::filesystem::path directory_;
    std::filesystem::path path_;  ///< empty once kept
    storage::FileDescriptor file_;
    std::uint64_t written_ = 0, pushed_ = 0;
};

/// Bytes that cannot be checked yet, on disk without a name, and encrypted: a secret key that was sent by mistake may
/// be among them.
class HeldBytes {
public:
    HeldBytes(const std::filesystem::path& directory, int& fault);

    [[nodiscard]] int append(std::span<const std::uint8_t> bytes);
    /// All of them, in order, in pieces that are wiped afterwards. Call once. 0, or the errno.
    [[nodiscard]] int replay(const std::function<void(std::span<const std::uint8_t>)>& consume);

private:
    storage::FileDescriptor file_;
    StreamCipher cipher_;
};

/// Whether an errno says that a file is gone or damaged, for good. Any other may pass: the file may be sound.
[[nodiscard]] bool is_lost(int number);

/// 0 when the file has so many bytes; an errno that is_lost() when it has others.
[[nodiscard]] int check_length(const std::filesystem::path& file, std::uint64_t bytes);

inline constexpr std::string_view key_file_ending = ".keys";
inline constexpr std::string_view unfinished_ending = ".part";

}  // namespace einfer::keystore
