#include "keystore/file_upload.h"

#include <algorithm>

namespace einfer::keystore {
namespace {

constexpr std::uint64_t step = 1u << 20;

}  // namespace

wire::Fault UploadSpace::failure(int number) const {
    if (report) report("a file of evaluation keys cannot be written (errno " + std::to_string(number) + ")");
    return {ErrorCode::Overloaded, "the server cannot store evaluation keys at the moment"};
}

FileUpload::~FileUpload() { space_.arrivals.give_back(tenant_, taken_); }

wire::MaybeFault FileUpload::begin() {
    int fault = 0;
    file_.emplace(space_.directory, fault);
    if (fault != 0) return space_.failure(fault);
    return std::nullopt;
}

wire::MaybeFault FileUpload::count(std::uint64_t bytes) {
    const std::uint64_t wanted = bytes_ + held_bytes_ + bytes;
    if (wanted <= taken_) return std::nullopt;
    // In large steps, and to the byte where a bound is near.
    const std::uint64_t exact = wanted - taken_;
    for (const std::uint64_t more : {std::max(step, exact), exact}) {
        const auto fault = space_.arrivals.take(tenant_, more, quota_.max_bytes, space_.stored);
        if (fault && more == exact) return fault;
        if (fault) continue;
        taken_ += more;
        break;
    }
    return std::nullopt;
}

wire::MaybeFault FileUpload::append(std::span<const std::uint8_t> bytes) {
    if (auto fault = count(bytes.size())) return fault;
    if (const int fault = file_->append(bytes); fault != 0) return space_.failure(fault);
    digest_.update(bytes);
    bytes_ += bytes.size();
    return std::nullopt;
}

wire::MaybeFault FileUpload::hold(std::size_t place, std::span<const std::uint8_t> bytes) {
    if (auto fault = count(bytes.size())) return fault;
    std::optional<HeldBytes>& held = held_.at(place);
    int fault = 0;
    if (!held) held.emplace(space_.directory, fault);
    if (fault == 0) fault = held->append(bytes);
    if (fault != 0) return space_.failure(fault);
    held_bytes_ += bytes.size();
    return std::nullopt;
}

wire::MaybeFault FileUpload::replay(std::size_t place,
                                    const std::function<void(std::span<const std::uint8_t>)>& consume) {
    std::optional<HeldBytes>& held = held_.at(place);
    if (!held) return std::nullopt;
    held_bytes_ = 0;  // they may take what the file will
    const int fault = held->replay(consume);
    held.reset();
    if (fault != 0) return space_.failure(fault);
    return std::nullopt;
}

}  // namespace einfer::keystore
