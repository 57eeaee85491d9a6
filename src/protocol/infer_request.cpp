#include "protocol/infer_request.h"

#include "protocol/request_envelope.h"

#include <boost/json/object.hpp>

#include <string.h>  // explicit_bzero

#include <algorithm>
#include <utility>

namespace einfer::protocol {
namespace {

/// Text that may be a secret key, sent by mistake: no copy of it stays in memory.
class WipedText {
public:
    WipedText() = default;
    WipedText(WipedText&& other) noexcept : text_(std::exchange(other.text_, {})) {}
    WipedText& operator=(WipedText&& other) noexcept {
        wipe();
        text_ = std::exchange(other.text_, {});
        return *this;
    }
    ~WipedText() { wipe(); }

    void append(std::string_view part) {
        if (text_.size() + part.size() > text_.capacity()) {
            std::string larger;
            larger.reserve(std::max(2 * text_.capacity(), text_.size() + part.size()));
            larger.append(text_);
            wipe();
            text_ = std::move(larger);
        }
        text_.append(part);
    }
    [[nodiscard]] std::string_view view() const { return text_; }

private:
    void wipe() { ::explicit_bzero(text_.data(), text_.size()); }
    std::string text_;
};

}  // namespace

/// Decodes /inputs/*/payload while it arrives.
class InferRequestParser::Tap final : public StringTap {
public:
    Tap(std::size_t max_payload_bytes, PayloadSink& sink, MemoryBudget* budget)
        : max_payload_bytes_(max_payload_bytes), sink_(sink), budget_(budget) {}

    bool begin(JsonPath path) override {
        if (!is_input(path) || path[2].key != "payload") return false;
        input_ = Input{};
        input_.present = true;
        if (budget_ != nullptr) input_.memory = Reservation(*budget_);
        const boost::json::value* const encoding = path[2].container->get_object().if_contains("encoding");
        input_.encoding_known = encoding != nullptr;
        if (input_.encoding_known) begin_decoding(*encoding);
        return true;
    }

    void text(std::string_view part) override {
        input_.characters += part.size();
        if (input_.encoding_known)
            decode(part);
        else if (input_.characters <= encoded_size(Encoding::Hex, max_payload_bytes_))
            hold(part);
    }

    void end() override {}

    void object_end(JsonPath path) override {
        if (!is_input(path)) return;
        if (input_.present && !input_.encoding_known) {
            const boost::json::value* const encoding = path[2].container->get_object().if_contains("encoding");
            if (encoding != nullptr) {  // without one the schema refuses the request
                begin_decoding(*encoding);
                decode(input_.text.view());
            }
        }
        // The first fault is the one that is reported; a thousand more need not be kept.
        payloads_.push_back({input_.bytes, faulty_ ? std::nullopt : verdict()});
        faulty_ = faulty_ || payloads_.back().fault;
        if (input_.begun) sink_.end_input();
        input_ = Input{};
    }

    [[nodiscard]] std::size_t memory() const { return payloads_.capacity() * sizeof(Payload); }
    std::vector<Payload> take_payloads() { return std::move(payloads_); }

private:
    struct Input {
        bool present = false;
        bool encoding_known = false;
        bool begun = false;
        std::optional<Encoding> encoding;  // absent when it is not one we know
        std::optional<PayloadDecoder> decoder;
        std::size_t characters = 0;
        std::size_t bytes = 0;
        WipedText text;  // held only until the encoding is known
        Reservation memory;
        bool no_memory = false;
    };

    static bool is_input(JsonPath path) {
        return path.size() == 3 && path[0].key == "inputs" && path[0].container->is_object() &&
               path[1].container->is_array() && path[2].container->is_object();
    }

    void begin_decoding(const boost::json::value& encoding) {
        input_.begun = true;
        sink_.begin_input();
        if (const boost::json::string* text = encoding.if_string()) input_.encoding = encoding_from(*text);
        if (input_.encoding) input_.decoder.emplace(*input_.encoding);
    }

    void hold(std::string_view part) {
        constexpr std::size_t growth = 2;  // a string doubles its capacity
        input_.no_memory = input_.no_memory || !input_.memory.grow(growth * part.size());
        if (!input_.no_memory) input_.text.append(part);
    }

    /// Longer than the text of any payload, well encoded or not: so the pieces that it came in do not matter.
    [[nodiscard]] bool too_many_characters() const {
        return input_.characters > encoded_size(*input_.encoding, max_payload_bytes_);
    }

    void decode(std::string_view part) {
        if (!input_.decoder || too_many_characters()) return;
        input_.decoder->feed(part, [this](std::span<const std::uint8_t> bytes) {
            input_.bytes += bytes.size();
            if (input_.bytes <= max_payload_bytes_) sink_.input_bytes(bytes);
        });
    }

    [[nodiscard]] std::optional<Error> verdict() const {
        const Error too_long{ErrorCode::PayloadTooLarge, "a payload is longer than any model's largest ciphertext"};
        if (!input_.begun) return std::nullopt;  // the schema refuses the request
        if (!input_.decoder) return Error{ErrorCode::InvalidEncoding, "an encoding is \"hex\" or \"base64\""};
        if (too_many_characters()) return too_long;
        if (input_.no_memory)
            return Error{ErrorCode::Overloaded, "the server's memory budget is used up; try again later"};
        if (const auto finished = input_.decoder->finish(); !finished) return finished.error();
        if (input_.bytes > max_payload_bytes_) return too_long;
        return std::nullopt;
    }

    const std::size_t max_payload_bytes_;
    PayloadSink& sink_;
    MemoryBudget* const budget_;
    Input input_;
    std::vector<Payload> payloads_;
    bool faulty_ = false;
};

InferRequestParser::InferRequestParser(std::size_t max_payload_bytes, PayloadSink& sink, MemoryBudget* budget)
    : tap_(std::make_unique<Tap>(max_payload_bytes, sink, budget)), reader_(envelope_limits, tap_.get()) {}
InferRequestParser::~InferRequestParser() = default;

void InferRequestParser::feed(std::string_view chunk) { reader_.feed(chunk); }

std::size_t InferRequestParser::envelope_memory() const { return reader_.memory() + tap_->memory(); }

Result<InferRequest> InferRequestParser::finish() {
    auto request = read_envelope(reader_.finish(), Schema::InferRequest);
    if (request) request->payloads = tap_->take_payloads();
    return request;
}

}  // namespace einfer::protocol
