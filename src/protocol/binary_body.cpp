#include "protocol/binary_body.h"

#include <algorithm>
#include <limits>
#include <utility>

namespace einfer::protocol {
namespace {

std::string_view first(std::string_view text, std::uint64_t bytes) {
    return text.substr(0, static_cast<std::size_t>(std::min<std::uint64_t>(bytes, text.size())));
}

}  // namespace

std::optional<std::uint64_t> binary_data_size(const boost::json::value& member) {
    const std::int64_t* const whole = member.at("binary_data_size").if_int64();  // others do not fit, or are none
    if (whole == nullptr || *whole <= 0) return std::nullopt;
    return static_cast<std::uint64_t>(*whole);
}

Error bad_binary_data_size(std::string key, std::string value) {
    return {ErrorCode::InvalidEncoding,
            "binary_data_size is a positive whole number of bytes",
            {{std::move(key), std::move(value)}}};
}

void BinaryBody::feed(std::string_view chunk) {
    if (!header_ended_) {
        const std::string_view header = first(chunk, header_left_);
        sink_.header_text(header);
        header_left_ -= header.size();
        chunk.remove_prefix(header.size());
        if (header_left_ > 0) return;
        end_header();
    }
    received_ += chunk.size();
    if (passing_) pass_on(chunk);
}

void BinaryBody::end_header() {
    header_ended_ = true;
    sink_.header_end();
}

void BinaryBody::expect(std::vector<std::uint64_t> sizes, bool wanted) {
    sizes_ = std::move(sizes);
    for (const std::uint64_t size : sizes_) {
        possible_ = possible_ && size <= std::numeric_limits<std::uint64_t>::max() - announced_;
        if (possible_) announced_ += size;
    }
    passing_ = wanted && possible_ && !sizes_.empty();
    if (!passing_) return;
    piece_left_ = sizes_.front();
    sink_.piece_begin(0);
}

void BinaryBody::pass_on(std::string_view bytes) {
    while (!bytes.empty() && piece_ < sizes_.size()) {
        const std::string_view here = first(bytes, piece_left_);
        sink_.piece_bytes(here);
        bytes.remove_prefix(here.size());
        piece_left_ -= here.size();
        if (piece_left_ > 0) return;
        sink_.piece_end();
        if (++piece_ == sizes_.size()) return;
        piece_left_ = sizes_[piece_];
        sink_.piece_begin(piece_);
    }
}

Result<void> BinaryBody::finish() {
    if (!header_ended_ && header_left_ > 0)
        return Error{ErrorCode::InvalidEncoding, "Inference-Header-Content-Length is more than the body has bytes"};
    if (!header_ended_) end_header();
    return {};
}

Result<void> BinaryBody::check_length() const {
    if (possible_ && received_ == announced_) return {};
    return Error{ErrorCode::InvalidEncoding, "what follows the header is not as long as its binary_data_size together"};
}

}  // namespace einfer::protocol
