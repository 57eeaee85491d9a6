#include "wire/object_reader.h"

#include <algorithm>
#include <new>

namespace einfer::wire {

void ObjectReader::feed(std::span<const std::uint8_t> bytes) {
    const std::size_t room = max_serialized_bytes_ - received_;
    const auto wanted = bytes.first(std::min(bytes.size(), room));
    if (!fault_ && !wanted.empty()) {
        try {
            fault_ = consume(wanted);
        } catch (const std::bad_alloc&) {
            fault_ = out_of_memory();
        }
        if (fault_) give_up();
    }
    received_ += wanted.size();
    if (wanted.size() < bytes.size() && (!fault_ || body_.limit_outranks(*fault_))) {
        fault_ = body_.too_large();
        give_up();
    }
}

MaybeFault ObjectReader::finish() {
    if (!fault_) {
        fault_ = missing();
        if (fault_) give_up();
    }
    if (fault_) return fault_;
    fault_ = invalid("the object was already taken");
    inflater_.reset();
    return std::nullopt;
}

MaybeFault ObjectReader::consume(std::span<const std::uint8_t> bytes) {
    if (received_ < seal_header_size) {
        const auto count = std::min(bytes.size(), seal_header_size - received_);
        std::copy_n(bytes.begin(), count, header_bytes_.begin() + static_cast<std::ptrdiff_t>(received_));
        bytes = bytes.subspan(count);
        if (received_ + count < seal_header_size) return std::nullopt;
        if (const MaybeFault fault = start_body()) return fault;
        left_ = header_.size - seal_header_size;
    }
    const auto inside = bytes.first(std::min<std::uint64_t>(bytes.size(), left_));
    left_ -= inside.size();
    if (const MaybeFault fault = inflater_ ? inflater_->feed(inside, body_) : body_.consume(inside)) return fault;
    if (inside.size() < bytes.size()) return invalid("bytes follow the declared size", "header");
    return std::nullopt;
}

MaybeFault ObjectReader::start_body() {
    if (const MaybeFault fault = read_outer_header(header_bytes_, header_)) return fault;
    body_.set_minor(header_.minor);
    switch (header_.compression) {
        case Compression::none: body_.set_declared_size(header_.size - seal_header_size); break;
        case Compression::zlib: inflater_ = make_zlib_inflater(budget_); break;
        case Compression::zstd: inflater_ = make_zstd_inflater(budget_); break;
    }
    return std::nullopt;
}

MaybeFault ObjectReader::missing() const {
    if (body_.is_secret_key()) return body_.secret_key();
    if (received_ < seal_header_size || left_ != 0 || !body_.is_complete() || (inflater_ && !inflater_->at_end()))
        return body_.ends_early();
    if (inflater_ && header_.size < body_.least_compressed_size())
        return invalid("the object is compressed to fewer bytes than what is encrypted can be", "compression");
    return std::nullopt;
}

void ObjectReader::give_up() {
    if (inflater_ && (fault_->is_secret_key || body_.is_secret_key())) inflater_->wipe_when_freed();
    inflater_.reset();
    body_.discard();
}

}  // namespace einfer::wire
