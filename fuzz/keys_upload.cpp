// POST /keys bodies, JSON and binary, through the push parser: an envelope, and keys that it hands on unread.
//
// Oracle: any chunking gives the same verdict and details, and the same bytes of the same parts. Of a binary body whose
// sizes are good, the parts are what stands behind its header, in order and completely. Memory stays bounded, however
// long the keys are.
#include "protocol/keys_upload.h"
#include "common/allocations.h"
#include "common/input.h"
#include "common/require.h"
#include "support/verdict.h"

namespace einfer::fuzz {
namespace {

using protocol::KeyPart;

class Recorder final : public protocol::KeyPartSink {
public:
    void begin_part(KeyPart part, std::string_view model_id, std::string_view version,
                    std::optional<protocol::Encoding> encoding) override {
        require(!open_, "parts do not overlap");
        open_ = true;
        begun_ += '\n' + std::string(name(part)) + ' ' + std::string(model_id) + ' ' + std::string(version) + ' ' +
                  (encoding ? std::string(name(*encoding)) : "?") + ' ';
    }
    void part_text(std::string_view text) override {
        require(open_, "bytes come inside a part");
        bytes_ += text;
        begun_ += text;
    }
    void end_part(std::optional<protocol::Encoding> encoding) override {
        require(open_, "a part ends once");
        open_ = false;
        begun_ += encoding ? std::string(name(*encoding)) : "?";
    }

    [[nodiscard]] const std::string& shown() const { return begun_; }
    [[nodiscard]] const std::string& bytes() const { return bytes_; }

private:
    bool open_ = false;
    std::string begun_, bytes_;
};

class Discarder final : public protocol::KeyPartSink {
public:
    void begin_part(KeyPart, std::string_view, std::string_view, std::optional<protocol::Encoding>) override {}
    void part_text(std::string_view) override {}
    void end_part(std::optional<protocol::Encoding>) override {}
};

Result<protocol::KeysUploadRequest> parse(std::string_view body, std::uint64_t header_bytes,
                                          protocol::KeyPartSink& sink, std::optional<std::uint8_t> chunking) {
    protocol::KeysUploadParser parser(header_bytes, sink);
    const auto feed = [&parser](std::string_view piece) { parser.feed(piece); };
    if (chunking)
        feed_in_chunks(body, *chunking, feed);
    else
        feed(body);
    return parser.finish();
}

/// Everything that must not depend on the chunks. What was handed on before a fault may.
std::string shown(const Result<protocol::KeysUploadRequest>& request, const Recorder& sink) {
    if (!request) return test::text_of(request.error());
    std::string text = request->model_id + '\n' + request->version;
    for (const KeyPart part : request->parts) text += '\n' + std::string(name(part));
    if (request->sizes_fault) return text + '\n' + test::text_of(*request->sizes_fault);
    return text + sink.shown();
}

}  // namespace
}  // namespace einfer::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    using namespace einfer::fuzz;
    Input input(data, size);
    const std::uint8_t chunking = input.byte();
    const unsigned power = input.byte();
    const unsigned raw_bytes = input.byte();  // of a binary body, at the end; 255: the body is JSON
    const auto shift = static_cast<std::int8_t>(input.byte());
    const std::string_view text = input.text();
    const bool binary = raw_bytes != 255;
    const std::size_t raw_from = binary ? text.size() - std::min<std::size_t>(text.size(), raw_bytes) : text.size();
    const std::string header = repeated(text.substr(0, raw_from), power);
    const std::string body = header + std::string(text.substr(raw_from));
    const std::uint64_t header_bytes = binary ? header.size() + static_cast<std::uint64_t>(std::int64_t{shift}) : 0;

    Recorder whole, cut;
    const auto request = parse(body, header_bytes, whole, std::nullopt);
    const std::string verdict = shown(request, whole);
    require(shown(parse(body, header_bytes, cut, chunking), cut) == verdict, "chunking changes nothing", body);
    if (request && header_bytes != 0 && !request->sizes_fault)
        require(whole.bytes() == body.substr(header_bytes), "the parts are what follows the header", body);

    Discarder sink;
    const Allocations allocations;
    (void)parse(body, header_bytes, sink, 3);
    require_below(allocations, 16u << 20, "a body takes bounded memory");
    return 0;
}
