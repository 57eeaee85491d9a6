#include "wire/ciphertext_body.h"
#include "wire/inflater.h"

#include <algorithm>
#include <array>
#include <new>

namespace einfer::wire {

class CiphertextParser::State {
public:
    explicit State(const ParserLimits& limits) : limits_(limits), body_(limits) {}

    void feed(std::span<const std::uint8_t> bytes) {
        const std::size_t room = limits_.max_serialized_bytes - received_;
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
        // Excess tells the sender more than what else is wrong, except that a key has leaked.
        if (wanted.size() < bytes.size() && !(fault_ && fault_->is_secret_key)) {
            fault_ = too_large();
            give_up();
        }
    }

    Result<Ciphertext> finish() {
        if (!fault_) {
            fault_ = missing();
            if (fault_) give_up();
        }
        if (fault_) return to_error(*fault_);
        fault_ = invalid("the ciphertext was already taken");
        inflater_.reset();
        return body_.take();
    }

private:
    static Fault too_large() {
        return {ErrorCode::PayloadTooLarge, "the ciphertext is longer than any that is expected here", "size"};
    }

    MaybeFault consume(std::span<const std::uint8_t> bytes) {
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

    MaybeFault start_body() {
        if (const MaybeFault fault = read_outer_header(header_bytes_, header_)) return fault;
        body_.set_minor(header_.minor);
        switch (header_.compression) {
            case Compression::none: body_.set_declared_size(header_.size - seal_header_size); break;
            case Compression::zlib: inflater_ = make_zlib_inflater(limits_.budget); break;
            case Compression::zstd: inflater_ = make_zstd_inflater(limits_.budget); break;
        }
        return std::nullopt;
    }

    [[nodiscard]] MaybeFault missing() const {
        if (body_.is_secret_key()) return secret_key_fault();
        if (received_ < seal_header_size || left_ != 0 || !body_.is_complete() || (inflater_ && !inflater_->at_end()))
            return invalid("the ciphertext ends early: send all bytes that Ciphertext::save writes", "size");
        return std::nullopt;
    }

    /// Frees all memory, wiped when it holds what nobody should have sent.
    void give_up() {
        if (inflater_ && (fault_->is_secret_key || body_.is_secret_key())) inflater_->wipe_when_freed();
        inflater_.reset();
        body_.wipe();
        body_ = CiphertextBody(limits_);
    }

    ParserLimits limits_;
    std::size_t received_ = 0;  ///< at most max_serialized_bytes
    std::uint64_t left_ = 0;    ///< of the declared size
    std::array<std::uint8_t, seal_header_size> header_bytes_{};
    SealHeader header_;
    CiphertextBody body_;
    std::unique_ptr<Inflater> inflater_;
    MaybeFault fault_;
};

CiphertextParser::CiphertextParser(const ParserLimits& limits) : state_(std::make_unique<State>(limits)) {}
CiphertextParser::~CiphertextParser() = default;
CiphertextParser::CiphertextParser(CiphertextParser&&) noexcept = default;
CiphertextParser& CiphertextParser::operator=(CiphertextParser&&) noexcept = default;

void CiphertextParser::feed(std::span<const std::uint8_t> bytes) { state_->feed(bytes); }

Result<Ciphertext> CiphertextParser::finish() { return state_->finish(); }

Result<Ciphertext> parse_ciphertext(std::span<const std::uint8_t> bytes, const ParserLimits& limits) {
    CiphertextParser parser(limits);
    parser.feed(bytes);
    return parser.finish();
}

}  // namespace einfer::wire
