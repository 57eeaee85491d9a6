#include "server/keys_upload.h"

#include <algorithm>

namespace einfer::server {
namespace {

constexpr protocol::KeyPart all_parts[] = {protocol::KeyPart::Relinearization, protocol::KeyPart::Galois};

Error no_memory() { return {ErrorCode::Overloaded, "the server's memory budget is used up; try again later"}; }

std::size_t index(protocol::KeyPart part) { return static_cast<std::size_t>(part); }

Error at_part(Error error, protocol::KeyPart part) {
    error.details.emplace_back("part", protocol::name(part));
    return error;
}

std::span<const std::uint8_t> bytes_of(std::string_view text) {
    return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

KeysUpload::KeysUpload(const Catalog& catalog, keystore::KeyStore& store, MemoryBudget& budget, std::string tenant,
                       keystore::Quota quota, std::uint64_t binary_header_bytes)
    : catalog_(catalog),
      store_(store),
      budget_(budget),
      tenant_(std::move(tenant)),
      quota_(quota),
      envelope_(budget),
      parser_(std::in_place, binary_header_bytes, static_cast<protocol::KeyPartSink&>(*this)) {}

void KeysUpload::feed(std::string_view chunk) {
    if (!parser_) return;
    parser_->feed(chunk);
    if (envelope_.grow(parser_->envelope_memory() - envelope_.bytes())) return;
    parser_.reset();
    keys_.reset();
    upload_.reset();
    envelope_.release();
}

bool KeysUpload::needs(KeyPart part) const {
    return model_ != nullptr && model_->key_needs &&
           (part == KeyPart::Relinearization ? model_->key_needs->relinearization() : model_->key_needs->rotations());
}

/// In the key file relinearization comes first.
bool KeysUpload::can_parse(KeyPart part) const {
    if (model_ == nullptr) return false;
    return part == KeyPart::Relinearization || !needs(KeyPart::Relinearization) ||
           (parts_[index(KeyPart::Relinearization)].present && !parts_[index(KeyPart::Relinearization)].held);
}

void KeysUpload::stop(Error error) {
    if (!stopped_) stopped_ = std::move(error);
    upload_.reset();
    keys_.reset();
}

void KeysUpload::open_upload() {
    if (upload_ || stopped_) return;
    auto begun = store_.begin(tenant_, quota_);
    if (!begun) return stop(begun.error());
    upload_ = *std::move(begun);
}

void KeysUpload::begin_part(KeyPart part, std::string_view model_id, std::string_view version,
                            std::optional<protocol::Encoding> encoding) {
    if (model_ == nullptr && !model_id.empty() && !version.empty())
        if (const auto found = catalog_.find(model_id, version)) model_ = *found;
    const bool names_are_known = !model_id.empty() && !version.empty();
    part_ = part;
    open_ = true;
    Part& begun = current();
    begun.present = true;
    if (names_are_known && !needs(part)) {
        open_ = false;  // the request is refused, whatever is in it
        return;
    }
    begun.held = !can_parse(part) || !encoding;
    if (begun.held)
        open_upload();
    else
        begin_parsing(*encoding);
}

void KeysUpload::begin_parsing(protocol::Encoding encoding) {
    encoding_ = encoding;
    decoder_.reset();
    if (encoding != protocol::Encoding::Binary) decoder_.emplace(encoding);
    current().begun = true;
    keys_.reset();
    // Where something was wrong before, only the encoding is looked at.
    for (const Part& part : parts_)
        if (part.fault || part.keys_fault) return;
    open_upload();
    if (!upload_) return;
    if (!writer_) {
        writer_.emplace(*model_->key_needs->header(), [this](std::span<const std::uint8_t> bytes) -> wire::MaybeFault {
            if (!upload_) return wire::out_of_memory();
            return upload_->append(bytes);
        });
        if (const auto fault = writer_->begin()) return stop(wire::to_error(*fault));
    }
    keys_.emplace(part_ == KeyPart::Relinearization ? wire::KeyKind::relinearization : wire::KeyKind::galois,
                  model_->key_needs->rules(), *writer_, &budget_);
}

void KeysUpload::parse_text(std::string_view text) {
    if (!decoder_) {
        if (keys_) keys_->feed(bytes_of(text));
        return;
    }
    decoder_->feed(text, [this](std::span<const std::uint8_t> bytes) {
        if (keys_) keys_->feed(bytes);
    });
}

void KeysUpload::end_parsing() {
    Part& part = current();
    if (decoder_)
        if (const auto finished = decoder_->finish(); !finished) part.fault = finished.error();
    decoder_.reset();
    if (!keys_) return;
    if (const auto finished = keys_->finish(); !finished) part.keys_fault = finished.error();
    keys_.reset();
    // Its room is somebody else's, unless there is more to judge.
    const bool more = std::ranges::any_of(parts_, [](const Part& each) { return each.held; });
    if ((part.fault || part.keys_fault) && !more) upload_.reset();
}

void KeysUpload::part_text(std::string_view text) {
    if (!open_) return;
    if (!current().held) return parse_text(text);
    if (!upload_) return;
    if (const auto fault = upload_->hold(index(part_), bytes_of(text))) stop(wire::to_error(*fault));
}

void KeysUpload::end_part(std::optional<protocol::Encoding> encoding) {
    encodings_[index(part_)] = encoding;
    if (!open_) return;
    open_ = false;
    if (!current().held) end_parsing();
}

void KeysUpload::replay(KeyPart part) {
    part_ = part;
    Part& held = current();
    const auto encoding = encodings_[index(part)];
    if (!encoding) {
        held.fault = Error{ErrorCode::InvalidEncoding, "an encoding is \"hex\" or \"base64\""};
        return;
    }
    held.held = false;
    begin_parsing(*encoding);
    if (upload_) {  // which stays: what is read of it is judged at its end
        const auto fault = upload_->replay(index(part), [this](std::span<const std::uint8_t> bytes) {
            parse_text({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
        });
        if (fault) return stop(wire::to_error(*fault));
    }
    end_parsing();
}

Result<void> KeysUpload::check_parts(const protocol::KeysUploadRequest& request) const {
    if (!model_->key_needs)
        return Error{ErrorCode::SchemaViolation,
                     "the model needs no evaluation keys",
                     {{"pointer", "/model_id"}, {"rule", "enum"}}};
    for (const KeyPart part : all_parts) {
        const bool sent = std::ranges::find(request.parts, part) != request.parts.end();
        const std::string name(protocol::name(part));
        if (needs(part) && !sent)
            return Error{ErrorCode::SchemaViolation,
                         "the model needs these keys, too: see GET /keys",
                         {{"pointer", '/' + name}, {"rule", "required"}}};
        if (!needs(part) && sent)
            return Error{ErrorCode::SchemaViolation,
                         "the model does not need these keys",
                         {{"pointer", '/' + name}, {"rule", "additionalProperties"}}};
    }
    return {};
}

Result<KeysUpload::Checked> KeysUpload::finish() {
    auto verdict = judge();
    if (!verdict) upload_.reset();
    return verdict;
}

Result<KeysUpload::Checked> KeysUpload::judge() {
    if (!parser_) return no_memory();
    const auto request = parser_->finish();
    envelope_.release();
    if (!request) return request.error();
    const auto found = catalog_.find(request->model_id, request->version);
    if (!found) return found.error();
    model_ = *found;
    if (const auto checked = check_parts(*request); !checked) return checked.error();
    if (request->sizes_fault) return *request->sizes_fault;
    if (stopped_) return *stopped_;
    for (const KeyPart part : all_parts)
        if (parts_[index(part)].held) replay(part);
    for (const KeyPart part : all_parts)
        if (const auto& fault = parts_[index(part)].fault) return at_part(*fault, part);
    for (const KeyPart part : all_parts)
        if (const auto& fault = parts_[index(part)].keys_fault) return at_part(*fault, part);
    if (stopped_) return *stopped_;
    if (!upload_ || !writer_ || !writer_->is_complete())
        return Error{ErrorCode::Internal, "evaluation keys were lost on their way"};
    return Checked{std::move(upload_), model_->key_needs->header(), model_->view.model_id + '@' + model_->view.version};
}

}  // namespace einfer::server
