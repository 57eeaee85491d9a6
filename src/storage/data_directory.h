// A directory that holds a server's data: made on first use, and held by one process at a time.
#pragma once

#include "base/error.h"

#include <filesystem>
#include <string_view>
#include <utility>

namespace einfer::storage {

/// A file descriptor, closed on destruction.
class FileDescriptor {
public:
    FileDescriptor() = default;
    explicit FileDescriptor(int value) : value_(value) {}
    FileDescriptor(FileDescriptor&& other) noexcept : value_(std::exchange(other.value_, -1)) {}
    FileDescriptor& operator=(FileDescriptor&& other) noexcept {
        std::swap(value_, other.value_);
        return *this;
    }
    ~FileDescriptor();
    [[nodiscard]] int get() const { return value_; }
    [[nodiscard]] explicit operator bool() const { return value_ >= 0; }

private:
    int value_ = -1;
};

class DataDirectory {
public:
    /// Makes `path` with mode 0700 if it is absent (an existing one keeps its mode), and locks it: a process that finds
    /// it locked gets INTERNAL with a message that says so. The lock goes with the process, however it ends.
    static Result<DataDirectory> open(const std::filesystem::path& path);

    /// The absolute path of `name` in the directory, made empty with mode 0600 if it is absent.
    Result<std::filesystem::path> file(std::string_view name) const;

    [[nodiscard]] const std::filesystem::path& path() const { return path_; }
    /// Names that were made or removed in it are on disk afterwards; false when it cannot be.
    [[nodiscard]] bool sync() const;

private:
    DataDirectory(std::filesystem::path path, FileDescriptor lock) : path_(std::move(path)), lock_(std::move(lock)) {}
    std::filesystem::path path_;  ///< absolute
    FileDescriptor lock_;
};

}  // namespace einfer::storage
