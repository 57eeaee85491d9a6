#include "server/http/framing.h"

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/url/parse.hpp>

#include <algorithm>

namespace einfer::server::http {

namespace beast = boost::beast;

void HeaderScan::look_at(std::string_view unread) {
    for (; scanned_ < unread.size() && !ended_; ++scanned_) {
        const char c = unread[scanned_];
        if (at_line_start_) {
            folded_ |= c == ' ' || c == '\t';
            ended_ = c == '\r';
        }
        at_line_start_ = c == '\n';
        lines_ += at_line_start_ ? 1 : 0;
    }
}

void HeaderScan::consumed(std::size_t bytes) { scanned_ -= std::min(bytes, scanned_); }

bool HeaderScan::too_many() const {
    constexpr std::size_t most = 128;  // a field takes many times the memory of its bytes
    return lines_ > most;
}

bool is_unambiguous(const beast::http::request_header<>& header) {
    const std::size_t hosts = header.count(beast::http::field::host);
    if (hosts > 1 || (hosts == 0 && header.version() >= 11)) return false;
    if (hosts == 1 && !boost::urls::parse_authority(header[beast::http::field::host])) return false;
    const std::size_t codings = header.count(beast::http::field::transfer_encoding);
    return codings == 0 || (codings == 1 && header.version() >= 11 &&
                            beast::iequals(header[beast::http::field::transfer_encoding], "chunked"));
}

void refuse_control_characters(std::uint64_t, std::string_view extensions, beast::error_code& ec) {
    const auto is_control = [](char c) { return (c >= 0 && c < ' ' && c != '\t') || c == 0x7f; };
    if (std::any_of(extensions.begin(), extensions.end(), is_control)) ec = beast::http::error::bad_chunk_extension;
}

}  // namespace einfer::server::http
