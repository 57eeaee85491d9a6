#include "protocol/keys_upload.h"

#include "protocol/schema.h"

#include <boost/json/object.hpp>

#include <string>
#include <utility>

namespace einfer::protocol {
namespace {

namespace json = boost::json;

constexpr JsonLimits limits{.max_depth = 8, .max_values = 64, .max_string_bytes = 4096, .max_text_bytes = 64 * 1024};
constexpr KeyPart all_parts[] = {KeyPart::Relinearization, KeyPart::Galois};

std::string_view text_of(const json::object& object, std::string_view member) {
    const json::value* const found = object.if_contains(member);
    return found != nullptr && found->is_string() ? std::string_view(found->get_string()) : std::string_view();
}

std::optional<Encoding> encoding_of(const json::object& part) { return encoding_from(text_of(part, "encoding")); }

Result<KeysUploadRequest> read_request(const Result<json::value>& document, Schema schema) {
    // Without the details: where a fault was noticed depends on how the body arrived, and replies must not.
    if (!document) return Error{document.error().code, document.error().message};
    if (const auto checked = check_schema(schema, *document); !checked) return checked.error();
    const json::object& object = document->get_object();
    if (const json::value* version = object.if_contains("api_version"))
        if (const auto parsed = parse_api_version(version->get_string()); !parsed) return parsed.error();
    KeysUploadRequest request;
    request.model_id = object.at("model_id").get_string();
    request.version = object.at("version").get_string();
    for (const KeyPart part : all_parts)
        if (object.contains(name(part))) request.parts.push_back(part);
    return request;
}

}  // namespace

std::string_view name(KeyPart part) { return part == KeyPart::Relinearization ? "relinearization" : "galois"; }

/// Takes /relinearization/payload and /galois/payload.
class KeysUploadParser::Tap final : public StringTap {
public:
    explicit Tap(KeyPartSink& sink) : sink_(sink) {}

    bool begin(JsonPath path) override {
        const auto part = part_at(path);
        if (!part || path[1].key != "payload") return false;
        const json::object& root = path[0].container->get_object();
        begun_ = true;
        sink_.begin_part(*part, text_of(root, "model_id"), text_of(root, "version"),
                         encoding_of(path[1].container->get_object()));
        return true;
    }
    void text(std::string_view part) override { sink_.part_text(part); }
    void end() override {}
    void object_end(JsonPath path) override {
        if (!begun_ || !part_at(path)) return;
        begun_ = false;
        sink_.end_part(encoding_of(path[1].container->get_object()));
    }

private:
    static std::optional<KeyPart> part_at(JsonPath path) {
        if (path.size() != 2 || !path[0].container->is_object() || !path[1].container->is_object()) return std::nullopt;
        for (const KeyPart part : all_parts)
            if (path[0].key == name(part)) return part;
        return std::nullopt;
    }

    KeyPartSink& sink_;
    bool begun_ = false;
};

KeysUploadParser::KeysUploadParser(std::uint64_t binary_header_bytes, KeyPartSink& sink)
    : sink_(sink), tap_(binary_header_bytes > 0 ? nullptr : std::make_unique<Tap>(sink)), reader_(limits, tap_.get()) {
    if (binary_header_bytes > 0) body_.emplace(binary_header_bytes, static_cast<BinaryBody::Sink&>(*this));
}
KeysUploadParser::~KeysUploadParser() = default;

void KeysUploadParser::feed(std::string_view chunk) {
    if (body_)
        body_->feed(chunk);
    else
        reader_.feed(chunk);
}

void KeysUploadParser::header_end() {
    const auto document = reader_.finish();
    request_ = read_request(document, Schema::KeysUploadBinary);
    if (!*request_) return;
    KeysUploadRequest& request = **request_;
    std::vector<std::uint64_t> sizes;
    for (const KeyPart part : request.parts) {
        const auto size = binary_data_size(document->at(name(part)));
        if (!size) {
            request.sizes_fault = bad_binary_data_size("part", std::string(name(part)));
            return;
        }
        sizes.push_back(*size);
    }
    body_->expect(std::move(sizes), true);
}

void KeysUploadParser::piece_begin(std::size_t piece) {
    const KeysUploadRequest& request = **request_;
    sink_.begin_part(request.parts[piece], request.model_id, request.version, Encoding::Binary);
}

std::size_t KeysUploadParser::envelope_memory() const { return reader_.memory(); }

Result<KeysUploadRequest> KeysUploadParser::finish() {
    if (!body_) return read_request(reader_.finish(), Schema::KeysUpload);
    if (const auto ended = body_->finish(); !ended) return ended.error();
    Result<KeysUploadRequest> request = *std::move(request_);
    if (request && !request->sizes_fault)
        if (const auto whole = body_->check_length(); !whole) request->sizes_fault = whole.error();
    return request;
}

}  // namespace einfer::protocol
