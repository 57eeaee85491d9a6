#include "protocol/json_reader.h"

#include <boost/json/basic_parser_impl.hpp>
#include <boost/json/value.hpp>

#include <charconv>
#include <cmath>
#include <optional>
#include <utility>

namespace einfer::protocol {
namespace {

namespace json = boost::json;
using boost::system::error_code;

// A member: its value, its key, their heap blocks, and the room that containers keep for growth.
constexpr std::size_t bytes_a_value = 96;

/// Builds the document in place. Pointers to open containers stay valid: only the innermost one grows.
class DomHandler {
public:
    static constexpr std::size_t max_array_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_object_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_string_size = static_cast<std::size_t>(-1);
    static constexpr std::size_t max_key_size = static_cast<std::size_t>(-1);

    DomHandler(const JsonLimits& limits, StringTap* tap) : limits_(limits), tap_(tap) {}

    std::optional<Error> fault;
    [[nodiscard]] std::size_t memory() const { return values_ * bytes_a_value + 2 * text_bytes_; }
    bool too_large = false;  // from then on only the syntax is read: a syntax error is the stronger verdict
    json::value root;

    bool on_document_begin(error_code&) { return true; }
    bool on_document_end(error_code&) { return true; }

    bool on_array_begin(error_code&) { return open(json::array{}); }
    bool on_array_end(std::size_t, error_code&) {
        if (!too_large) path_.pop_back();
        return true;
    }
    bool on_object_begin(error_code&) { return open(json::object{}); }
    bool on_object_end(std::size_t, error_code&) {
        if (too_large) return true;
        if (tap_ != nullptr) tap_->object_end(path_);
        path_.pop_back();
        return true;
    }

    bool on_key_part(std::string_view part, std::size_t, error_code&) {
        gather(part);
        return true;
    }
    bool on_key(std::string_view part, std::size_t, error_code& ec) {
        gather(part);
        if (too_large) return true;
        JsonFrame& frame = path_.back();
        frame.key = std::exchange(text_, {});
        if (!frame.container->get_object().contains(frame.key)) return true;
        fault = Error{ErrorCode::MalformedJson, "an object has the same member twice"};
        ec = json::error::exception;  // any code stops the parser; `fault` says why
        return false;
    }

    bool on_string_part(std::string_view part, std::size_t, error_code&) {
        if (too_large) return true;
        begin_string();
        if (tapping_)
            tap_->text(part);
        else
            gather(part);
        return true;
    }
    bool on_string(std::string_view part, std::size_t, error_code& ec) {
        on_string_part(part, 0, ec);
        in_string_ = false;
        if (!tapping_) return put(json::string(std::exchange(text_, {})));
        tapping_ = false;
        tap_->end();
        return put(json::string{});
    }

    bool on_number_part(std::string_view part, error_code&) {
        if (number_text_.size() + part.size() > limits_.max_string_bytes)
            too_large = true;
        else
            number_text_.append(part);
        return true;
    }
    bool on_int64(std::int64_t number, std::string_view rest, error_code& ec) {
        on_number_part(rest, ec);
        number_text_.clear();
        return put(number);
    }
    bool on_uint64(std::uint64_t number, std::string_view rest, error_code& ec) {
        on_number_part(rest, ec);
        number_text_.clear();
        return put(static_cast<double>(number));  // Boost calls this only above the range of int64_t
    }
    bool on_double(double number, std::string_view rest, error_code& ec) {
        // Boost's own value may be off by a unit in the last place. Beyond the range of a double its infinity or zero
        // stays.
        on_number_part(rest, ec);
        std::from_chars(number_text_.data(), number_text_.data() + number_text_.size(), number);
        number_text_.clear();
        const bool fits = number >= -0x1p63 && number < 0x1p63;
        if (fits && std::trunc(number) == number) return put(static_cast<std::int64_t>(number));
        return put(number);
    }
    bool on_bool(bool value, error_code&) { return put(value); }
    bool on_null(error_code&) { return put(nullptr); }
    bool on_comment_part(std::string_view, error_code&) { return true; }
    bool on_comment(std::string_view, error_code&) { return true; }

private:
    void begin_string() {
        if (in_string_) return;
        in_string_ = true;
        tapping_ = tap_ != nullptr && tap_->begin(path_);
    }

    void gather(std::string_view part) {
        if (too_large) return;
        text_bytes_ += part.size();
        if (text_.size() + part.size() > limits_.max_string_bytes || text_bytes_ > limits_.max_text_bytes)
            too_large = true;
        else
            text_.append(part);
    }

    /// Stores a value where the document is being read; where it stands, or nullptr when the document is too large.
    json::value* place(json::value value) {
        if (too_large || ++values_ > limits_.max_values) {
            too_large = true;
            return nullptr;
        }
        if (path_.empty()) {
            root = std::move(value);
            return &root;
        }
        JsonFrame& frame = path_.back();
        if (json::array* array = frame.container->if_array()) {
            array->push_back(std::move(value));
            return &array->back();
        }
        return &frame.container->get_object().emplace(frame.key, std::move(value)).first->value();
    }
    bool put(json::value value) {
        place(std::move(value));
        return true;
    }
    bool open(json::value container) {
        json::value* const at = place(std::move(container));
        if (at != nullptr) path_.push_back({at, {}});
        return true;
    }

    const JsonLimits limits_;
    StringTap* tap_;
    std::vector<JsonFrame> path_;
    std::string text_;         // the key or string being gathered
    std::string number_text_;  // the number being gathered
    std::size_t text_bytes_ = 0;
    std::size_t values_ = 0;
    bool in_string_ = false;
    bool tapping_ = false;
};

json::parse_options options(const JsonLimits& limits) {
    json::parse_options chosen;
    chosen.max_depth = limits.max_depth;
    return chosen;
}

}  // namespace

class JsonReader::State {
public:
    State(const JsonLimits& limits, StringTap* tap) : parser_(options(limits), limits, tap) {}

    void feed(std::string_view chunk) {
        if (fault_) return;
        std::size_t used = 0;
        if (!parser_.done() && !chunk.empty()) {
            error_code ec;
            used = parser_.write_some(true, chunk.data(), chunk.size(), ec);
            if (ec) return fail(used);
        }
        if (parser_.done()) {
            const std::size_t extra = chunk.find_first_not_of(" \t\r\n", used);
            if (extra != std::string_view::npos) return fail(extra);
        }
        offset_ += chunk.size();
    }

    Result<json::value> finish() {
        if (!fault_ && !parser_.done()) {
            error_code ec;
            parser_.write_some(false, nullptr, 0, ec);
            if (ec || !parser_.done()) fail(0);
        }
        if (fault_) return *std::move(fault_);
        if (parser_.handler().too_large)
            return Error{ErrorCode::PayloadTooLarge,
                         "the JSON document has more text or more values than any valid one"};
        return std::move(parser_.handler().root);
    }

    [[nodiscard]] bool failed() const { return fault_.has_value(); }
    [[nodiscard]] std::size_t memory() const { return parser_.handler().memory(); }

private:
    void fail(std::size_t at) {
        fault_ = std::move(parser_.handler().fault);
        if (!fault_) fault_ = Error{ErrorCode::MalformedJson, "the body is not one well-formed JSON document"};
        fault_->details.emplace_back("byte", std::to_string(offset_ + at));
    }

    json::basic_parser<DomHandler> parser_;
    std::optional<Error> fault_;
    std::size_t offset_ = 0;  // bytes of the document before the current chunk
};

JsonReader::JsonReader(const JsonLimits& limits, StringTap* tap) : state_(std::make_unique<State>(limits, tap)) {}
JsonReader::~JsonReader() = default;
JsonReader::JsonReader(JsonReader&&) noexcept = default;
JsonReader& JsonReader::operator=(JsonReader&&) noexcept = default;

void JsonReader::feed(std::string_view chunk) { state_->feed(chunk); }
bool JsonReader::failed() const { return state_->failed(); }
std::size_t JsonReader::memory() const { return state_->memory(); }
Result<json::value> JsonReader::finish() { return state_->finish(); }

Result<json::value> parse_json(std::string_view text, const JsonLimits& limits) {
    JsonReader reader(limits);
    reader.feed(text);
    return reader.finish();
}

}  // namespace einfer::protocol
