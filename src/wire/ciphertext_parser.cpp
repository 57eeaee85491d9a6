#include "wire/ciphertext_body.h"
#include "wire/object_reader.h"

namespace einfer::wire {

class CiphertextParser::State {
public:
    explicit State(const ParserLimits& limits)
        : body_(limits), reader_(body_, limits.max_serialized_bytes, limits.budget) {}

    void feed(std::span<const std::uint8_t> bytes) { reader_.feed(bytes); }

    Result<Ciphertext> finish() {
        if (const MaybeFault fault = reader_.finish()) return to_error(*fault);
        return body_.take();
    }

private:
    CiphertextBody body_;
    ObjectReader reader_;
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
