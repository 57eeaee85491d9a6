#include "storage/data_directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

namespace einfer::storage {
namespace {

constexpr mode_t directory_mode = 0700;
constexpr mode_t file_mode = 0600;

// The number, not the system's text: messages stay our own.
Error failure(std::string_view what, int number) {
    return {ErrorCode::Internal, std::string(what) + " (errno " + std::to_string(number) + ")"};
}

// A new name is on disk once its directory is.
bool sync_directory(const std::filesystem::path& directory) {
    const FileDescriptor opened{::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC)};
    return opened && ::fsync(opened.get()) == 0;
}

}  // namespace

FileDescriptor::~FileDescriptor() {
    if (value_ >= 0) ::close(value_);
}

Result<DataDirectory> DataDirectory::open(const std::filesystem::path& path) {
    std::error_code error;
    std::filesystem::path absolute = std::filesystem::absolute(path, error).lexically_normal();
    if (error) return failure("the data directory's path cannot be resolved", error.value());
    if (!absolute.has_filename()) absolute = absolute.parent_path();

    std::filesystem::create_directories(absolute.parent_path(), error);
    if (error) return failure("the data directory cannot be created", error.value());
    if (::mkdir(absolute.c_str(), directory_mode) == 0) {
        sync_directory(absolute.parent_path());
    } else if (errno != EEXIST) {
        return failure("the data directory cannot be created", errno);
    }

    FileDescriptor lock(::open((absolute / "lock").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, file_mode));
    if (!lock) return failure("the data directory's lock file cannot be opened", errno);
    if (::flock(lock.get(), LOCK_EX | LOCK_NB) != 0) {
        if (errno == EWOULDBLOCK)
            return Error{ErrorCode::Internal, "the data directory is in use by another server process"};
        return failure("the data directory cannot be locked", errno);
    }
    return DataDirectory(std::move(absolute), std::move(lock));
}

Result<std::filesystem::path> DataDirectory::file(std::string_view name) const {
    std::filesystem::path path = path_ / name;
    const FileDescriptor opened(::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, file_mode));
    if (!opened) return failure("a file in the data directory cannot be opened", errno);
    return path;
}

bool DataDirectory::sync() const { return sync_directory(path_); }

}  // namespace einfer::storage
