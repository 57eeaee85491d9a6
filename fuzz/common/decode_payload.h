// A payload decoded by the project's decoder, for the targets that hold it against another.
#pragma once

#include "common/input.h"
#include "common/require.h"
#include "protocol/payload.h"

#include <optional>
#include <string>
#include <string_view>

namespace einfer::fuzz {

/// Nothing for a text that is refused. In pieces that follow from `chunking`, or `whole`.
[[nodiscard]] inline std::optional<std::string> decoded(protocol::Encoding encoding, std::string_view text,
                                                        std::uint8_t chunking, bool whole) {
    protocol::PayloadDecoder decoder(encoding);
    std::string bytes;
    const auto feed = [&](std::string_view piece) {
        decoder.feed(piece, [&](std::span<const std::uint8_t> run) {
            require(!run.empty() && run.size() <= 16 * 1024, "a run has 1 to 16384 bytes");
            bytes.append(run.begin(), run.end());
        });
    };
    if (whole)
        feed(text);
    else
        feed_in_chunks(text, chunking, feed);
    const auto finished = decoder.finish();
    if (finished) return bytes;
    require(finished.error().code == ErrorCode::InvalidEncoding, "a fault is INVALID_ENCODING");
    return std::nullopt;
}

}  // namespace einfer::fuzz
