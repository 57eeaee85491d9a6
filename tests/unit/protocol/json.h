// Reads a text in one piece and in many, and insists on one answer.
#pragma once

#include "protocol/json_reader.h"
#include "support/chunks.h"
#include "support/verdict.h"

#include <gtest/gtest.h>
#include <boost/json/serialize.hpp>

#include <string>
#include <string_view>

namespace einfer::test {

/// The document as text, or the error as text: without the byte, which depends on the pieces inside a token.
[[nodiscard]] inline std::string shown(const Result<boost::json::value>& document) {
    if (document) return boost::json::serialize(*document);
    return code_of(document) + ": " + document.error().message;
}

template <class Feed>
[[nodiscard]] std::string shown_when_fed(const protocol::JsonLimits& limits, Feed feed) {
    protocol::JsonReader reader(limits);
    feed(reader);
    return shown(reader.finish());
}

/// parse_json(); cut at every byte, byte by byte and at random it must give the same document or the same error.
[[nodiscard]] inline Result<boost::json::value> parse_every_way(std::string_view text,
                                                                const protocol::JsonLimits& limits = {}) {
    Result<boost::json::value> whole = protocol::parse_json(text, limits);
    const std::string expected = shown(whole);
    for (std::size_t cut = 0; cut <= text.size(); ++cut)
        EXPECT_EQ(shown_when_fed(limits, [&](auto& reader) { feed_cut(reader, text, cut); }), expected)
            << text << " cut at " << cut;
    EXPECT_EQ(shown_when_fed(limits, [&](auto& reader) { feed_bytes(reader, text); }), expected) << text;
    std::mt19937_64 random(text.size());
    for (const std::size_t largest : {2u, 3u, 7u, 20u})
        EXPECT_EQ(shown_when_fed(limits, [&](auto& reader) { feed_random(reader, text, random, largest); }), expected)
            << text;
    return whole;
}

}  // namespace einfer::test
