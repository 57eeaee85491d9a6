// The Reading of a file. Private to src/keystore.
#pragma once

#include "base/sha256.h"
#include "keystore/key_store.h"
#include "storage/data_directory.h"

#include <filesystem>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

namespace einfer::keystore {

class FileReading final : public Reading {
public:
    /// Is told what went wrong, for the operator.
    using Report = std::function<void(std::string_view)>;

    /// UNKNOWN_KEY when the file is lost, OVERLOADED when it cannot be opened now.
    static Result<std::unique_ptr<Reading>> open(const std::filesystem::path& file, std::uint64_t bytes, std::string id,
                                                 Report report);

    [[nodiscard]] std::uint64_t bytes() const override { return bytes_; }
    [[nodiscard]] bool read(std::span<std::uint8_t> bytes) override;
    [[nodiscard]] Result<void> verdict() override;

private:
    FileReading(storage::FileDescriptor file, std::uint64_t bytes, std::string id, Report report)
        : file_(std::move(file)), bytes_(bytes), id_(std::move(id)), report_(std::move(report)) {}

    storage::FileDescriptor file_;
    const std::uint64_t bytes_;
    const std::string id_;
    const Report report_;
    std::uint64_t read_ = 0;
    int fault_ = 0;  ///< the errno of what could not be read
    Sha256 digest_;
};

}  // namespace einfer::keystore
