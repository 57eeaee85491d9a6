// A binary body, cut up while it arrives: a JSON header, then pieces of the sizes that it names, back to back. The form
// is the binary-data convention of the Open Inference Protocol (https://github.com/kserve/open-inference-protocol).
// Private to src/protocol.
#pragma once

#include "base/error.h"

#include <boost/json/value.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace einfer::protocol {

/// The size that a member of the header has: a positive whole number.
[[nodiscard]] std::optional<std::uint64_t> binary_data_size(const boost::json::value& member);
/// INVALID_ENCODING of the member that has none, which `key` and `value` name in the details.
[[nodiscard]] Error bad_binary_data_size(std::string key, std::string value);

class BinaryBody {
public:
    class Sink {
    public:
        virtual void header_text(std::string_view text) = 0;
        /// There is no more of the header: calls expect(), if it is good.
        virtual void header_end() = 0;
        virtual void piece_begin(std::size_t piece) = 0;
        virtual void piece_bytes(std::string_view bytes) = 0;
        virtual void piece_end() = 0;

    protected:
        ~Sink() = default;
    };

    BinaryBody(std::uint64_t header_bytes, Sink& sink) : sink_(sink), header_left_(header_bytes) {}

    void feed(std::string_view chunk);
    /// The sink gets the pieces, unless they are not `wanted` or cannot be all that long.
    void expect(std::vector<std::uint64_t> sizes, bool wanted);

    /// The body has ended. INVALID_ENCODING when its header has not.
    [[nodiscard]] Result<void> finish();
    /// INVALID_ENCODING when what followed the header was longer or shorter than its sizes together.
    [[nodiscard]] Result<void> check_length() const;

    [[nodiscard]] std::size_t memory() const { return sizes_.capacity() * sizeof(std::uint64_t); }

private:
    void end_header();
    void pass_on(std::string_view bytes);

    Sink& sink_;
    std::uint64_t header_left_;
    bool header_ended_ = false;
    std::vector<std::uint64_t> sizes_;
    bool possible_ = true;         ///< `announced_` is what the sizes add up to
    std::uint64_t announced_ = 0;  ///< bytes of all pieces
    std::uint64_t received_ = 0;   ///< of them, whether wanted or not
    bool passing_ = false;         ///< the bytes are wanted
    std::size_t piece_ = 0;        ///< whose bytes are next
    std::uint64_t piece_left_ = 0;
};

}  // namespace einfer::protocol
