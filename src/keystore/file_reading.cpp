#include "keystore/file_reading.h"

#include "keystore/key_files.h"
#include "keystore/known_keys.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>

namespace einfer::keystore {
namespace {

Error cannot_be_read(const FileReading::Report& report, int number) {
    if (report) report("a file of evaluation keys cannot be read (errno " + std::to_string(number) + ")");
    return {ErrorCode::Overloaded, "the server cannot read evaluation keys at the moment"};
}

}  // namespace

Result<std::unique_ptr<Reading>> FileReading::open(const std::filesystem::path& file, std::uint64_t bytes,
                                                   std::string id, Report report) {
    storage::FileDescriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    const int number = opened ? 0 : errno;
    if (is_lost(number)) return unknown_key();
    if (number != 0) return cannot_be_read(report, number);
    return std::unique_ptr<Reading>(new FileReading(std::move(opened), bytes, std::move(id), std::move(report)));
}

bool FileReading::read(std::span<std::uint8_t> bytes) {
    std::span<std::uint8_t> left = bytes;
    while (!left.empty()) {
        const ssize_t count = ::read(file_.get(), left.data(), left.size());
        if (count < 0 && errno == EINTR) continue;
        if (count < 0) fault_ = errno;
        if (count <= 0) return false;
        left = left.subspan(static_cast<std::size_t>(count));
    }
    digest_.update(bytes);
    read_ += bytes.size();
    return true;
}

Result<void> FileReading::verdict() {
    if (fault_ != 0 && !is_lost(fault_)) return cannot_be_read(report_, fault_);
    if (read_ != bytes_ || digest_.hex_digest() != id_) return unknown_key();
    return {};
}

}  // namespace einfer::keystore
