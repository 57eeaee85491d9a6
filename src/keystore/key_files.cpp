#include "keystore/key_files.h"

#include "base/ids.h"

#include <fcntl.h>
#include <string.h>  // explicit_bzero
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <vector>

namespace einfer::keystore {
namespace {

constexpr mode_t file_mode = 0600;
constexpr std::size_t piece_bytes = 64 * 1024;

// What is sent over minutes goes to the disk meanwhile, and not all at once before the answer.
constexpr std::uint64_t push_every = 8u << 20;

int write_all(int file, std::span<const std::uint8_t> bytes) {
    while (!bytes.empty()) {
        const ssize_t count = ::write(file, bytes.data(), bytes.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) return errno;
        if (count == 0) return ENOSPC;
        bytes = bytes.subspan(static_cast<std::size_t>(count));
    }
    return 0;
}

}  // namespace

NewFile::NewFile(std::filesystem::path directory, int& fault)
    : directory_(std::move(directory)),
      path_(directory_ / (random_id() + std::string(unfinished_ending))),
      file_(::open(path_.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, file_mode)) {
    fault = file_ ? 0 : errno;
}

NewFile::~NewFile() {
    if (!path_.empty()) ::unlink(path_.c_str());
}

int NewFile::append(std::span<const std::uint8_t> bytes) {
    if (const int fault = write_all(file_.get(), bytes); fault != 0) return fault;
    written_ += bytes.size();
    if (written_ - pushed_ >= push_every) {
        ::sync_file_range(file_.get(), static_cast<off_t>(pushed_), static_cast<off_t>(written_ - pushed_),
                          SYNC_FILE_RANGE_WRITE);
        pushed_ = written_;
    }
    return 0;
}

int NewFile::sync() { return ::fsync(file_.get()) == 0 ? 0 : errno; }

int NewFile::keep(const std::string& name) {
    if (::rename(path_.c_str(), (directory_ / name).c_str()) != 0) return errno;
    path_.clear();
    return 0;
}

HeldBytes::HeldBytes(const std::filesystem::path& directory, int& fault) {
    const std::filesystem::path path = directory / (random_id() + std::string(unfinished_ending));
    file_ = storage::FileDescriptor(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, file_mode));
    fault = file_ ? 0 : errno;
    if (file_) ::unlink(path.c_str());
}

int HeldBytes::append(std::span<const std::uint8_t> bytes) {
    std::vector<std::uint8_t> piece(std::min(bytes.size(), piece_bytes));
    while (!bytes.empty()) {
        const std::span<std::uint8_t> out(piece.data(), std::min(bytes.size(), piece.size()));
        cipher_.apply(bytes.first(out.size()), out);
        if (const int fault = write_all(file_.get(), out); fault != 0) return fault;
        bytes = bytes.subspan(out.size());
    }
    return 0;
}

int HeldBytes::replay(const std::function<void(std::span<const std::uint8_t>)>& consume) {
    if (::lseek(file_.get(), 0, SEEK_SET) != 0) return errno;
    cipher_.rewind();
    std::vector<std::uint8_t> piece(piece_bytes);
    int fault = 0;
    while (true) {
        const ssize_t count = ::read(file_.get(), piece.data(), piece.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fault = errno;
        if (count <= 0) break;
        const std::span<std::uint8_t> read(piece.data(), static_cast<std::size_t>(count));
        cipher_.apply(read, read);
        consume(read);
    }
    ::explicit_bzero(piece.data(), piece.size());
    return fault;
}

// File systems that check what they read say that it is not what they wrote with EBADMSG or EUCLEAN, not with EIO.
bool is_lost(int number) { return number == ENOENT || number == EBADMSG || number == EUCLEAN; }

int check_length(const std::filesystem::path& file, std::uint64_t bytes) {
    struct stat status {};
    if (::stat(file.c_str(), &status) != 0) return errno;
    return static_cast<std::uint64_t>(status.st_size) == bytes ? 0 : EBADMSG;
}

}  // namespace einfer::keystore
