// Where a message and its parts end: what Beast is lenient about, and a proxy in front may see otherwise, is found
// here.
#pragma once

#include <boost/beast/core/error.hpp>
#include <boost/beast/http/message.hpp>

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace einfer::server::http {

/// Looks at the raw bytes of a header section, as they arrive: folded lines (RFC 9112 §5.2: refuse them), which Beast
/// unfolds silently, and more lines than there should be.
class HeaderScan {
public:
    /// `unread` begins behind what was consumed.
    void look_at(std::string_view unread);
    void consumed(std::size_t bytes);
    [[nodiscard]] bool folded() const { return folded_; }
    [[nodiscard]] bool too_many() const;

private:
    std::size_t scanned_ = 0;
    std::size_t lines_ = 0;
    bool at_line_start_ = false;
    bool folded_ = false;
    bool ended_ = false;
};

/// False for what may be understood in two ways (RFC 9112 §3.2, §6): the host, and where the body ends.
[[nodiscard]] bool is_unambiguous(const boost::beast::http::request_header<>& header);

/// For the line before a chunk: a line feed within quotes, which Beast lets pass, is the end of the line to some
/// proxies.
void refuse_control_characters(std::uint64_t chunk_bytes, std::string_view extensions, boost::beast::error_code& ec);

}  // namespace einfer::server::http
