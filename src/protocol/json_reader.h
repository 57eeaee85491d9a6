// Strict JSON from untrusted bytes, in chunks: RFC 8259 and nothing more lenient, duplicate members refused, everything
// bounded before memory is taken.
#pragma once

#include "base/error.h"

#include <boost/json/value.hpp>

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

namespace einfer::protocol {

struct JsonLimits {
    std::size_t max_depth = 16;
    std::size_t max_values = 65536;            ///< values of any kind in one document
    std::size_t max_string_bytes = 4096;       ///< one string, key or number kept in the document
    std::size_t max_text_bytes = 1024 * 1024;  ///< all of them together
};

/// One open container on the way from the root to the place being read.
struct JsonFrame {
    boost::json::value* container = nullptr;  ///< an object or an array
    std::string key;                          ///< of the member being read, when an object
};
using JsonPath = std::span<const JsonFrame>;

/// Takes chosen string values out of the document while they arrive; the document then has "" in their place.
class StringTap {
public:
    virtual ~StringTap() = default;
    /// Whether the string value now beginning at `path` is taken. Called once for each string value.
    virtual bool begin(JsonPath path) = 0;
    /// A part of the taken string, unescaped, valid UTF-8.
    virtual void text(std::string_view part) = 0;
    virtual void end() = 0;
    /// The object at the end of `path` is complete.
    virtual void object_end(JsonPath path) = 0;
};

/// Push reader. Chunking never changes the verdict; after a syntax error the rest is ignored.
class JsonReader {
public:
    explicit JsonReader(const JsonLimits& limits, StringTap* tap = nullptr);
    ~JsonReader();
    JsonReader(JsonReader&&) noexcept;
    JsonReader& operator=(JsonReader&&) noexcept;

    void feed(std::string_view chunk);
    [[nodiscard]] bool failed() const;
    /// About how many bytes the document takes by now, rather more than less; never shrinks.
    [[nodiscard]] std::size_t memory() const;

    /// The document, or MALFORMED_JSON, or PAYLOAD_TOO_LARGE when it is well formed but exceeds a limit other than
    /// depth. Details of MALFORMED_JSON: `byte`, where the reader noticed; within a token that depends on the chunks.
    /// Numbers with an integral value that fits int64_t are integers, however written (1.0 is 1); all others are
    /// doubles, infinite when beyond the range. Call once.
    [[nodiscard]] Result<boost::json::value> finish();

private:
    class State;
    std::unique_ptr<State> state_;
};

/// Whole-text convenience.
[[nodiscard]] Result<boost::json::value> parse_json(std::string_view text, const JsonLimits& limits = {});

}  // namespace einfer::protocol
