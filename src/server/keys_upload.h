// One POST /keys body on its way in: checked while it arrives and written in the form of a key file, judged at the end.
#pragma once

#include "base/memory_budget.h"
#include "keystore/key_store.h"
#include "protocol/keys_upload.h"
#include "server/catalog.h"
#include "wire/evaluation_keys.h"

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

namespace einfer::server {

class KeysUpload final : private protocol::KeyPartSink {
public:
    /// The catalog must be ready. All outlive the upload. `binary_header_bytes`: as InferUpload has it.
    KeysUpload(const Catalog& catalog, keystore::KeyStore& store, MemoryBudget& budget, std::string tenant,
               keystore::Quota quota, std::uint64_t binary_header_bytes = 0);

    void feed(std::string_view chunk);

    /// A whole key file, not yet kept.
    struct Checked {
        std::unique_ptr<keystore::Upload> upload;
        std::shared_ptr<const wire::KeyFileHeader> header;
        std::string model;  ///< "id@version"
    };
    /// The verdict (docs/api.md, "Validation order"). Call once.
    [[nodiscard]] Result<Checked> finish();

private:
    using KeyPart = protocol::KeyPart;

    /// Relinearization or Galois keys.
    struct Part {
        bool present = false;
        bool held = false;                ///< its text is kept until all is known
        bool begun = false;               ///< its bytes are being parsed, or would be if nothing were wrong before
        std::optional<Error> fault;       ///< of its encoding
        std::optional<Error> keys_fault;  ///< of the keys in it
    };

    void begin_part(KeyPart part, std::string_view model_id, std::string_view version,
                    std::optional<protocol::Encoding> encoding) override;
    void part_text(std::string_view text) override;
    void end_part(std::optional<protocol::Encoding> encoding) override;

    [[nodiscard]] Part& current() { return parts_[static_cast<std::size_t>(part_)]; }
    [[nodiscard]] bool needs(KeyPart part) const;
    [[nodiscard]] bool can_parse(KeyPart part) const;
    void begin_parsing(protocol::Encoding encoding);
    void parse_text(std::string_view text);
    void end_parsing();
    void open_upload();
    void replay(KeyPart part);
    void stop(Error error);
    [[nodiscard]] Result<void> check_parts(const protocol::KeysUploadRequest& request) const;
    [[nodiscard]] Result<Checked> judge();

    const Catalog& catalog_;
    keystore::KeyStore& store_;
    MemoryBudget& budget_;
    const std::string tenant_;
    const keystore::Quota quota_;

    const ServedModel* model_ = nullptr;  ///< once it is known
    std::array<Part, 2> parts_;
    std::array<std::optional<protocol::Encoding>, 2> encodings_;  ///< of parts that have ended
    std::unique_ptr<keystore::Upload> upload_;
    std::optional<wire::KeyFileWriter> writer_;
    std::optional<Error> stopped_;  ///< why no more is stored: no disk, no memory

    // Of the part that is being read.
    KeyPart part_ = KeyPart::Relinearization;
    bool open_ = false;
    protocol::Encoding encoding_ = protocol::Encoding::Binary;
    std::optional<protocol::PayloadDecoder> decoder_;
    std::optional<wire::EvaluationKeysParser> keys_;

    Reservation envelope_;
    std::optional<protocol::KeysUploadParser> parser_;  // none when there was no memory for more
};

}  // namespace einfer::server
