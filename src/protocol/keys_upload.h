// POST /keys in both forms, parsed while it arrives: the envelope into a small document, the keys into a sink.
#pragma once

#include "base/error.h"
#include "protocol/api_version.h"
#include "protocol/binary_body.h"
#include "protocol/json_reader.h"
#include "protocol/payload.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace einfer::protocol {

enum class KeyPart : std::size_t { Relinearization = 0, Galois = 1 };
/// "relinearization", "galois".
[[nodiscard]] std::string_view name(KeyPart part);

/// Receives the keys as they were sent: text, or raw bytes. A JSON body has them in any order, and before what they are
/// for; a binary one in order.
class KeyPartSink {
public:
    virtual ~KeyPartSink() = default;
    /// `model_id`, `version`: "" when one of them has not come yet; `encoding`: nothing when it has not, or is none.
    virtual void begin_part(KeyPart part, std::string_view model_id, std::string_view version,
                            std::optional<Encoding> encoding) = 0;
    virtual void part_text(std::string_view text) = 0;
    /// `encoding`: nothing when there is none that is known.
    virtual void end_part(std::optional<Encoding> encoding) = 0;
};

/// A request whose syntax, schema and version are right.
struct KeysUploadRequest {
    std::string model_id;
    std::string version;
    std::vector<KeyPart> parts;        ///< that it has, in the order of the enum
    std::optional<Error> sizes_fault;  ///< INVALID_ENCODING: sizes of a binary body that are none or do not add up
};

/// Push parser. Chunking never changes the verdict. Memory: the envelope's, bounded by JsonLimits.
class KeysUploadParser final : private BinaryBody::Sink {
public:
    /// `binary_header_bytes`: of the JSON header of a binary body; 0: the body is JSON. The sink sees parts of a binary
    /// body only if its header is good.
    KeysUploadParser(std::uint64_t binary_header_bytes, KeyPartSink& sink);
    ~KeysUploadParser();

    void feed(std::string_view chunk);
    [[nodiscard]] std::size_t envelope_memory() const;

    /// MALFORMED_JSON, PAYLOAD_TOO_LARGE, SCHEMA_VIOLATION, UNSUPPORTED_API_VERSION; INVALID_ENCODING when a binary
    /// body ends before its header does. Call once.
    [[nodiscard]] Result<KeysUploadRequest> finish();

private:
    class Tap;

    void header_text(std::string_view text) override { reader_.feed(text); }
    void header_end() override;
    void piece_begin(std::size_t piece) override;
    void piece_bytes(std::string_view bytes) override { sink_.part_text(bytes); }
    void piece_end() override { sink_.end_part(Encoding::Binary); }

    KeyPartSink& sink_;
    std::unique_ptr<Tap> tap_;  ///< of a JSON body
    JsonReader reader_;
    std::optional<BinaryBody> body_;                    ///< of a binary one
    std::optional<Result<KeysUploadRequest>> request_;  ///< of a binary one, once its header is complete
};

}  // namespace einfer::protocol
