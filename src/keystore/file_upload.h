// The Upload of a file. Private to src/keystore.
#pragma once

#include "base/sha256.h"
#include "keystore/arrivals.h"
#include "keystore/key_files.h"
#include "keystore/key_store.h"

#include <array>
#include <atomic>
#include <optional>

namespace einfer::keystore {

/// What uploads need of their store.
struct UploadSpace {
    const std::filesystem::path directory;
    Arrivals arrivals;
    std::atomic<std::uint64_t> stored{0};  ///< bytes of the files that there are
    const std::function<void(std::string_view)> report;

    /// Tells the operator; what the client is told.
    wire::Fault failure(int number) const;
};

class FileUpload final : public Upload {
public:
    FileUpload(UploadSpace& space, std::string tenant, Quota quota)
        : space_(space), tenant_(std::move(tenant)), quota_(quota) {}
    ~FileUpload() override;
    FileUpload(const FileUpload&) = delete;
    FileUpload& operator=(const FileUpload&) = delete;

    /// Makes the file.
    [[nodiscard]] wire::MaybeFault begin();

    [[nodiscard]] wire::MaybeFault append(std::span<const std::uint8_t> bytes) override;
    [[nodiscard]] wire::MaybeFault hold(std::size_t place, std::span<const std::uint8_t> bytes) override;
    [[nodiscard]] wire::MaybeFault replay(std::size_t place,
                                          const std::function<void(std::span<const std::uint8_t>)>& consume) override;

    [[nodiscard]] const std::string& tenant() const { return tenant_; }
    [[nodiscard]] const Quota& quota() const { return quota_; }
    [[nodiscard]] std::uint64_t bytes() const { return bytes_; }
    [[nodiscard]] std::string digest() { return digest_.hex_digest(); }  ///< call once
    [[nodiscard]] NewFile& file() { return *file_; }

private:
    [[nodiscard]] wire::MaybeFault count(std::uint64_t bytes);

    UploadSpace& space_;
    const std::string tenant_;
    const Quota quota_;
    std::optional<NewFile> file_;
    std::array<std::optional<HeldBytes>, places> held_;
    Sha256 digest_;
    std::uint64_t bytes_ = 0;
    std::uint64_t held_bytes_ = 0;
    std::uint64_t taken_ = 0;  ///< from the arrivals, in large steps
};

}  // namespace einfer::keystore
